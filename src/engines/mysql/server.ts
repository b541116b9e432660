import { readFileSync } from 'node:fs';
import { connect as dial } from 'node:net';
import type { ConnectionOptions, Connection as Driver, RowDataPacket } from 'mysql2/promise';
import { createConnection } from 'mysql2/promise';
import { Failure, messageOf } from '../../domain/failure.ts';
import type { Connection } from '../engine.ts';
import type { Family } from './option-file.ts';

export type Row = Readonly<Record<string, string | null>>;

/** A session of our own on the server, set up so that what it reads does not depend on the server's settings. */
export interface Server {
  readonly flavour: Family;
  /** As the server says it, `10.11.19`. */
  readonly version: string;
  readonly numbers: readonly number[];
  readonly sessionId: string;
  /** Rows of one statement, every value as text. */
  rows(sql: string): Promise<readonly Row[]>;
  run(sql: string): Promise<void>;
  /** Rows without names, for statements that a user wrote. */
  table(sql: string): Promise<readonly (readonly (string | null)[])[]>;
  close(): Promise<void>;
}

const CONNECT_MS = 15_000;

/**
 * SHOW CREATE and the like depend on these: an empty sql_mode for plain quoting, UTC for TIMESTAMP defaults.
 * Set one by one, since the families do not know all of each other's.
 */
const SETTINGS = [
  "SET SESSION sql_mode = ''",
  "SET SESSION time_zone = '+00:00'",
  'SET SESSION sql_quote_show_create = 1',
  'SET SESSION lock_wait_timeout = 30',
];
const MYSQL_SETTINGS = ['SET SESSION information_schema_stats_expiry = 0'];
const MARIADB_SETTINGS = ['SET SESSION max_statement_time = 0'];

/** Logs in. Every way this can fail is a Failure with a remedy; nothing is read but the server's name and version. */
export async function openServer(connection: Connection, signal?: AbortSignal): Promise<Server> {
  signal?.throwIfAborted();
  let driver: Driver;
  try {
    driver = await createConnection(driverOptions(connection));
  } catch (error) {
    throw connectFailure(error, connection);
  }
  // An idle session that the server ends must not end us: the next statement reports it.
  driver.on('error', () => undefined);
  try {
    return await prepare(driver, connection);
  } catch (error) {
    driver.destroy();
    throw connectFailure(error, connection);
  }
}

/** Opens a session, uses it, closes it whatever happens. */
export async function withServer<T>(connection: Connection, use: (server: Server) => Promise<T>): Promise<T> {
  const server = await openServer(connection);
  try {
    return await use(server);
  } finally {
    await server.close();
  }
}

async function prepare(driver: Driver, connection: Connection): Promise<Server> {
  const read = async (sql: string) => (await driver.query<RowDataPacket[]>(sql))[0] as unknown as Row[];
  const [about] = await read('SELECT @@version AS version, @@version_comment AS comment, CONNECTION_ID() AS id');
  const said = about?.version ?? '';
  const flavour: Family = /mariadb/i.test(`${said} ${about?.comment}`) ? 'MariaDB' : 'MySQL';
  const version = /\d+(?:\.\d+)*/.exec(said)?.[0] ?? '0';
  for (const setting of [...SETTINGS, ...(flavour === 'MySQL' ? MYSQL_SETTINGS : MARIADB_SETTINGS)]) {
    await driver.query(setting).catch((error) => ignoreUnknownVariable(error));
  }
  return {
    flavour,
    version,
    numbers: version.split('.').map(Number),
    sessionId: about?.id ?? '',
    rows: (sql) => read(sql).catch((error) => Promise.reject(statementFailure(error, connection))),
    run: async (sql) => {
      await driver.query(sql).catch((error) => Promise.reject(statementFailure(error, connection)));
    },
    table: async (sql) => {
      const [rows] = await driver.query<RowDataPacket[][]>({ sql, rowsAsArray: true });
      return (Array.isArray(rows) ? rows : []) as unknown as (string | null)[][];
    },
    close: async () => {
      await driver.end().catch(() => driver.destroy());
    },
  };
}

function ignoreUnknownVariable(error: unknown): void {
  if (codeOf(error) !== 'ER_UNKNOWN_SYSTEM_VARIABLE') throw error;
}

function driverOptions(connection: Connection): ConnectionOptions {
  const { host, port, user, database, password, address } = connection;
  return {
    host,
    user,
    port,
    ...(password === undefined ? {} : { password: password.reveal() }),
    ...(database === '' ? {} : { database }),
    // The checked address is dialled; the name stays what TLS checks the certificate against (F88).
    ...(address === undefined ? {} : { stream: () => dial({ host: address, port }) }),
    ...tlsOptions(connection),
    charset: 'utf8mb4',
    connectTimeout: CONNECT_MS,
    // No file of ours for the server (F104), no password in clear, one statement at a time.
    flags: ['-LOCAL_FILES'],
    enableCleartextPlugin: false,
    multipleStatements: false,
    typeCast: (field) => field.string('utf8'),
  };
}

function tlsOptions({ tls, host }: Connection): Pick<ConnectionOptions, 'ssl'> {
  if (tls.mode === 'disable') return {};
  const ca = tls.caFile === undefined ? {} : { ca: readFileSync(tls.caFile) };
  if (tls.mode === 'require') return { ssl: { rejectUnauthorized: false, ...ca } };
  return { ssl: { rejectUnauthorized: true, verifyIdentity: tls.mode === 'verify-full' && host !== '', ...ca } };
}

/** The driver's name of an error, `ER_ACCESS_DENIED_ERROR`, `ECONNREFUSED`. */
export function codeOf(error: unknown): string {
  if (typeof error === 'object' && error !== null && 'code' in error) return String(error.code);
  return '';
}

const DENIED = ['ER_ACCESS_DENIED_ERROR', 'ER_ACCESS_DENIED_NO_PASSWORD_ERROR', 'ER_HOST_NOT_PRIVILEGED'];
const DENIED_MORE = ['ER_ACCOUNT_HAS_BEEN_LOCKED', 'ER_MUST_CHANGE_PASSWORD_LOGIN', 'AUTH_SWITCH_PLUGIN_ERROR'];
const UNPRIVILEGED = [
  'ER_DBACCESS_DENIED_ERROR',
  'ER_TABLEACCESS_DENIED_ERROR',
  'ER_SPECIFIC_ACCESS_DENIED_ERROR',
  'ER_PROCACCESS_DENIED_ERROR',
  'ER_COLUMNACCESS_DENIED_ERROR',
];

/** Any error of logging in as a Failure: which of reach, TLS, account or name it was. */
export function connectFailure(error: unknown, connection: Connection): Failure {
  if (error instanceof Failure) return error;
  const code = codeOf(error);
  const place = `${connection.host}:${connection.port}`;
  const why = messageOf(error);
  if ([...DENIED, ...DENIED_MORE].includes(code)) {
    return new Failure('authentication_failed', `${place} refuses the login of ${connection.user}: ${why}`, {
      remedy: 'Check user, password and the hosts this account may come from.',
      cause: error,
    });
  }
  if (/LOCAL INFILE|mysql_clear_password/.test(why)) return rogueFailure(why, place, error);
  if (code === 'ER_BAD_DB_ERROR') {
    return new Failure('not_found', `There is no database ${JSON.stringify(connection.database)} on ${place}.`, {
      remedy: 'Check the name in the URL; names are case-sensitive on most servers.',
      cause: error,
    });
  }
  if (isTlsError(error, code)) return tlsFailure(error, place);
  return statementFailure(error, connection);
}

/** It asked for a file of ours or for the password in clear (F104): nothing was given. */
function rogueFailure(why: string, place: string, cause: unknown): Failure {
  return new Failure('authentication_failed', `${place} asks for what a server must not get: ${why}`, {
    remedy: 'Make sure that this is your server; give the account a password plugin that never sends it in clear.',
    cause,
  });
}

function isTlsError(error: unknown, code: string): boolean {
  if (/^(HANDSHAKE_|CERT_|ERR_TLS|ERR_SSL|UNABLE_TO|SELF_SIGNED|DEPTH_ZERO|EPROTO)/.test(code)) return true;
  return /certificate|\bssl\b|secure connection|insecure transport/i.test(messageOf(error));
}

function tlsFailure(error: unknown, place: string): Failure {
  return new Failure('tls_refused', `No trusted TLS connection to ${place}: ${messageOf(error)}`, {
    remedy: "Give the server's certificate authority with sslrootcert=/path/ca.pem, or lower sslmode knowingly.",
    cause: error,
  });
}

/** Any error of a statement as a Failure: missing rights, a lost connection, or our own mistake. */
export function statementFailure(error: unknown, connection: Connection): Failure {
  if (error instanceof Failure) return error;
  const code = codeOf(error);
  const place = `${connection.host}:${connection.port}`;
  if (UNPRIVILEGED.includes(code)) {
    return new Failure('privilege_missing', `${connection.user} lacks a right on ${place}: ${messageOf(error)}`, {
      remedy: 'Grant what the message names; `dbdump doctor` prints the exact statements.',
      cause: error,
    });
  }
  if (/^ER_(LOCK_WAIT_TIMEOUT|LOCK_DEADLOCK)/.test(code)) {
    return new Failure('dump_blocked', `A lock on ${place} was not free in time: ${messageOf(error)}`, {
      remedy: 'Try again when the other statement has ended; SHOW PROCESSLIST names it.',
      cause: error,
    });
  }
  if (code.startsWith('ER_') && code !== 'ER_CON_COUNT_ERROR' && code !== 'ER_SERVER_SHUTDOWN') {
    return new Failure('internal', `${place} refuses a statement: ${messageOf(error)}`, { cause: error });
  }
  return new Failure('database_unreachable', `${place} cannot be reached: ${messageOf(error)}`, {
    remedy: 'Check host, port, firewall and whether the server runs.',
    cause: error,
  });
}
