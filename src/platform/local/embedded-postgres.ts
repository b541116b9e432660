import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../domain/failure.ts';
import { Secret } from '../../domain/secret.ts';
import { type Child, type ChildUser, makeRunner, type Place, type Runner } from '../../process/child.ts';
import { freePort } from '../../process/free-port.ts';
import { requireReach } from '../../process/reach.ts';
import { capture, describeExit, endedWell, requireGood } from '../../process/run.ts';

/** The programs of one PostgreSQL. */
export interface ServerPrograms {
  readonly initdb: string;
  readonly postgres: string;
  readonly psql: string;
}

export interface EmbeddedOptions {
  /** The cluster's own folder, 0700 and its user's; filled when it is empty. */
  readonly folder: string;
  readonly programs: ServerPrograms;
  /** The server's own user, when we are root. */
  readonly user: ChildUser | undefined;
  readonly place: Place;
  /** The superuser's password. */
  readonly password: Secret;
  /** The port of the last start; another one is taken where it is in use. */
  readonly lastPort: number | undefined;
}

/** A PostgreSQL of ours that listens on 127.0.0.1 alone and ends with this process. */
export interface EmbeddedServer {
  readonly port: number;
  readonly superuser: string;
  /** Whether the cluster was made just now. */
  readonly fresh: boolean;
  /** Runs a script with psql, stopping at the first error, and gives what it printed. Secrets reach it as environment variables. */
  script(
    sql: string,
    where: { readonly database: string; readonly secrets?: Readonly<Record<string, Secret>> },
  ): Promise<string>;
  /** Ends with a Failure when the server ends by itself. */
  readonly failed: Promise<never>;
  /** Ends sessions and shuts down; resolves when the server has ended. */
  stop(): Promise<void>;
}

const SUPERUSER = 'postgres';
const HOST = '127.0.0.1';
const READY_WITHIN_MS = 60_000;
const STOP_WITHIN_MS = 20_000;
const OTHER_ENDS_WITHIN_MS = 10_000;
const POLL_MS = 30;

export function randomPassword(): Secret {
  return new Secret(randomBytes(24).toString('base64url'));
}

/** Starts the cluster in the folder, making it first where there is none. */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const runner = makeRunner({ ...options.place, user: options.user });
  const fresh = !existsSync(join(options.folder, 'PG_VERSION'));
  if (fresh) await makeCluster(runner, options);
  else await requireFree(options.folder);
  const port = await freePort(options.lastPort);
  const script = scripter(runner, options, port);
  const server = await launchUntilReady(options, runner, { port, script });
  let stopping = false;
  const failed = server.failed.catch((error: unknown) => {
    if (stopping) return new Promise<never>(() => undefined);
    throw error;
  });
  failed.catch(() => undefined);
  return {
    port,
    superuser: SUPERUSER,
    fresh,
    script,
    failed,
    stop: () => {
      stopping = true;
      return shutDown(server.child);
    },
  };
}

interface Launched {
  readonly child: Child;
  readonly failed: Promise<never>;
}

interface Launch {
  readonly port: number;
  readonly script: EmbeddedServer['script'];
}

/**
 * A server whose starter was killed in that very moment may take the folder after we have looked, and end soon after: then
 * once more.
 */
async function launchUntilReady(options: EmbeddedOptions, runner: Runner, launch: Launch): Promise<Launched> {
  try {
    return await launchOnce(options, runner, launch);
  } catch (error) {
    if (!(error instanceof Failure && error.message.includes('postmaster.pid'))) throw error;
    await requireFree(options.folder);
    return launchOnce(options, runner, launch);
  }
}

async function launchOnce({ folder, programs }: EmbeddedOptions, runner: Runner, launch: Launch): Promise<Launched> {
  const { port, script } = launch;
  const child = runner.start({ program: programs.postgres, args: serverArguments(folder, port) }, { stdout: 'ignore' });
  const failed = child.ended.then((exit) => {
    throw new Failure('internal', `The embedded PostgreSQL ended: ${describeExit(exit)}`, {
      remedy: `Look at ${folder}; removing that folder makes a new one at the next start.`,
    });
  });
  failed.catch(() => undefined);
  await Promise.race([failed, untilReady(() => script('select 1', { database: 'postgres' }))]);
  return { child, failed };
}

async function makeCluster(runner: Runner, { folder, user, programs, password }: EmbeddedOptions): Promise<void> {
  if (user !== undefined) await requireReach(programs.initdb, user);
  empty(folder);
  const args = [
    `--pgdata=${folder}`,
    `--username=${SUPERUSER}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--no-locale',
    { file: 'password', prefix: '--pwfile=' },
  ];
  const { exit } = await capture(runner, { program: programs.initdb, args, files: { password } });
  if (!endedWell(exit)) empty(folder);
  requireGood(exit, 'internal', 'Set-up of the embedded PostgreSQL failed; the last lines say why.');
}

/** What a set-up that was cut short left; the folder itself keeps its owner and mode. */
function empty(folder: string): void {
  for (const name of readdirSync(folder)) rmSync(join(folder, name), { recursive: true, force: true });
}

function serverArguments(folder: string, port: number): string[] {
  const settings = {
    port,
    listen_addresses: HOST,
    unix_socket_directories: '',
    shared_buffers: '64MB',
    max_connections: 50,
    log_min_messages: 'warning',
  };
  return ['-D', folder, ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
}

/** Waits a moment for a server that is just ending; one that goes on is somebody's, and is never touched. */
async function requireFree(folder: string): Promise<void> {
  const deadline = performance.now() + OTHER_ENDS_WITHIN_MS;
  let pid = holderOf(folder);
  while (pid !== undefined && performance.now() < deadline) {
    await sleep(POLL_MS);
    pid = holderOf(folder);
  }
  if (pid === undefined) return;
  throw new Failure('already_running', `Another PostgreSQL (process ${pid}) uses ${folder}.`, {
    remedy: 'Stop the other `npm start`, or give this one a folder of its own: npm start -- --data-dir FOLDER',
  });
}

/** The live server of this folder, by its own note; a pid that was given to another program since is none. */
function holderOf(folder: string): number | undefined {
  const pid = Number(readText(join(folder, 'postmaster.pid'))?.split('\n')[0]);
  if (!Number.isInteger(pid) || pid < 2 || !signal(pid, 0)) return undefined;
  if (isZombie(pid)) return forgetDead(pid, folder);
  const commandLine = readText(`/proc/${pid}/cmdline`);
  return commandLine === undefined || commandLine.includes(folder) ? pid : undefined;
}

function isZombie(pid: number): boolean {
  return /^\d+ \(.*\) Z /s.test(readText(`/proc/${pid}/stat`) ?? '');
}

/**
 * A server that was killed and that nobody has collected, as in a container without an init: PostgreSQL takes it for alive
 * for ever. Once its children have left the folder too, its note is removed.
 */
function forgetDead(pid: number, folder: string): number | undefined {
  if (readdirSync('/proc').some((name) => /^\d+$/.test(name) && cwdOf(name) === folder)) return pid;
  rmSync(join(folder, 'postmaster.pid'), { force: true });
  return undefined;
}

function cwdOf(pid: string): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch {
    return undefined;
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

function scripter(runner: Runner, { programs, password }: EmbeddedOptions, port: number): EmbeddedServer['script'] {
  return async (sql, { database, secrets = {} }) => {
    const command = {
      program: programs.psql,
      args: ['--no-psqlrc', '--quiet', '--no-align', '--tuples-only', '--set=ON_ERROR_STOP=1', '--file=-'],
      env: { PGHOST: HOST, PGPORT: String(port), PGUSER: SUPERUSER, PGDATABASE: database, PGSSLMODE: 'disable' },
      secrets: { ...secrets, PGPASSWORD: password },
    };
    const { exit, stdout } = await capture(runner, command, { input: only(sql) });
    requireGood(exit, 'internal', 'A script of the sample failed; the last lines say why.');
    return stdout.trim();
  };
}

async function* only(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function untilReady(ask: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + READY_WITHIN_MS;
  for (;;) {
    try {
      await ask();
      return;
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await sleep(POLL_MS);
    }
  }
}

/** SIGINT is PostgreSQL's fast shutdown: sessions end, everything is on disk. */
async function shutDown(child: Child): Promise<void> {
  if (child.pid !== undefined) signal(child.pid, 'SIGINT');
  const late = setTimeout(child.kill, STOP_WITHIN_MS);
  await child.ended;
  clearTimeout(late);
}
