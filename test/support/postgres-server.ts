import { randomBytes } from 'node:crypto';
import { appendFileSync, chmodSync, chownSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { Secret } from '../../src/domain/secret.ts';
import type { Connection, Workbench } from '../../src/engines/engine.ts';
import { makeRunner, type Runner } from '../../src/process/child.ts';
import { freePort } from '../../src/process/free-port.ts';
import { capture, endedWell } from '../../src/process/run.ts';
import { findTools, type Tool, type Toolbox } from '../../src/process/tools.ts';

const CACHE = process.env.DATABASE_DUMP_CACHE ?? '/var/cache/database-dump';

/** A private server, reachable from this machine only; gone after `stop`. */
export interface PostgresServer {
  readonly major: number;
  readonly port: number;
  readonly tools: Toolbox;
  connection(database: string, account?: { user: string; password: string }): Connection;
  bench(runId?: string): Workbench;
  /** Runs statements as the superuser, or as the given connection; returns the last one's rows as text. */
  sql(database: string, statements: string): Promise<Record<string, string | null>[]>;
  /** A session of its own, to be ended by the caller. */
  client(connection: Connection): Promise<pg.Client>;
  stop(): Promise<void>;
}

/** The programs of this machine; those unpacked for tests of old versions count as sound. */
export async function testTools(): Promise<Toolbox> {
  const user = childUser();
  const found = await findTools({
    path: process.env.PATH ?? '',
    caches: [CACHE],
    ...(user === undefined ? {} : { user }),
  });
  const sound = (tool: Tool): Tool => ({ ...tool, ok: tool.ok || tool.trial });
  return { all: (name) => found.all(name).map(sound) };
}

/** Majors whose server and client programs are here. */
export function installedMajors(tools: Toolbox): number[] {
  const programs = ['postgres', 'initdb', 'pg_dump', 'pg_restore'];
  const lists = programs.map((name) => tools.all(name).map((tool) => tool.major));
  return [...new Set(lists[0])].filter((major) => lists.every((list) => list.includes(major))).sort((a, b) => a - b);
}

export function childUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const line = readFileSync('/etc/passwd', 'utf8').match(/^nobody:[^:]*:(\d+):(\d+):/m);
  return line === null ? undefined : { uid: Number(line[1]), gid: Number(line[2]) };
}

export function testRunner(folder: string, tools: Toolbox): Runner {
  return makeRunner({
    folder,
    user: childUser(),
    setpriv: tools.all('setpriv')[0]?.path,
    stdbuf: tools.all('stdbuf')[0]?.path,
  });
}

export function ownedFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  const user = childUser();
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  chmodSync(folder, 0o711);
  return folder;
}

function sub(folder: string, name: string): string {
  const path = join(folder, name);
  mkdirSync(path, { mode: 0o700 });
  const user = childUser();
  if (user !== undefined) chownSync(path, user.uid, user.gid);
  return path;
}

export interface ServerWish {
  readonly major?: number;
  /** `name=value` lines for the configuration. */
  readonly settings?: readonly string[];
  /** Lines put before the others in pg_hba.conf. */
  readonly hba?: readonly string[];
  readonly prepare?: (data: string) => void;
}

export async function startPostgres(wish: ServerWish = {}): Promise<PostgresServer> {
  const tools = await testTools();
  const major = wish.major ?? installedMajors(tools)[0];
  const program = (name: string) => {
    const tool = tools.all(name).find((candidate) => candidate.major === major);
    if (tool === undefined) throw new Error(`no ${name} ${major} on this machine: run scripts/bootstrap matrix`);
    return tool.path;
  };
  const folder = ownedFolder('postgres-test-');
  const runner = testRunner(folder, tools);
  const data = join(folder, 'data');
  const password = new Secret(randomBytes(12).toString('hex'));
  const made = await capture(runner, {
    program: program('initdb'),
    args: [
      '-D',
      data,
      '-U',
      'admin',
      '-E',
      'UTF8',
      '--locale=C',
      '-A',
      'scram-sha-256',
      '--no-sync',
      { file: 'password', prefix: '--pwfile=' },
    ],
    files: { password },
  });
  if (!endedWell(made.exit)) throw new Error(made.exit.stderr);
  const port = await freePort();
  const settings = [
    'fsync=off',
    'full_page_writes=off',
    'shared_buffers=32MB',
    'max_connections=60',
    'autovacuum=off',
    ...(wish.settings ?? []),
  ];
  appendFileSync(join(data, 'postgresql.conf'), `${settings.map((line) => line.replace('=', ' = ')).join('\n')}\n`);
  if (wish.hba !== undefined) {
    const file = join(data, 'pg_hba.conf');
    const lines = `${wish.hba.join('\n')}\n${readFileSync(file, 'utf8')}`;
    rmSync(file);
    appendFileSync(file, lines, { mode: 0o644 });
  }
  wish.prepare?.(data);
  const child = runner.start(
    {
      program: program('postgres'),
      args: ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='],
    },
    { stdout: 'ignore' },
  );
  const connection = (database: string, account?: { user: string; password: string }): Connection => ({
    engine: 'postgres',
    host: '127.0.0.1',
    port,
    user: account?.user ?? 'admin',
    password: account === undefined ? password : new Secret(account.password),
    database,
    tls: { mode: 'disable' },
    options: {},
  });
  const client = async (to: Connection) => {
    const session = new pg.Client({
      host: to.host,
      port: to.port,
      user: to.user,
      password: to.password?.reveal() ?? '',
      database: to.database,
      types: { getTypeParser: () => (value: string) => value },
    });
    session.on('error', () => undefined);
    await session.connect();
    return session;
  };
  await ready(client, connection('postgres'), child);
  return {
    major: major ?? 0,
    port,
    tools,
    connection,
    client,
    bench: (runId = `t${randomBytes(5).toString('hex')}`) => ({
      tools,
      runner,
      signal: new AbortController().signal,
      runId,
      folder: sub(folder, `run-${runId}-${randomBytes(3).toString('hex')}`),
      note: () => undefined,
    }),
    sql: async (database, statements) => {
      const session = await client(connection(database));
      try {
        const result = (await session.query(statements)) as unknown as pg.QueryResult | pg.QueryResult[];
        return (Array.isArray(result) ? result.at(-1) : result)?.rows ?? [];
      } finally {
        await session.end();
      }
    },
    stop: async () => {
      if (child.pid !== undefined) process.kill(child.pid, 'SIGQUIT');
      await child.ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function ready(
  client: (to: Connection) => Promise<pg.Client>,
  to: Connection,
  child: { ended: Promise<{ stderr: string }> },
): Promise<void> {
  let gone: string | undefined;
  void child.ended.then((exit) => {
    gone = exit.stderr;
  });
  for (let attempt = 0; attempt < 200; attempt += 1) {
    if (gone !== undefined) throw new Error(`the server ended: ${gone}`);
    try {
      await (await client(to)).end();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error('the server did not start');
}
