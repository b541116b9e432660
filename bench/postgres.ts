import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { startPostgres } from '../test/support/postgres-server.ts';
import { type Kind, POSTGRES_INDEXES, POSTGRES_TABLES, rows } from './data.ts';
import type { World } from './world.ts';

export interface Postgres {
  readonly pid: number;
  /** For libpq programs and for ours. */
  env(database: string): Record<string, string>;
  sql(database: string, statements: string): Promise<Record<string, string | null>[]>;
}

const SETTINGS = [
  'shared_buffers=2GB',
  'max_wal_size=8GB',
  'maintenance_work_mem=512MB',
  'fsync=on',
  'full_page_writes=on',
];

/** A private server with room for the data in memory; started once. */
export async function openPostgres(world: World): Promise<Postgres> {
  let data = '';
  const prepare = (folder: string) => {
    data = folder;
  };
  const server = await startPostgres({ settings: SETTINGS, prepare });
  world.onClose(() => server.stop());
  const { host, port, user, password } = server.connection('postgres');
  const secret = password?.reveal() ?? '';
  return {
    pid: Number(readFileSync(join(data, 'postmaster.pid'), 'utf8').split('\n')[0]),
    sql: server.sql,
    env: (database) => ({
      PGHOST: host,
      PGPORT: String(port),
      PGUSER: user,
      PGPASSWORD: secret,
      PGDATABASE: database,
      PGSSLMODE: 'disable',
      DATABASE_URL: `postgres://${user}:${secret}@${host}:${port}/${database}?sslmode=disable`,
    }),
  };
}

/** Fills a new database: three tables of text, JSON and numbers, and pgbench's own. */
export async function fillPostgres(
  server: Postgres,
  database: string,
  content: { readonly rows: Readonly<Record<Kind, number>>; readonly pgbench: number },
): Promise<void> {
  await server.sql('postgres', `CREATE DATABASE ${database}`);
  const env = server.env(database);
  await run(['pgbench', '-i', '-q', '-s', String(content.pgbench)], env);
  await server.sql(database, POSTGRES_TABLES);
  for (const [kind, count] of Object.entries(content.rows) as [Kind, number][]) {
    await run(['psql', '-q', '-X', '-c', `COPY ${kind} FROM STDIN`], env, rows(kind, count));
  }
  await server.sql(database, POSTGRES_INDEXES);
  await run(['psql', '-q', '-X', '-c', 'VACUUM ANALYZE'], env);
  await server.sql(database, 'CHECKPOINT');
}

/** Runs a client program to its end; throws with its last words when it does not end well. */
export async function run(
  [program = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
  input?: Iterable<string>,
): Promise<string> {
  const child = spawn(program, args, { stdio: 'pipe', env: { ...process.env, ...env } });
  let text = '';
  let said = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-2_000);
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  const fed = pipeline(Readable.from(input ?? []), child.stdin).catch(() => undefined);
  const code = await ended;
  await fed;
  if (code !== 0) throw new Error(`${program} exited with status ${code}: ${said}`);
  return text;
}
