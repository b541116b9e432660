import { randomBytes } from 'node:crypto';
import { chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { Failure, messageOf } from '../../domain/failure.ts';
import { Secret } from '../../domain/secret.ts';
import type { Child, Command } from '../../process/child.ts';
import { freePort } from '../../process/free-port.ts';
import { describeExit } from '../../process/run.ts';
import { chooseTool } from '../../process/tool-choice.ts';
import type { Tool } from '../../process/tools.ts';
import type { Connection, Origin, Scratch, Workbench } from '../engine.ts';
import { withClient } from './dial.ts';

const USER = 'scratch';
const READY_MS = 60_000;
const TRIES = 3;

/**
 * A private throwaway server of the dump's own major where a `mongod` of it is here, else of the nearest newer one: loopback,
 * a port of its own, an empty folder, and one user with a random password. `stop` leaves neither process nor folder.
 */
export async function scratch(bench: Workbench, origin: Origin): Promise<Scratch> {
  const major = Number.parseInt(origin.serverVersion, 10);
  const tool = serverFor(bench, major);
  if (tool.major !== major) bench.note(`The scratch server is MongoDB ${tool.major}; the dump is of ${major}.`);
  const folder = await makeFolder(bench);
  const cluster = { folder, password: new Secret(randomBytes(24).toString('hex')) };
  try {
    return await start(bench, tool, cluster);
  } catch (error) {
    await remove(folder);
    throw error;
  }
}

/** None is handed out with this program, and set-up installs none: its licence leaves that to whoever runs it. */
function serverFor({ tools }: Workbench, major: number): Tool {
  try {
    return chooseTool(tools, { name: 'mongod', ...(Number.isNaN(major) ? {} : { major }) }).tool;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    throw new Failure(error.code, `There is no throwaway MongoDB server on this machine: ${messageOf(error)}`, {
      remedy: `Install the MongoDB ${major} server (its program mongod, on PATH; it need not run), or name an empty MongoDB ${major} server of yours: --scratch mongodb://HOST/DATABASE`,
      cause: error,
    });
  }
}

async function makeFolder({ folder, runner }: Workbench): Promise<string> {
  const made = await mkdtemp(join(folder, 'mongod-'));
  const data = join(made, 'data');
  await mkdir(data, { mode: 0o700 });
  const { user } = runner.place;
  if (user !== undefined) for (const path of [made, data]) await chown(path, user.uid, user.gid);
  return made;
}

function remove(folder: string): Promise<void> {
  return rm(folder, { recursive: true, force: true, maxRetries: 3 });
}

interface Cluster {
  readonly folder: string;
  readonly password: Secret;
}

/** Between our look at a port and the server's, another program may have taken it: then another one is tried. */
async function start(bench: Workbench, tool: Tool, cluster: Cluster): Promise<Scratch> {
  for (let attempt = 1; ; attempt += 1) {
    const connection = connectionTo(await freePort());
    const child = bench.runner.start(serverCommand(tool, cluster, connection.port), { stdout: 'ignore' });
    try {
      await untilReady(bench, connection, child);
      const own = { ...connection, user: USER, password: cluster.password };
      await takeOver(bench, connection, own);
      return { connection: { ...own, database: USER }, stop: () => stop(child, cluster.folder) };
    } catch (error) {
      child.kill();
      await child.ended;
      if (attempt === TRIES || !/in use|EADDRINUSE/i.test(messageOf(error))) throw error;
    }
  }
}

/** Nothing is written for a person to read: what it says on its way stays unread, and its end tells the rest. */
function serverCommand(tool: Tool, { folder }: Cluster, port: number): Command {
  return {
    program: tool.path,
    args: [
      `--dbpath=${join(folder, 'data')}`,
      `--port=${port}`,
      '--bind_ip=127.0.0.1',
      '--nounixsocket',
      '--auth',
      '--quiet',
      '--wiredTigerCacheSizeGB=0.25',
      '--setParameter=diagnosticDataCollectionEnabled=false',
    ],
  };
}

function connectionTo(port: number): Connection {
  return {
    engine: 'mongodb',
    host: '127.0.0.1',
    port,
    user: '',
    password: undefined,
    database: 'admin',
    tls: { mode: 'disable' },
    options: {},
  };
}

async function untilReady(bench: Workbench, connection: Connection, child: Child): Promise<void> {
  const ended = child.ended.then((exit) => describeExit(exit));
  const until = performance.now() + READY_MS;
  while (performance.now() < until) {
    bench.signal.throwIfAborted();
    const gone = await Promise.race([ended, wait(50).then(() => undefined)]);
    if (gone !== undefined) throw notStarted(gone);
    if (await answers(bench, connection)) return;
  }
  throw notStarted('it did not answer in time');
}

async function answers(bench: Workbench, connection: Connection): Promise<boolean> {
  try {
    await withClient(bench, connection, (client) => client.db('admin').command({ ping: 1 }));
    return true;
  } catch (error) {
    bench.signal.throwIfAborted();
    if (error instanceof Failure && error.code === 'database_unreachable') return false;
    throw error;
  }
}

/**
 * A new server takes its first user from this machine without a login, once. Whoever else on the machine were quicker would
 * make ours fail, and the server would not be used: what is restored into it is seen by us alone.
 */
async function takeOver(bench: Workbench, connection: Connection, { user, password }: Connection): Promise<void> {
  const command = { createUser: user, pwd: password?.reveal() ?? '', roles: [{ role: 'root', db: 'admin' }] };
  await withClient(bench, connection, (client) => client.db('admin').command(command)).catch((error: unknown) => {
    throw notStarted(`it takes no first user (${messageOf(error)})`);
  });
}

async function stop(child: Child, folder: string): Promise<void> {
  child.kill();
  await child.ended;
  await remove(folder);
}

function notStarted(why: string): Failure {
  return new Failure('tool_missing', `A scratch server could not be started: ${why}`, {
    remedy: 'See what it says; or name a scratch server of your own (--scratch).',
  });
}
