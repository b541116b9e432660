import { chmodSync, chownSync, mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import type { Workbench } from '../src/engines/engine.ts';
import { startPrivateServer } from '../src/engines/mysql/scratch.ts';
import { childUser, testRunner, testTools } from '../test/support/postgres-server.ts';
import { type Kind, MYSQL_TABLES, rows } from './data.ts';
import { run } from './postgres.ts';
import type { World } from './world.ts';

export interface MariaDb {
  readonly pid: number;
  readonly database: string;
  /** Options that client programs of the shell lines need beside the environment. */
  readonly flags: string;
  readonly env: Readonly<Record<string, string>>;
}

const DATABASE = 'bench';

/** A private server with the three tables. */
export async function openMariaDb(world: World, counts: Readonly<Record<Kind, number>>): Promise<MariaDb> {
  const tools = await testTools();
  const tool = tools.all('mariadbd').find(({ ok }) => ok);
  if (tool === undefined) throw new Error('There is no mariadbd here: run scripts/bootstrap test.');
  const folder = mkdtempSync(join(world.folder, 'mariadb-'));
  const user = childUser();
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  chmodSync(folder, 0o700);
  const bench: Workbench = {
    tools,
    runner: testRunner(folder, tools),
    signal: new AbortController().signal,
    runId: 'bench',
    folder,
    note: () => undefined,
  };
  const server = await startPrivateServer(bench, tool, ['--innodb-buffer-pool-size=2G', '--local-infile=1']);
  world.onClose(() => server.stop());
  const { host, port, user: name, password } = server.connection;
  const secret = password?.reveal() ?? '';
  const env = {
    MYSQL_PWD: secret,
    DATABASE_URL: `mysql://${name}:${secret}@${host}:${port}/${DATABASE}`,
  };
  const flags = `-h ${host} -P ${port} -u ${name}`;
  const client = ['mariadb', '--no-defaults', ...flags.split(' '), '--local-infile=1', '-e'];
  await run([...client, `CREATE DATABASE ${DATABASE} CHARACTER SET utf8mb4`], env);
  await run([...client, MYSQL_TABLES, DATABASE], env);
  for (const [kind, count] of Object.entries(counts) as [Kind, number][]) {
    const load = `SET unique_checks=0; LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE ${kind}`;
    // The client opens its input by name, which a socket does not allow and a pipe of cat's does.
    await run(['bash', '-c', 'cat | "$@"', 'bash', ...client, load, DATABASE], env, rows(kind, count));
  }
  await run([...client, 'ANALYZE TABLE articles, events, users', DATABASE], env);
  return { pid: server.pid ?? 0, database: DATABASE, flags, env };
}
