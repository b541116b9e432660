import { type Db, type MongoClient, MongoServerError } from 'mongodb';
import type { Connection, Privilege, Probe, Workbench } from '../engine.ts';
import { tableKey } from './canonical.ts';
import { type Deployment, deploymentOf, planConsistency } from './consistency.ts';
import { withClient } from './dial.ts';
import { needsLogin } from './failures.ts';
import { DIRTY_MARK, type Listed, listAll, listDatabases, listMisplaced, qualified } from './inventory.ts';

const UNAUTHORIZED = 13;

/** What a server says of itself. */
export interface ServerFacts {
  readonly version: string;
  readonly deployment: Deployment;
  readonly writable: boolean;
  readonly time: Date;
}

export async function readServer(client: MongoClient): Promise<ServerFacts> {
  const admin = client.db('admin');
  const hello = await admin.command({ hello: 1 });
  const { version } = await admin.command({ buildInfo: 1 });
  return {
    version: String(version),
    deployment: deploymentOf(hello),
    writable: hello.isWritablePrimary === true,
    time: hello.localTime instanceof Date ? hello.localTime : new Date(),
  };
}

/** Only the role `backup` and greater ones open the oplog. */
export async function canReadOplog(client: MongoClient, deployment: Deployment): Promise<boolean> {
  if (deployment !== 'replica set') return false;
  return mayDo(() =>
    client
      .db('local')
      .collection('oplog.rs')
      .findOne({}, { projection: { _id: 1 } }),
  );
}

/** See Engine.probe. */
export async function probe(bench: Workbench, source: Connection): Promise<Probe> {
  return withClient(bench, source, async (client) => {
    const server = await readServer(client);
    const privileges: Privilege[] = [];
    const canList = await mayDo(() => listAll(client, source.database));
    privileges.push(privilege('list collections', canList, source));
    const listed = canList ? await listAll(client, source.database) : [];
    const readable = canList && (await mayReadAll(client, listed));
    privileges.push(privilege('read documents and indexes', readable, source));
    const oplogReadable = await canReadOplog(client, server.deployment);
    const { warnings } = planConsistency({
      deployment: server.deployment,
      whole: source.database === '',
      oplogReadable,
    });
    return {
      flavour: 'MongoDB',
      version: server.version,
      major: Number.parseInt(server.version, 10),
      bytes: await sizeOf(client, source),
      tables: listed.filter(({ type }) => type !== 'view').map((one) => tableKey(qualified(source, one))),
      privileges,
      warnings: canList ? [...warnings, ...(await findWarnings(client, source))] : warnings,
      obstacles: canList ? await findObstacles(client, source, listed) : [],
    };
  });
}

function privilege(name: string, granted: boolean, { user, database }: Connection): Privilege {
  const role =
    database === '' ? '{ role: "backup", db: "admin" }' : `{ role: "read", db: ${JSON.stringify(database)} }`;
  return { name, granted, remedy: `db.getSiblingDB("admin").grantRolesToUser(${JSON.stringify(user)}, [${role}])` };
}

async function mayReadAll(client: MongoClient, listed: readonly Listed[]): Promise<boolean> {
  return mayDo(async () => {
    for (const { database, name, type } of listed) {
      if (type === 'view') continue;
      const collection = client.db(database).collection(name);
      await collection.findOne({}, { projection: { _id: 1 } });
      await collection.listIndexes().toArray();
    }
  });
}

async function mayDo(work: () => Promise<unknown>): Promise<boolean> {
  try {
    await work();
    return true;
  } catch (error) {
    if (isPrivilegeMissing(error)) return false;
    throw error;
  }
}

/** Not the refusal of someone who did not log in at all. */
function isPrivilegeMissing(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === UNAUTHORIZED && !needsLogin(error);
}

async function sizeOf(client: MongoClient, source: Connection): Promise<number | undefined> {
  try {
    const names = source.database === '' ? await listDatabases(client) : [source.database];
    let bytes = 0;
    for (const name of names) bytes += Number((await client.db(name).command({ dbStats: 1 })).dataSize);
    return bytes;
  } catch (error) {
    if (isPrivilegeMissing(error)) return undefined;
    throw error;
  }
}

/** Why a dump would not be whole, one sentence each with its remedy. */
export async function findObstacles(
  client: MongoClient,
  source: Connection,
  listed: readonly Listed[],
): Promise<string[]> {
  const obstacles: string[] = [];
  if (listed.length === 0) {
    const what = source.database === '' ? 'The server' : `The database ${JSON.stringify(source.database)}`;
    obstacles.push(`${what} has no collections: check the name in the URL.`);
  }
  for (const { name } of listed.filter((collection) => collection.name.includes('$'))) {
    obstacles.push(
      `mongodump leaves out ${JSON.stringify(name)} without a word, because of its $: rename or exclude it.`,
    );
  }
  for (const name of new Set([source.database, ...listed.map(({ database }) => database)])) {
    if (name !== '' && (await isDirty(client.db(name)))) {
      obstacles.push(
        `A restore into ${JSON.stringify(name)} was never finished: restore again, or drop the collection ${DIRTY_MARK}.`,
      );
    }
  }
  return obstacles;
}

/** What will be in a dump, or come back from it, otherwise than one would think. */
export async function findWarnings(client: MongoClient, source: Connection): Promise<string[]> {
  if (source.database !== '') return [];
  const misplaced = await listMisplaced(client);
  if (misplaced.length === 0) return [];
  const names = misplaced.map((name) => JSON.stringify(name)).join(', ');
  return [`Collections in the server's own database admin are dumped, but not restored by default: ${names}.`];
}

export async function isDirty(db: Db): Promise<boolean> {
  return (await db.listCollections({ name: DIRTY_MARK }, { nameOnly: true }).toArray()).length > 0;
}
