import { readFileSync } from 'node:fs';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import pg from 'pg';
import { Failure } from '../../domain/failure.ts';
import type { Connection, Workbench } from '../engine.ts';
import { explainConnection } from './connection-failure.ts';
import { authenticationRule, connectSeconds, systemAuthorities } from './environment.ts';
import { isChangedByDriver, isKeptByServer, scramExchange } from './scram.ts';

export type Row = Readonly<Record<string, string | null>>;

/** One connection of ours. Every value arrives as the text the server sent. */
export interface Session {
  /** Rows of one statement, or of the last of several. Failures are thrown as the driver throws them. */
  rows(statement: string, values?: readonly unknown[]): Promise<readonly Row[]>;
  /** Rows of exactly one statement as arrays; several in one text are refused by the server. */
  table(statement: string): Promise<(string | null)[][]>;
  /** Runs a `COPY … TO STDOUT`, handing over one line at a time, without its end. Returns how many there were. */
  copy(statement: string, onLine: (line: Buffer) => void): Promise<number>;
  /** Options this session was started with, for other clients of the same server. */
  readonly serverOptions: string;
  end(): Promise<void>;
}

export interface SessionWish {
  readonly applicationName: string;
  /** Ends the session when aborted. */
  readonly signal?: AbortSignal;
}

/** Suffixes of `application_name`: what a session of one run is for. A dump's own session has none. */
export type Purpose = '' | ' snapshot' | ' restore' | ' look' | ' admin';

/** The name under which a run's sessions are seen on the server (F11); the server keeps 63 bytes. */
export function applicationName(bench: Pick<Workbench, 'runId'>, purpose: Purpose): string {
  return `database-dump ${bench.runId.slice(0, 40)}${purpose}`;
}

/**
 * A backend notices within seconds that its client is gone, even while it waits for a lock (F11); content is text of one
 * form whatever the database's settings say.
 */
const SERVER_OPTIONS = '-c client_connection_check_interval=2s -c bytea_output=hex -c quote_all_identifiers=off';

/** Refusals of a pooler, or of a server that cannot watch its clients: such a session does without. */
const OPTIONS_REFUSED =
  /unsupported startup parameter|unrecognized configuration parameter|client_connection_check_interval/;

/** Opens a connection; a server that cannot be used is a Failure that names cause and remedy. */
export async function openSession(source: Connection, wish: SessionWish): Promise<Session> {
  wish.signal?.throwIfAborted();
  try {
    return await dial(source, wish, SERVER_OPTIONS);
  } catch (error) {
    if (error instanceof Error && OPTIONS_REFUSED.test(error.message)) {
      return await dial(source, wish, '').catch((second: unknown) => {
        throw explainConnection(second, source);
      });
    }
    throw explainConnection(error, source);
  }
}

/** Opens a session for one piece of work and closes it whatever happens. */
export async function withSession<Result>(
  source: Connection,
  wish: SessionWish,
  work: (session: Session) => Promise<Result>,
): Promise<Result> {
  const session = await openSession(source, wish);
  try {
    return await work(session);
  } finally {
    await session.end();
  }
}

const WRONG_PASSWORD = '28P01';

/** A password that the driver would change is sent as it is where the server kept it so, or refuses the other form (F84). */
async function dial(source: Connection, wish: SessionWish, serverOptions: string): Promise<Session> {
  const password = source.password?.reveal() ?? '';
  const changed = isChangedByDriver(password);
  const kept = changed && isKeptByServer(password);
  try {
    return await dialOnce(source, wish, { serverOptions, asItIs: kept });
  } catch (error) {
    const refused = error instanceof Error && 'code' in error && error.code === WRONG_PASSWORD;
    if (!refused || kept || !changed) throw error;
    return dialOnce(source, wish, { serverOptions, asItIs: true });
  }
}

interface LogIn {
  readonly serverOptions: string;
  /** The password without the driver's preparation. */
  readonly asItIs: boolean;
}

async function dialOnce(source: Connection, wish: SessionWish, { serverOptions, asItIs }: LogIn): Promise<Session> {
  const client = new pg.Client({
    host: source.address ?? source.host,
    port: source.port,
    user: source.user,
    // A function, so that the driver looks for no password of its own.
    password: () => source.password?.reveal() ?? '',
    database: source.database,
    application_name: wish.applicationName,
    ssl: tlsOptions(source),
    enableChannelBinding: true,
    connectionTimeoutMillis: connectSeconds(source) * 1000,
    types: { getTypeParser: () => (value: string) => value },
  });
  setOptions(client, serverOptions);
  // An error between statements reaches the next statement; without a listener it would end the process.
  client.on('error', () => undefined);
  guardPassword(client, source);
  if (asItIs) answerAsItIs(client, source);
  // The driver never answers a log-in that was ended by itself.
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => undefined);
  const stop = () => {
    stopped.reject(wish.signal?.reason);
    void client.end().catch(() => undefined);
  };
  wish.signal?.addEventListener('abort', stop, { once: true });
  const end = async () => {
    wish.signal?.removeEventListener('abort', stop);
    await client.end().catch(() => undefined);
  };
  try {
    await Promise.race([client.connect(), stopped.promise]);
    await client.query(SETTINGS);
  } catch (error) {
    const ended = end();
    // A server that says nothing is not waited for after a cancel.
    wish.signal?.throwIfAborted();
    await ended;
    throw error;
  }
  return {
    rows: (text, values) => rows(client, text, values),
    table: (text) => table(client, text),
    copy: (text, onLine) => copy(client, text, onLine),
    serverOptions,
    end,
  };
}

/** Not by the constructor, which falls back to a variable of our environment. */
function setOptions(client: pg.Client, options: string): void {
  const { connectionParameters } = client as unknown as { connectionParameters: { options: string } };
  connectionParameters.options = options;
}

/** Names are resolved in pg_catalog alone, and text forms are those that pg_dump asks for. */
const SETTINGS = [
  "set search_path = ''",
  "set datestyle = 'ISO'",
  "set intervalstyle = 'postgres'",
  "set timezone = 'UTC'",
  'set extra_float_digits = 3',
  'set synchronize_seqscans = off',
  'set statement_timeout = 0',
  'set idle_in_transaction_session_timeout = 0',
  'set row_security = off',
].join('; ');

async function rows(client: pg.Client, text: string, values?: readonly unknown[]): Promise<readonly Row[]> {
  const result: unknown = await (values === undefined ? client.query(text) : client.query(text, [...values]));
  const last: unknown = Array.isArray(result) ? result.at(-1) : result;
  return (last as pg.QueryResult<Row>).rows;
}

async function table(client: pg.Client, text: string): Promise<(string | null)[][]> {
  const wish = { text, rowMode: 'array', queryMode: 'extended' };
  return (await client.query(wish as pg.QueryArrayConfig)).rows as (string | null)[][];
}

function tlsOptions(source: Connection): ConnectionOptions | false {
  const { mode, caFile } = source.tls;
  if (mode === 'disable') return false;
  if (mode === 'require') return { rejectUnauthorized: false };
  const file = caFile ?? systemAuthorities();
  return {
    rejectUnauthorized: true,
    ...(file === undefined ? {} : { ca: readFileSync(file) }),
    // The address is dialled, the name is proven (F88).
    checkServerIdentity: (_dialled, certificate) =>
      mode === 'verify-ca' ? undefined : checkServerIdentity(source.host, certificate),
  };
}

/** The driver answers whatever a server asks; an unproven server gets no password in clear text or as MD5 (F103). */
function guardPassword(client: pg.Client, source: Connection): void {
  const rule = authenticationRule(source)?.split(',');
  if (rule === undefined) return;
  const { connection } = client as unknown as { connection: Refusable };
  const methods = { authenticationCleartextPassword: 'password', authenticationMD5Password: 'md5' } as const;
  const emit = connection.emit.bind(connection);
  connection.emit = (event, ...rest) => {
    const method = methods[event as keyof typeof methods];
    if (method === undefined || rule.includes(method)) return emit(event, ...rest);
    return emit('error', passwordAsked(method, source));
  };
}

interface Refusable {
  emit(event: string, ...rest: unknown[]): boolean;
}

interface Answering extends Refusable {
  sendSASLInitialResponseMessage(mechanism: string, first: string): void;
  sendSCRAMClientFinalMessage(final: string): void;
}

/** The server's questions for a password are answered here instead of by the driver. */
function answerAsItIs(client: pg.Client, source: Connection): void {
  const { connection } = client as unknown as { connection: Answering };
  const exchange = scramExchange(source.password?.reveal() ?? '');
  const steps: Readonly<Record<string, (data: string) => Promise<void>>> = {
    authenticationSASL: async () => connection.sendSASLInitialResponseMessage(exchange.mechanism, exchange.first),
    authenticationSASLContinue: async (data) => connection.sendSCRAMClientFinalMessage(await exchange.final(data)),
    authenticationSASLFinal: async (data) => exchange.check(data),
  };
  const emit = connection.emit.bind(connection);
  connection.emit = (event, ...rest) => {
    const step = steps[event];
    if (step === undefined) return emit(event, ...rest);
    const [message] = rest as [{ data?: string }];
    step(message.data ?? '').catch((error: unknown) => emit('error', error));
    return true;
  };
}

function passwordAsked(method: string, source: Connection): Failure {
  const how = method === 'md5' ? 'as an MD5 hash' : 'in clear text';
  return new Failure('tls_refused', `${source.host} is not proven by a certificate and asks for the password ${how}.`, {
    remedy: `Use sslmode=verify-full, let the server use scram-sha-256, or consent with ?require_auth=${method}`,
  });
}

/** The driver's own statement object for COPY: it hands each line on as it arrives. */
function copy(client: pg.Client, statement: string, onLine: (line: Buffer) => void): Promise<number> {
  return new Promise((resolve, reject) => {
    let lines = 0;
    let failed: Error | undefined;
    const ignore = () => undefined;
    const query = {
      submit: (connection: { query(text: string): void }) => connection.query(statement),
      handleCopyData: ({ chunk }: { chunk: Buffer }) => {
        lines += 1;
        onLine(chunk.at(-1) === NEWLINE ? chunk.subarray(0, -1) : chunk);
      },
      handleError: (error: Error) => {
        failed ??= error;
        reject(failed);
      },
      handleReadyForQuery: () => (failed === undefined ? resolve(lines) : reject(failed)),
      handleCommandComplete: ignore,
      handleRowDescription: ignore,
      handleDataRow: ignore,
      handlePortalSuspended: ignore,
      handleEmptyQuery: ignore,
      handleCopyInResponse: ignore,
    };
    client.query(query as unknown as pg.Submittable);
  });
}

const NEWLINE = 10;
