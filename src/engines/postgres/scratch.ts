import { randomBytes } from 'node:crypto';
import { chownSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Failure, messageOf } from '../../domain/failure.ts';
import { Secret } from '../../domain/secret.ts';
import type { Child } from '../../process/child.ts';
import { freePort } from '../../process/free-port.ts';
import { capture, describeExit, endedWell } from '../../process/run.ts';
import type { Tool } from '../../process/tools.ts';
import type { Connection, Origin, Scratch, Workbench } from '../engine.ts';
import { beside, clientFor, majorOf } from './programs.ts';
import { SCRATCH_CLUSTER } from './scratch-mark.ts';
import { openSession } from './session.ts';

const USER = 'scratch';
const READY_MS = 30_000;
const PORT_TRIES = 5;
const STOP_MS = 10_000;

/** Nobody will miss what is in it: nothing waits for the disk, nothing runs beside the restore. */
const SETTINGS = [
  'fsync=off',
  'full_page_writes=off',
  'synchronous_commit=off',
  'wal_level=minimal',
  'max_wal_senders=0',
  'max_wal_size=2GB',
  'shared_buffers=128MB',
  'maintenance_work_mem=128MB',
  'max_connections=20',
  'autovacuum=off',
  'jit=off',
  'logging_collector=off',
  'unix_socket_directories=',
  'listen_addresses=127.0.0.1',
  'password_encryption=scram-sha-256',
  `cluster_name=${SCRATCH_CLUSTER}`,
] as const;

/** A private throwaway server of the dump's own major where its programs are here, else of the nearest newer one. */
export async function scratch(bench: Workbench, origin: Origin): Promise<Scratch> {
  const major = majorOf(origin.serverVersion);
  const initdb = clientFor(bench.tools, 'initdb', major);
  const postgres = beside(bench.tools, 'postgres', initdb) ?? clientFor(bench.tools, 'postgres', major);
  refuseRoot(bench);
  if (postgres.major !== major)
    bench.note(`The scratch server is PostgreSQL ${postgres.major}; the dump is of ${major}.`);
  const folder = makeFolder(bench);
  const password = new Secret(randomBytes(24).toString('hex'));
  try {
    await initialise(bench, initdb, { folder, password });
    return await start(bench, postgres, { folder, password });
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

interface Cluster {
  readonly folder: string;
  readonly password: Secret;
}

function refuseRoot({ runner }: Workbench): void {
  if (process.getuid?.() !== 0 || (runner.place.user !== undefined && runner.place.setpriv !== undefined)) return;
  throw new Failure('tool_missing', 'PostgreSQL does not run as root, and there is no other user to run it as.', {
    remedy: 'Run this as an ordinary user, or install setpriv (util-linux) and keep the user nobody.',
  });
}

function makeFolder({ folder, runner }: Workbench): string {
  const path = join(folder, `scratch-${randomBytes(4).toString('hex')}`);
  mkdirSync(path, { mode: 0o700 });
  const { user } = runner.place;
  if (user !== undefined) chownSync(path, user.uid, user.gid);
  return path;
}

async function initialise(bench: Workbench, initdb: Tool, { folder, password }: Cluster): Promise<void> {
  const { exit } = await capture(
    bench.runner,
    {
      program: initdb.path,
      args: [
        `--pgdata=${join(folder, 'data')}`,
        `--username=${USER}`,
        '--auth=scram-sha-256',
        { file: 'password', prefix: '--pwfile=' },
        '--encoding=UTF8',
        '--locale=C',
        '--no-sync',
        '--no-instructions',
      ],
      files: { password },
    },
    { signal: bench.signal },
  );
  if (!endedWell(exit)) throw notStarted(describeExit(exit));
}

async function start(bench: Workbench, postgres: Tool, cluster: Cluster): Promise<Scratch> {
  for (let attempt = 1; ; attempt += 1) {
    const port = await freePort();
    const child = bench.runner.start(
      {
        program: postgres.path,
        args: ['-D', join(cluster.folder, 'data'), '-p', String(port), ...SETTINGS.flatMap((s) => ['-c', s])],
      },
      { stdout: 'ignore' },
    );
    const connection = connectionTo(port, cluster.password);
    const gone = await becomesReady(bench, connection, child).catch(async (error: unknown) => {
      await endServer(child);
      throw error;
    });
    if (gone === undefined) return { connection, stop: stopper(child, cluster.folder) };
    await endServer(child);
    // Between our look and the server's, another program may have taken the port.
    if (!/already in use/i.test(gone) || attempt === PORT_TRIES) throw notStarted(gone);
  }
}

function connectionTo(port: number, password: Secret): Connection {
  return {
    engine: 'postgres',
    host: '127.0.0.1',
    port,
    user: USER,
    password,
    database: 'postgres',
    tls: { mode: 'disable' },
    options: {},
  };
}

/** Undefined once it answers, else why it does not. */
async function becomesReady(bench: Workbench, connection: Connection, child: Child): Promise<string | undefined> {
  const ended = child.ended.then(describeExit);
  const until = performance.now() + READY_MS;
  let last = 'it did not answer in time';
  while (performance.now() < until) {
    bench.signal.throwIfAborted();
    const gone = await Promise.race([ended, wait(50).then(() => undefined)]);
    if (gone !== undefined) return gone;
    try {
      await (await openSession(connection, { applicationName: 'database-dump scratch' })).end();
      return undefined;
    } catch (error) {
      last = messageOf(error);
    }
  }
  return last;
}

/** Leaves neither process nor folder. Safe to call twice. */
function stopper(child: Child, folder: string): () => Promise<void> {
  return async () => {
    await endServer(child);
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  };
}

/** SIGQUIT is the server's own immediate stop: it ends its children, which a kill of it alone would leave for a while. */
async function endServer(child: Child): Promise<void> {
  const { pid } = child;
  if (pid !== undefined) signalQuietly(pid, 'SIGQUIT');
  const ended = await Promise.race([
    child.ended.then(() => true),
    wait(STOP_MS, undefined, { ref: false }).then(() => false),
  ]);
  if (!ended) child.kill();
  await child.ended;
}

function signalQuietly(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It has ended by itself.
  }
}

function notStarted(why: string): Failure {
  return new Failure('tool_missing', `A scratch server could not be started: ${why}`, {
    remedy: 'See what it says; or name a scratch server of your own (--scratch).',
  });
}
