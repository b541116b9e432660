import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chown, mkdir, mkdtemp, realpath, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../domain/failure.ts';
import { Secret } from '../../domain/secret.ts';
import type { Child, Command } from '../../process/child.ts';
import { freePort } from '../../process/free-port.ts';
import { describeExit, endedWell, run } from '../../process/run.ts';
import type { Tool } from '../../process/tools.ts';
import type { Connection, Origin, Scratch, Workbench } from '../engine.ts';
import { familyOf } from './commands.ts';
import { familyOfOrigin } from './parse.ts';
import { chooseProgram } from './programs.ts';
import { withServer } from './server.ts';

export interface PrivateServer {
  readonly connection: Connection;
  readonly pid: number | undefined;
  stop(): Promise<void>;
}

const START_MS = 60_000;
const SET_UP_MS = 180_000;
const TRIES = 3;
const DATABASE = 'scratch';

/** A throwaway server of the origin's family and of its release series or the nearest newer one; `stop` leaves nothing. */
export async function startScratch(bench: Workbench, origin: Origin): Promise<Scratch> {
  const tool = chooseProgram(bench.tools, 'server', { family: familyOfOrigin(origin), version: origin.serverVersion });
  const server = await startPrivateServer(bench, tool);
  try {
    await withServer(server.connection, (session) => session.run(`CREATE DATABASE ${DATABASE}`));
  } catch (error) {
    await server.stop();
    throw error;
  }
  return { connection: { ...server.connection, database: DATABASE }, stop: server.stop };
}

/**
 * Starts a server of our own in an empty folder of the run: loopback, a port of its own, a random password, no events, no
 * file access, no binary log, and no care for power loss. Runs as the children's user where we are root.
 */
export async function startPrivateServer(
  bench: Workbench,
  tool: Tool,
  extra: readonly string[] = [],
): Promise<PrivateServer> {
  const folder = await makeFolder(bench);
  const password = new Secret(randomBytes(18).toString('hex'));
  try {
    await setUp(bench, tool, { folder, password });
    return await startAny(bench, tool, { folder, password, extra });
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

async function makeFolder({ folder, runner }: Workbench): Promise<string> {
  const made = await mkdtemp(join(folder, 'server-'));
  const { user } = runner.place;
  for (const name of ['data', 'tmp']) await mkdir(join(made, name), { mode: 0o700 });
  if (user !== undefined) {
    for (const path of [made, join(made, 'data'), join(made, 'tmp')]) await chown(path, user.uid, user.gid);
  }
  return made;
}

interface Set {
  readonly folder: string;
  readonly password: Secret;
}

async function setUp(bench: Workbench, tool: Tool, set: Set): Promise<void> {
  const isMaria = familyOf(tool) === 'MariaDB';
  const command = isMaria ? await mariaSetUp(tool, set) : mysqlSetUp(tool, set);
  const input = isMaria ? { input: bootstrapStatements(await systemTables(tool), set.password) } : {};
  const exit = await run(bench.runner, command, { ...input, signal: bench.signal, deadlineMs: SET_UP_MS });
  if (endedWell(exit)) return;
  throw cannotStart(tool, describeExit(exit));
}

/** The statements that `mariadb-install-db` would feed, without its help texts, and root's password. */
async function mariaSetUp(tool: Tool, { folder }: Set): Promise<Command> {
  const tables = await systemTables(tool);
  const args = ['--no-defaults', '--bootstrap', ...places(folder), ...mariaPaths(tables)];
  return {
    program: tool.path,
    args: [...args, '--innodb-buffer-pool-size=32M', '--max-allowed-packet=8M', '--log-warnings=0'],
  };
}

function places(folder: string): string[] {
  return [`--datadir=${join(folder, 'data')}`, `--tmpdir=${join(folder, 'tmp')}`];
}

function mysqlSetUp(tool: Tool, { folder, password }: Set): Command {
  return {
    program: tool.path,
    args: [
      '--no-defaults',
      '--initialize-insecure',
      ...places(folder),
      '--innodb-redo-log-capacity=8M',
      { file: 'init.sql', prefix: '--init-file=' },
    ],
    files: { 'init.sql': new Secret(rootStatements(password)) },
  };
}

/** Names are not resolved on that server, so the loopback address needs an account beside localhost. */
function rootStatements(password: Secret): string {
  return [
    `ALTER USER root@localhost IDENTIFIED BY '${password.reveal()}';`,
    `CREATE USER root@'127.0.0.1' IDENTIFIED BY '${password.reveal()}';`,
    "GRANT ALL PRIVILEGES ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;",
    '',
  ].join('\n');
}

const SYSTEM_FILES = ['mysql_system_tables.sql', 'mysql_performance_tables.sql', 'mysql_system_tables_data.sql'];
const NEW_SYSTEM_FILES = [
  'mariadb_system_tables.sql',
  'mariadb_performance_tables.sql',
  'mariadb_system_tables_data.sql',
];

/** Where the definitions of the server's own tables are: beside the program, under the names of old or new releases. */
async function systemTables(tool: Tool): Promise<{ folder: string; files: readonly string[] }> {
  const real = dirname(await realpath(tool.path));
  const bases = [join(real, '..'), join(real, '..', 'files'), '/usr', '/usr/local'];
  for (const folder of bases.flatMap((base) =>
    ['share/mysql', 'share/mariadb', 'share'].map((name) => join(base, name)),
  )) {
    for (const files of [NEW_SYSTEM_FILES, SYSTEM_FILES]) {
      if (existsSync(join(folder, files[0] ?? ''))) return { folder, files };
    }
  }
  throw cannotStart(tool, 'the definitions of its system tables are not beside it');
}

function mariaPaths({ folder }: { folder: string }): string[] {
  return [`--lc-messages-dir=${folder}`, `--character-sets-dir=${join(folder, 'charsets')}`];
}

async function* bootstrapStatements(
  { folder, files }: { folder: string; files: readonly string[] },
  password: Secret,
): AsyncGenerator<Uint8Array> {
  yield Buffer.from('CREATE DATABASE IF NOT EXISTS mysql;\nUSE mysql;\nSET @auth_root_socket=NULL;\n');
  for (const file of files) yield readFileSync(join(folder, file));
  const once = createHash('sha1').update(password.reveal()).digest();
  const twice = createHash('sha1').update(once).digest('hex').toUpperCase();
  yield Buffer.from(
    `UPDATE global_priv SET priv=JSON_SET(priv,'$.plugin','mysql_native_password','$.authentication_string','*${twice}') WHERE User='root';\n`,
  );
}

interface StartSet extends Set {
  readonly extra: readonly string[];
}

/** Another program may take the port between our look and the server's: then another one is tried. */
async function startAny(bench: Workbench, tool: Tool, set: StartSet): Promise<PrivateServer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnce(bench, tool, { ...set, port: await freePort() });
    } catch (error) {
      if (attempt >= TRIES || !/address already in use|Can't start server/i.test(String(error))) throw error;
    }
  }
}

async function startOnce(bench: Workbench, tool: Tool, set: StartSet & { port: number }): Promise<PrivateServer> {
  const { folder, password, port } = set;
  const child = bench.runner.start(await serverCommand(tool, set), { stdout: 'ignore' });
  const connection: Connection = {
    engine: 'mysql',
    host: '127.0.0.1',
    port,
    user: 'root',
    password,
    database: '',
    tls: { mode: 'disable' },
    options: {},
  };
  const stop = async () => {
    child.kill();
    await child.ended;
    await rm(folder, { recursive: true, force: true, maxRetries: 3 });
  };
  try {
    await untilReady(bench, tool, { child, connection });
  } catch (error) {
    child.kill();
    await child.ended;
    throw error;
  }
  return { connection, pid: child.pid, stop };
}

async function serverCommand(tool: Tool, { folder, port, extra }: StartSet & { port: number }): Promise<Command> {
  const isMaria = familyOf(tool) === 'MariaDB';
  const args = [
    '--no-defaults',
    ...places(folder),
    // A socket's path has a length limit that a folder of ours may exceed: it lies in the data folder, by a relative name.
    '--socket=s',
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--pid-file=${join(folder, 'pid')}`,
    '--event-scheduler=OFF',
    '--local-infile=0',
    '--skip-name-resolve',
    '--max-allowed-packet=1G',
    '--innodb-buffer-pool-size=128M',
    '--innodb-flush-log-at-trx-commit=0',
    '--innodb-doublewrite=0',
    '--performance-schema=OFF',
  ];
  // Since 11.4 MariaDB makes a certificate at its start, which costs seconds; nobody but us connects, on this machine.
  const family = isMaria
    ? ['--skip-log-bin', '--skip-ssl', '--log-warnings=0', ...mariaPaths(await systemTables(tool))]
    : ['--skip-log-bin', '--mysqlx=OFF', '--secure-file-priv=NULL'];
  return { program: tool.path, args: [...args, ...family, ...extra] };
}

interface Starting {
  readonly child: Child;
  readonly connection: Connection;
}

async function untilReady(bench: Workbench, tool: Tool, { child, connection }: Starting): Promise<void> {
  const giveUp = Date.now() + START_MS;
  let ended: string | undefined;
  void child.ended.then((exit) => {
    ended = describeExit(exit);
  });
  for (;;) {
    bench.signal.throwIfAborted();
    if (await answers(connection)) return;
    if (ended !== undefined) throw cannotStart(tool, ended);
    if (Date.now() > giveUp) throw cannotStart(tool, 'it did not answer in time');
    await delay(50);
  }
}

async function answers(connection: Connection): Promise<boolean> {
  try {
    return await withServer(connection, async () => true);
  } catch (error) {
    if (error instanceof Failure && error.code === 'database_unreachable') return false;
    throw error;
  }
}

function cannotStart(tool: Tool, why: string): Failure {
  return new Failure('tool_missing', `No scratch server could be started with ${tool.path}: ${why}`, {
    remedy: 'Name a server for the trial with --scratch, or install the server programs of that family.',
  });
}
