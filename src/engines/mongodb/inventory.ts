import { type Document, deserialize } from 'bson';
import type { Db, MongoClient } from 'mongodb';
import type { Inventory, TableFacts } from '../../domain/inventory.ts';
import type { Connection, Workbench } from '../engine.ts';
import { dataName, definitionObjects, tableKey } from './canonical.ts';
import { ContentDigest } from './content-digest.ts';
import { EXACT, withClient } from './dial.ts';

/** Exists in a database while a restore into it runs; left behind, it says that the content is not to be trusted (F75). */
export const DIRTY_MARK = 'database_dump_restore_unfinished';

/** Databases of the server itself: their content belongs to the deployment, not to an application. */
export const SYSTEM_DATABASES = ['admin', 'config', 'local'];

/** One collection or view as the server lists it. */
export interface Listed {
  readonly database: string;
  readonly name: string;
  readonly type: string;
  readonly options: Document;
}

/** What a user keeps in one database: no system collections, not our own mark. */
export async function listCollections(db: Db): Promise<Listed[]> {
  const listed = await db.listCollections({}, { nameOnly: false, raw: true }).toArray();
  const entries = listed.map((raw) => deserialize(raw as unknown as Uint8Array, EXACT));
  return entries
    .map(({ name, type, options }) => ({ database: db.databaseName, name, type, options: options ?? {} }))
    .filter(({ name }) => isUsers(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isUsers(name: string): boolean {
  return name !== DIRTY_MARK && (name === 'system.js' || !name.startsWith('system.'));
}

/** Names of the databases that hold users' data; sorted. */
export async function listDatabases(client: MongoClient): Promise<string[]> {
  const { databases } = await client.db('admin').command({ listDatabases: 1, nameOnly: true });
  const names: string[] = databases.map(({ name }: { name: string }) => name);
  return names.filter((name) => !SYSTEM_DATABASES.includes(name)).sort();
}

/** Everything that is meant by a connection: one database, or all of the server. */
export async function listAll(client: MongoClient, database: string): Promise<Listed[]> {
  const names = database === '' ? await listDatabases(client) : [database];
  const lists: Listed[] = [];
  for (const name of names) lists.push(...(await listCollections(client.db(name))));
  return lists;
}

/** Collections that someone keeps among the server's own: they are dumped with a whole server, but not restored by it. */
export async function listMisplaced(client: MongoClient): Promise<string[]> {
  const found = await client.db('admin').listCollections({}, { nameOnly: true }).toArray();
  return found.map(({ name }) => name).filter((name) => !name.startsWith('system.'));
}

/** The name of a collection in an inventory of this connection. */
export function qualified(
  connection: Pick<Connection, 'database'>,
  listed: { database: string; name: string },
): string {
  return connection.database === '' ? `${listed.database}.${listed.name}` : listed.name;
}

/** Definitions of collections and indexes, as inventory objects. */
export async function readObjects(client: MongoClient, source: Connection, listed: readonly Listed[]) {
  const entries: [string, string][] = [];
  for (const collection of listed) {
    const { database, name, type, options } = collection;
    const indexes = type === 'view' ? [] : await readIndexes(client.db(database), name);
    entries.push(...definitionObjects({ name: qualified(source, collection), type, options, indexes }));
  }
  return Object.fromEntries(entries);
}

async function readIndexes(db: Db, name: string): Promise<Document[]> {
  const raw = await db.collection(name).listIndexes({ raw: true }).toArray();
  return raw.map((spec) => deserialize(spec as unknown as Uint8Array, EXACT));
}

/** Counts, and digests where asked, of everything that holds documents; reads all documents for a digest. */
export async function readTables(
  client: MongoClient,
  source: Connection,
  work: { listed: readonly Listed[]; content: 'counts' | 'digests' },
) {
  const entries: [string, TableFacts][] = [];
  for (const collection of work.listed) {
    const { database, name, type } = collection;
    if (type === 'view') continue;
    const stored = client.db(database).collection(dataName(name, type));
    const facts =
      work.content === 'counts'
        ? { rows: await stored.countDocuments() }
        : await digestOf(stored.find({}, { raw: true }));
    entries.push([tableKey(qualified(source, { database, name: dataName(name, type) })), facts]);
  }
  return Object.fromEntries(entries);
}

async function digestOf(documents: AsyncIterable<unknown>): Promise<TableFacts> {
  const digest = new ContentDigest();
  let rows = 0;
  for await (const document of documents) {
    digest.add(document as Uint8Array);
    rows += 1;
  }
  return { rows, digest: digest.hex() };
}

/** See Engine.inventory. */
export async function inventory(
  bench: Workbench,
  source: Connection,
  content: 'counts' | 'digests',
): Promise<Inventory> {
  return withClient(bench, source, async (client) => {
    const listed = await listAll(client, source.database);
    return {
      objects: await readObjects(client, source, listed),
      tables: await readTables(client, source, { listed, content }),
      values: {},
      facts: {},
    };
  });
}
