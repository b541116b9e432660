import { existsSync, globSync, realpathSync } from 'node:fs';
import { basename, delimiter, join } from 'node:path';
import { describe } from '@jest/globals';
import { createConnection } from 'mysql2/promise';
import { Secret } from '../../src/domain/secret.ts';
import type { Connection, DumpRequest, Origin, Plain, RestoreRequest, Workbench } from '../../src/engines/engine.ts';
import { mysql } from '../../src/engines/mysql/index.ts';
import { chooseProgram } from '../../src/engines/mysql/programs.ts';
import { type PrivateServer, startPrivateServer } from '../../src/engines/mysql/scratch.ts';
import { endedWell, requireGood, run } from '../../src/process/run.ts';
import type { Tool } from '../../src/process/tools.ts';
import { readConfig } from '../../src/runtime/config.ts';
import { openWorkshop } from '../../src/runtime/workshop.ts';
import { type FixtureFamily, hostileFixture } from './mysql-fixture.ts';

export interface MysqlBench extends Workbench {
  /** What was noted for the person watching. */
  readonly notes: string[];
  close(): void;
}

/** A workbench of this machine, as a real run has it: other user for children where we are root. */
export async function openMysqlBench(runId = 'run-1', signal = new AbortController().signal): Promise<MysqlBench> {
  const workshop = await openWorkshop(readConfig());
  const notes: string[] = [];
  const { tools, runner, folder, close } = workshop;
  return {
    tools,
    runner,
    folder: folder(runId),
    signal,
    runId,
    notes,
    note: (sentence) => void notes.push(sentence),
    close,
  };
}

export interface TestServer {
  readonly family: FixtureFamily;
  readonly bench: MysqlBench;
  readonly tool: Tool;
  readonly pid: number | undefined;
  at(database: string, changes?: Partial<Connection>): Connection;
  /** Runs statements one by one in one session of that database. */
  sql(database: string, ...statements: readonly string[]): Promise<void>;
  rows(database: string, statement: string): Promise<readonly (readonly (string | null)[])[]>;
  stop(): Promise<void>;
}

const OLDEST = { MariaDB: '10.3', MySQL: '5.7' };

/** A private server like that of a real source: binary log and GTIDs on, certificates where it makes its own. */
export async function startTestServer(
  family: FixtureFamily,
  options: { readonly extra?: readonly string[]; readonly version?: string } = {},
): Promise<TestServer> {
  const bench = await openMysqlBench();
  try {
    const tool = chooseProgram(bench.tools, 'server', { family, version: options.version ?? OLDEST[family] });
    const log = ['--log-bin=binlog', '--server-id=1', '--sync-binlog=0', '--log-bin-trust-function-creators=1'];
    const gtid = family === 'MySQL' ? ['--gtid-mode=ON', '--enforce-gtid-consistency=ON'] : [];
    const server = await startPrivateServer(bench, tool, [...log, ...gtid, ...(options.extra ?? [])]);
    return testServer(family, { bench, tool, server });
  } catch (error) {
    bench.close();
    throw error;
  }
}

interface Parts {
  readonly bench: MysqlBench;
  readonly tool: Tool;
  readonly server: PrivateServer;
}

function testServer(family: FixtureFamily, { bench, tool, server }: Parts): TestServer {
  const at = (database: string, changes: Partial<Connection> = {}) => ({ ...server.connection, database, ...changes });
  return {
    family,
    bench,
    tool,
    pid: server.pid,
    at,
    sql: async (database, ...statements) => {
      const session = await openSession(at(database));
      try {
        for (const statement of statements) {
          await session.query(statement).catch((error: Error) => {
            throw new Error(`${error.message}\nin ${statement.slice(0, 300)}`);
          });
        }
      } finally {
        await session.end();
      }
    },
    rows: (database, statement) => mysql.query(bench, at(database), statement),
    stop: async () => {
      await server.stop();
      bench.close();
    },
  };
}

/** A session of the driver itself, for tests that hold locks. */
export async function openSession({ host, port, user, password, database }: Connection) {
  const login = { host, port, user, ...(password === undefined ? {} : { password: password.reveal() }) };
  return createConnection({ ...login, ...(database === '' ? {} : { database }), charset: 'utf8mb4' });
}

/** Makes the hostile database. */
export async function makeHostile(server: TestServer, database: string): Promise<void> {
  await server.sql('', `CREATE DATABASE \`${database}\` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci`);
  await server.sql(database, ...hostileFixture(server.family));
}

/** A suite for each family whose programs are here. A missing one fails in CI and is named in one line elsewhere. */
export function describeWithMysql(
  name: string,
  body: (family: FixtureFamily) => void,
  families: readonly FixtureFamily[] = ['MariaDB', 'MySQL'],
): void {
  for (const family of families) {
    const missing = missingProgram(family);
    if (missing === undefined) {
      describe(`${name} (${family})`, () => body(family));
      continue;
    }
    const sentence = `${missing} of ${family} is missing: run sh scripts/bootstrap test`;
    if (readConfig().inCi) throw new Error(sentence);
    console.log(`skipped: ${name} (${family}): ${sentence}`);
    describe.skip(`${name} (${family})`, () => body(family));
  }
}

const PROGRAMS: Readonly<Record<FixtureFamily, readonly string[]>> = {
  MariaDB: ['mariadb-dump', 'mariadb', 'mariadbd'],
  MySQL: ['mysqldump', 'mysql', 'mysqld'],
};

/** Suites are made before anything may be awaited: looked at by name here, and by version when a server is started. */
function missingProgram(family: FixtureFamily): string | undefined {
  const { caches, path } = readConfig();
  const cached = caches.flatMap((cache) => globSync(join(cache, '*', '*', 'bin')));
  const folders = [...path.split(delimiter), '/usr/sbin', '/usr/local/sbin', ...cached];
  return PROGRAMS[family].find((program) => !folders.some((folder) => isOf(family, join(folder, program))));
}

/** Debian's packages of MariaDB install links with MySQL's names. */
function isOf(family: FixtureFamily, path: string): boolean {
  if (!existsSync(path)) return false;
  return family === 'MariaDB' || !basename(realpathSync(path)).startsWith('mariadb');
}

export const FULL: DumpRequest = {
  type: 'full',
  include: [],
  exclude: [],
  lockWaitMs: 30_000,
  blockLimitMs: 0,
  sourceDigest: false,
  passwordHashes: false,
};

export interface Dumped {
  readonly bytes: Buffer;
  readonly origin: Origin;
  readonly stderr: string;
  readonly warnings: readonly string[];
}

/** A whole dump in memory. Throws what the session explains or its watch says, as the pipeline does. */
export async function dumpAll(bench: Workbench, source: Connection, request: DumpRequest = FULL): Promise<Dumped> {
  const session = await mysql.openDump(bench, source, request);
  const stop = new AbortController();
  try {
    const chunks: Buffer[] = [];
    const onOutput = (chunk: Buffer) => void chunks.push(chunk);
    const work = run(bench.runner, session.command, { onOutput, signal: stop.signal });
    const exit = await Promise.race([work, session.watch.then(() => work)]);
    if (!endedWell(exit)) throw session.explain(exit.stderr) ?? new Error(exit.stderr);
    const { flavour, serverVersion, toolVersion, inventory, warnings } = session;
    const { type } = request;
    const origin: Origin = { type, flavour, serverVersion, toolVersion, database: source.database, inventory };
    return { bytes: Buffer.concat(chunks), origin, stderr: exit.stderr, warnings };
  } finally {
    stop.abort(new Error('over'));
    await session.close();
  }
}

/** A dump that is already decoded. */
export function plainOf(bench: Workbench, bytes: Buffer, chunk = 65_536): Plain {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
  }
  return {
    bytes: chunks,
    into: async (command) => {
      const exit = await run(bench.runner, command, { input: chunks(), signal: bench.signal });
      requireGood(exit, 'restore_failed');
      return { stderr: exit.stderr };
    },
  };
}

export function restoreRequest(target: Connection, changes: Partial<RestoreRequest> = {}): RestoreRequest {
  return { target, type: 'full', inPlace: false, only: [], owners: true, acls: true, roles: {}, ...changes };
}

export function login(user: string, password: string): Pick<Connection, 'user' | 'password'> {
  return { user, password: new Secret(password) };
}
