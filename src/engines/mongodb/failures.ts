/** Foreign errors, driver's and tools', turned into Failures once. */
import { MongoNetworkError, MongoServerError, MongoServerSelectionError } from 'mongodb';
import { Failure, type FailureCode, messageOf } from '../../domain/failure.ts';

const REMEDIES = {
  authentication_failed: 'Check user, password and the database that holds the user (authSource).',
  privilege_missing:
    'Grant the user a role: backup (or read on one database) to back up, restore (or readWrite and dbAdmin) to restore.',
  tls_refused:
    'Check that the server speaks TLS and that its certificate is signed for this host name, or give sslrootcert.',
  database_unreachable: 'Check host, port, firewall and that the server runs.',
  server_unsupported: 'Use a MongoDB server of version 4.2 or newer.',
} as const;

type Reason = keyof typeof REMEDIES;

/** What an error of the driver means. Anything unknown stays as it is. */
export function failureOf(error: unknown, place: string): Error {
  if (error instanceof Failure) return error;
  const reason = reasonOf(error);
  if (reason !== undefined) return failure(reason, place, { message: shortMessage(error), cause: error });
  return error instanceof Error ? error : new Error(messageOf(error));
}

const SERVER_CODES: Readonly<Record<string, Reason>> = { 13: 'privilege_missing', 18: 'authentication_failed' };

/** Whether a server refused because nobody logged in, not because of who did. */
export function needsLogin(error: MongoServerError): boolean {
  return /requires authentication/i.test(error.message);
}

function reasonOf(error: unknown): Reason | undefined {
  if (error instanceof MongoServerError && needsLogin(error)) return 'authentication_failed';
  if (error instanceof MongoServerError) return SERVER_CODES[String(error.code)];
  const message = shortMessage(error);
  // The driver's own check of user and password before it sends them.
  if (/rfc4013/i.test(message)) return 'authentication_failed';
  if (/wire version/i.test(message)) return 'server_unsupported';
  if (!(error instanceof MongoServerSelectionError || error instanceof MongoNetworkError)) return undefined;
  return isTlsTrouble(message) ? 'tls_refused' : 'database_unreachable';
}

function isTlsTrouble(message: string): boolean {
  return /certificate|\bTLS\b|\bSSL\b|altnames|self.signed|EPROTO|before secure/i.test(message);
}

function failure(reason: Reason, place: string, from: { message: string; cause?: unknown }): Failure {
  const words: Record<Reason, string> = {
    authentication_failed: `MongoDB at ${place} refused the login`,
    privilege_missing: `MongoDB at ${place} does not allow it`,
    tls_refused: `The TLS connection to MongoDB at ${place} failed`,
    database_unreachable: `MongoDB at ${place} cannot be reached`,
    server_unsupported: `MongoDB at ${place} is too old or too new`,
  };
  return new Failure(reason, `${words[reason]}: ${from.message}`, {
    remedy: REMEDIES[reason],
    ...(from.cause === undefined ? {} : { cause: from.cause }),
  });
}

/** First line only: a driver's message can hold a stack or a topology. */
function shortMessage(error: unknown): string {
  return messageOf(error).split('\n')[0]?.slice(0, 300) ?? '';
}

const TOOL_WORDS: readonly (readonly [RegExp, FailureCode, string])[] = [
  [
    /oplog overflow|unable to capture all new oplog entries/i,
    'dump_blocked',
    'Run the backup at a quieter time or enlarge the oplog: db.adminCommand({ replSetResizeOplog: 1, size: MB })',
  ],
  [/AuthenticationFailed|auth error|unable to authenticate/i, 'authentication_failed', REMEDIES.authentication_failed],
  [/\(Unauthorized\)|not authorized|requires authentication/i, 'privilege_missing', REMEDIES.privilege_missing],
  [/x509:|tls:|certificate/i, 'tls_refused', REMEDIES.tls_refused],
  [
    /server selection error|no reachable servers|connection refused/i,
    'database_unreachable',
    REMEDIES.database_unreachable,
  ],
  [
    /CursorNotFound|CappedPositionLost|cursor id \d+ not found/i,
    'dump_failed',
    'Run the backup again; the server closed the read, perhaps because a capped collection overran it.',
  ],
  [
    /NotWritablePrimary|NotPrimary|not primary|not master|InterruptedDueToReplStateChange|PrimarySteppedDown/i,
    'database_unreachable',
    'The server changed its role while it was used: run it again, against the primary for a restore.',
  ],
  [
    /error connecting to host|socket was unexpectedly closed|connection\(.*\) (?:incomplete read|socket)|EOF/i,
    'database_unreachable',
    REMEDIES.database_unreachable,
  ],
  // mongodump may trip over itself while it gives up, and then does not say over what.
  [/^panic: /, 'dump_failed', 'Run it again; if it ends so each time, look into the log of the MongoDB server.'],
];

/** A better Failure than the exit status from a tool's own words; undefined when they say nothing that is known. */
export function explainTool(program: string, stderr: string): Failure | undefined {
  for (const [pattern, code, remedy] of TOOL_WORDS) {
    const line = stderr.split('\n').findLast((candidate) => pattern.test(candidate));
    if (line !== undefined) return new Failure(code, `${program} failed: ${withoutDate(line)}`, { remedy });
  }
  return undefined;
}

function withoutDate(line: string): string {
  return line.replace(/^\S+\t/, '').slice(0, 300);
}
