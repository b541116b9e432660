import { Failure, type FailureCode, messageOf } from '../../domain/failure.ts';
import type { Connection } from '../engine.ts';

interface Meaning {
  readonly when: RegExp;
  readonly code: FailureCode;
  readonly cause: string;
  readonly remedy: string;
}

/** What servers, libpq and the network say when there is no way in, and what to do about it. First match wins. */
const MEANINGS: readonly Meaning[] = [
  {
    when: /password authentication failed|28P01|no password supplied|SASL.*(?:password|signature)|PAM authentication failed/i,
    code: 'authentication_failed',
    cause: 'refused the password of user {user}',
    remedy: 'Check user and password; special characters in a URL are written as %XX.',
  },
  {
    when: /certificate|self.signed|altname|hostname\/ip does not match|unable to verify|root certificate|tlsv1|ssl alert/i,
    code: 'tls_refused',
    cause: 'has a certificate that could not be verified',
    remedy:
      'Name its certificate authority with sslrootcert=/path/to/ca.pem, and use the host name that is in its certificate.',
  },
  {
    when: /does not support SSL|server does not support ssl/i,
    code: 'tls_refused',
    cause: 'does not offer TLS',
    remedy: 'Turn on TLS on the server, or, on a network you trust, use sslmode=disable.',
  },
  {
    when: /no pg_hba\.conf entry|pg_hba\.conf rejects/i,
    code: 'authentication_failed',
    cause: 'has no pg_hba.conf line that lets user {user} in from here',
    remedy: 'Add a line for this user, database and address to pg_hba.conf, and mind whether it asks for TLS.',
  },
  {
    when: /role .* (?:does not exist|is not permitted to log in)|authentication failed|channel binding|authentication method/i,
    code: 'authentication_failed',
    cause: 'does not let user {user} in',
    remedy: 'Check that the role exists, may log in, and has a SCRAM password.',
  },
  {
    when: /permission denied for database/i,
    code: 'privilege_missing',
    cause: 'does not let user {user} into database {database}',
    remedy: 'Run: GRANT CONNECT ON DATABASE {database} TO {user}',
  },
  {
    when: /database .* does not exist|3D000/i,
    code: 'not_found',
    cause: 'has no database {database}',
    remedy: 'Check the name; it is case-sensitive.',
  },
  {
    when: /too many (?:clients|connections)|remaining connection slots|53300/i,
    code: 'database_unreachable',
    cause: 'has no connection left',
    remedy: 'Raise max_connections or the role’s CONNECTION LIMIT: a backup needs two connections.',
  },
  {
    when: /starting up|shutting down|recovery mode|57P03/i,
    code: 'database_unreachable',
    cause: 'is starting up or shutting down',
    remedy: 'Try again once it accepts connections.',
  },
  {
    when: /ENOTFOUND|EAI_AGAIN|could not translate host/i,
    code: 'database_unreachable',
    cause: 'is a host name that could not be resolved',
    remedy: 'Check the host name.',
  },
  {
    when: /ECONNRESET|EPIPE|terminated unexpectedly|timeout expired|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH/i,
    code: 'database_unreachable',
    cause: 'does not answer as a PostgreSQL server on port {port}',
    remedy: 'Check host, port, network and firewalls, and that a PostgreSQL server listens there.',
  },
  {
    when: /ECONNREFUSED|connection refused/i,
    code: 'database_unreachable',
    cause: 'does not accept connections on port {port}',
    remedy: 'Check host and port, and that the server runs and listens there.',
  },
];

/** Any error of connecting as a Failure of one cause and one remedy. A Failure stays what it is. */
export function explainConnection(error: unknown, source: Connection): unknown {
  if (error instanceof Failure) return error;
  if (error instanceof DOMException) return error;
  const said = `${messageOf(error)} ${codeOf(error)}`;
  const meaning = MEANINGS.find(({ when }) => when.test(said));
  const fill = (text: string) =>
    text.replace(/\{(user|database|port)\}/g, (_all, name: 'user' | 'database' | 'port') => String(source[name]));
  if (meaning === undefined) {
    return new Failure('database_unreachable', `${source.host} could not be used: ${messageOf(error)}.`, {
      remedy: 'Check host, port and network, and that a PostgreSQL server answers there.',
      cause: error,
    });
  }
  return new Failure(meaning.code, `${source.host} ${fill(meaning.cause)}.`, {
    remedy: fill(meaning.remedy),
    cause: error,
  });
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

/** The same for what a libpq program said before it could do anything; undefined when it speaks of something else. */
export function explainLibpq(stderr: string, source: Connection): Failure | undefined {
  const line = stderr.split('\n').find((text) => /connection to server|could not (?:connect|translate)/i.test(text));
  if (line === undefined) return undefined;
  const explained = explainConnection(new Error(stderr.trim()), source);
  return explained instanceof Failure ? explained : undefined;
}
