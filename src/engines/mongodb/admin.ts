import { type MongoClient, MongoServerError } from 'mongodb';
import { Failure, messageOf } from '../../domain/failure.ts';
import type { Connection, DatabaseAdmin, SwapNames, Workbench } from '../engine.ts';
import { APP_NAME, withClient } from './dial.ts';
import { DIRTY_MARK, type Listed, listCollections, listDatabases } from './inventory.ts';
import { isDirty } from './probe.ts';

/** See DatabaseAdmin. */
export function admin(bench: Workbench): DatabaseAdmin {
  const at = <T>(server: Connection, use: (client: MongoClient) => Promise<T>) => withClient(bench, server, use);
  const inside = async (client: MongoClient, name: string) =>
    client.db(name).listCollections({}, { nameOnly: true }).toArray();
  return {
    list: (server) => at(server, listDatabases),
    exists: (server, name) => at(server, async (client) => (await inside(client, name)).length > 0),
    isEmpty: (server, name) => at(server, async (client) => (await inside(client, name)).length === 0),
    create: (server, name) => at(server, (client) => requireUsableName(client, name)),
    drop: (server, name) => at(server, async (client) => void (await client.db(name).dropDatabase())),
    sessions: (server, name) => at(server, async (client) => (await operations(client, name)).map(describeOperation)),
    disconnect: (server, name) =>
      at(server, async (client) => {
        for (const { opid } of await operations(client, name))
          await client.db('admin').command({ killOp: 1, op: opid });
      }),
    swap: (server, names) => at(server, (client) => swap(client, names, bench.runId)),
  };
}

/** A database of MongoDB comes to be with its first collection; what can be checked before is its name. */
async function requireUsableName(client: MongoClient, name: string): Promise<void> {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0 || bytes > 63 || /[\0/\\. "$]/.test(name)) {
    throw new Failure('usage', `MongoDB takes no database named ${JSON.stringify(name)}.`, {
      remedy: 'Use 1 to 63 bytes without / \\ . " $ and spaces.',
    });
  }
  const twin = (await listDatabases(client)).find((other) => other.toLowerCase() === name.toLowerCase());
  if (twin !== undefined && twin !== name) {
    throw new Failure(
      'usage',
      `MongoDB has a database ${JSON.stringify(twin)}, which differs from ${JSON.stringify(name)} in case only.`,
      {
        remedy: 'Choose another name.',
      },
    );
  }
}

interface Operation {
  readonly opid: unknown;
  readonly ns: string;
  readonly client: string;
  readonly appName: string;
  readonly op: string;
}

/** MongoDB has no sessions per database; what can be in the way are operations that run on it. */
async function operations(client: MongoClient, database: string): Promise<Operation[]> {
  const pipeline = [{ $currentOp: { allUsers: true, idleConnections: false } }];
  const running = await client.db('admin').aggregate(pipeline).toArray().catch(refuseBlindness);
  return running
    .map(({ opid, ns, client: from, appName, op }) => ({
      opid,
      ns: text(ns),
      client: text(from),
      appName: text(appName),
      op: text(op),
    }))
    .filter(({ ns, appName }) => ns.startsWith(`${database}.`) && !appName.startsWith(APP_NAME));
}

function refuseBlindness(error: unknown): never {
  if (!(error instanceof MongoServerError) || error.code !== 13) throw error;
  throw new Failure('privilege_missing', 'The user may not see what runs on the MongoDB server.', {
    remedy: 'Grant it the role clusterMonitor on admin, and hostManager to end operations of others.',
    cause: error,
  });
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function describeOperation({ client, appName, op, ns }: Operation): string {
  return [op || 'operation', 'on', ns, 'from', client || 'the server itself', appName].join(' ').trim();
}

type Undo = () => Promise<unknown>;

/**
 * MongoDB renames collections, not databases. Each step is remembered and undone in reverse when a later one fails; a mark
 * in `current` says that a swap runs, for whoever comes after a crash (F75).
 */
async function swap(client: MongoClient, { current, fresh, kept }: SwapNames, runId: string): Promise<void> {
  await requireSwappable(client, { current, fresh, kept });
  const undo: Undo[] = [];
  const mark = client.db(current).collection<{ _id: string; kept: string; fresh: string }>(DIRTY_MARK);
  await mark.insertOne({ _id: runId, kept, fresh });
  try {
    await moveAll(client, { from: current, to: kept, undo });
    await moveAll(client, { from: fresh, to: current, undo });
  } catch (error) {
    await takeBack(undo, { current, error });
    await client.db(current).dropCollection(DIRTY_MARK);
    throw error;
  }
  await client.db(current).dropCollection(DIRTY_MARK);
}

async function requireSwappable(client: MongoClient, { current, fresh, kept }: SwapNames): Promise<void> {
  for (const name of [current, fresh]) {
    if (!(await isDirty(client.db(name)))) continue;
    throw new Failure('target_dirty', `A restore or swap of ${JSON.stringify(name)} was never finished.`, {
      remedy: `Restore again, or look into its collection ${DIRTY_MARK} and drop it.`,
    });
  }
  if ((await listCollections(client.db(kept))).length > 0) {
    throw new Failure('target_not_empty', `The database ${JSON.stringify(kept)} exists.`, {
      remedy: 'Drop it, or wait a second and swap again.',
    });
  }
}

async function moveAll(
  client: MongoClient,
  { from, to, undo }: { from: string; to: string; undo: Undo[] },
): Promise<void> {
  const listed = await listCollections(client.db(from));
  for (const { name } of listed.filter(({ type }) => type !== 'view')) {
    const rename = (source: string, target: string) =>
      client.db('admin').command({ renameCollection: `${source}.${name}`, to: `${target}.${name}` });
    await rename(from, to);
    undo.push(() => rename(to, from));
  }
  for (const view of listed.filter(({ type }) => type === 'view')) await moveView(client, view, { to, undo });
}

/** A view cannot be renamed: it is made again on the other side. */
async function moveView(client: MongoClient, view: Listed, { to, undo }: { to: string; undo: Undo[] }): Promise<void> {
  const make = (database: string) => client.db(database).command({ create: view.name, ...view.options });
  const remove = (database: string) => client.db(database).dropCollection(view.name);
  await make(to);
  undo.push(() => remove(to));
  await remove(view.database);
  undo.push(() => make(view.database));
}

async function takeBack(undo: readonly Undo[], { current, error }: { current: string; error: unknown }): Promise<void> {
  try {
    for (const step of undo.toReversed()) await step();
  } catch (second) {
    throw new Failure(
      'target_dirty',
      `The swap failed (${messageOf(error)}) and could not be undone (${messageOf(second)}).`,
      {
        remedy: `The collection ${DIRTY_MARK} in ${JSON.stringify(current)} names both databases: move the collections back by hand.`,
        cause: error,
      },
    );
  }
}
