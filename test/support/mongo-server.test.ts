import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { deserialize, EJSON, serialize } from 'bson';
import { MongoClient } from 'mongodb';
import { BSON_SAMPLES, BSON_TYPES, fillFixture, INDEX_SPECS, ODD_NAMES, sampleDocument } from './mongo-fixture.ts';
import { type MongoServer, type MongoServerOptions, startMongoServer } from './mongo-server/mongo-server.ts';
import { elementsOf } from './mongo-server/raw.ts';
import type { Database } from './mongo-server/store.ts';
import { describeWithMongoTools, runMongoTool } from './mongo-tools.ts';

const servers: MongoServer[] = [];
const clients: MongoClient[] = [];
let folder = '';

async function start(options: MongoServerOptions = {}): Promise<MongoServer> {
  const server = await startMongoServer(options);
  servers.push(server);
  return server;
}

function connect(server: MongoServer, login = ''): MongoClient {
  const client = new MongoClient(`mongodb://${login}127.0.0.1:${server.port}/`, { serverSelectionTimeoutMS: 2000 });
  clients.push(client);
  return client;
}

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mongo-server-'));
});

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const server of servers.splice(0)) await server.close();
  await rm(folder, { recursive: true, force: true });
});

/** Everything a database holds in one comparable form; index options sorted, since mongorestore shuffles them. */
function picture(database: Database | undefined): Record<string, unknown> {
  const collections = [...(database ?? [])].sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(
    collections.map(([name, collection]) => [
      `collection ${name}`,
      {
        type: collection.type,
        options: collection.options.toString('hex'),
        documents: [...collection.documents.values()].map((document) => document.toString('hex')),
        indexes: collection.indexes.map((spec) => canonicalIndex(spec)).sort(),
      },
    ]),
  );
}

function canonicalIndex(spec: Buffer): string {
  const { key, ...rest } = deserialize(spec, { promoteValues: false });
  return `${EJSON.stringify(key, { relaxed: false })} ${EJSON.stringify(sortedKeys(rest), { relaxed: false })}`;
}

function sortedKeys(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || '_bsontype' in value || Array.isArray(value)) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, inner]) => [name, sortedKeys(inner)]));
}

describe('the MongoDB test server and the official driver', () => {
  it('has a sample of every BSON type', () => {
    const seen = new Set(
      BSON_SAMPLES.flatMap(([, sample]) => elementsOf(sampleDocument('x', sample)).map((e) => e.type)),
    );

    expect(BSON_TYPES.filter((type) => !seen.has(type))).toEqual([]);
  });

  it.each(BSON_SAMPLES)('gives back a document with %s byte for byte', async (_, sample) => {
    const server = await start();
    const document = sampleDocument('one', sample);
    server.put('db', 'c', [document]);

    const found = await connect(server).db('db').collection('c').find({}, { raw: true }).toArray();

    expect(Buffer.from(found[0] as unknown as Uint8Array).toString('hex')).toBe(document.toString('hex'));
  });

  it('keeps index specifications of every kind byte for byte', async () => {
    const server = await start();
    const db = connect(server).db('db');

    await db.command({ createIndexes: 'c', indexes: INDEX_SPECS });

    const found = await db.collection('c').listIndexes().toArray();
    expect(found.slice(1)).toEqual(INDEX_SPECS.map((spec) => deserialize(serialize(spec))));
    expect(server.refused).toEqual([]);
  });

  it('pages through 20,000 documents in batches', async () => {
    const server = await start();
    const collection = connect(server).db('db').collection<{ _id: number; text: string }>('c');
    const documents = Array.from({ length: 20_000 }, (_, _id) => ({ _id, text: `document ${_id}` }));
    await collection.insertMany(documents);

    const ids: number[] = [];
    for await (const { _id } of collection.find({}, { batchSize: 999 })) ids.push(_id);

    expect(ids).toEqual(documents.map(({ _id }) => _id));
    expect(server.received.filter((line) => line === 'getMore c').length).toBe(20);
    expect(server.openCursors()).toBe(0);
    expect(await collection.countDocuments({ _id: { $gte: 100, $lt: 200 } })).toBe(100);
  });

  it('forgets a cursor that is closed early', async () => {
    const server = await start();
    const collection = connect(server).db('db').collection('c');
    await collection.insertMany(Array.from({ length: 300 }, () => ({})));

    const cursor = collection.find({}, { batchSize: 10 });
    await cursor.next();
    expect(server.openCursors()).toBe(1);
    await cursor.close();

    expect(server.openCursors()).toBe(0);
  });

  it('enforces _id and unique indexes, ordered and unordered', async () => {
    const server = await start();
    const collection = connect(server).db('db').collection<{ _id: number; u?: number }>('c');
    await collection.createIndex({ u: 1 }, { unique: true });
    await collection.insertOne({ _id: 1, u: 1 });

    await expect(collection.insertOne({ _id: 1, u: 2 })).rejects.toMatchObject({ code: 11000 });
    await expect(collection.insertOne({ _id: 2, u: 1 })).rejects.toMatchObject({ code: 11000 });
    const batch = [{ _id: 1 }, { _id: 3, u: 3 }];
    await expect(collection.insertMany(batch)).rejects.toMatchObject({ code: 11000 });
    expect(await collection.countDocuments()).toBe(1);
    await expect(collection.insertMany(batch, { ordered: false })).rejects.toMatchObject({ code: 11000 });

    expect(await collection.countDocuments()).toBe(2);
  });

  it('logs a user in with the right password only, and nobody without', async () => {
    const password = 'p@ss:/?#[]%"\\ ż';
    const server = await start({ users: [{ name: 'bäckup', password, roles: [{ role: 'backup', db: 'admin' }] }] });
    const login = (secret: string) => `${encodeURIComponent('bäckup')}:${encodeURIComponent(secret)}@`;

    const status = await connect(server, login(password)).db('db').command({ connectionStatus: 1 });

    expect(status.authInfo.authenticatedUserRoles).toEqual([{ role: 'backup', db: 'admin' }]);
    await expect(connect(server, login('wrong')).db('db').command({ ping: 1 })).rejects.toMatchObject({ code: 18 });
    await expect(connect(server).db('db').collection('c').findOne()).rejects.toMatchObject({ code: 13 });
  });

  it.each([
    ['an unknown command', { shutdown: 1 }, 59],
    ['an unknown field', { find: 'c', collation: { locale: 'fr' } }, 40415],
    ['an unknown query operator', { find: 'c', filter: { a: { $near: 1 } } }, 2],
    ['an unknown stage', { aggregate: 'c', pipeline: [{ $lookup: {} }], cursor: {} }, 40324],
    ['an unknown index option', { createIndexes: 'c', indexes: [{ key: { a: 1 }, name: 'a', sparce: true }] }, 197],
    ['an unknown collection option', { create: 'x', encryptedFields: {} }, 40415],
    ['a time-series collection', { create: 'x', timeseries: { timeField: 't' } }, 72],
    ['an unknown update operator', { update: 'c', updates: [{ q: {}, u: { $rename: { a: 'b' } } }] }, 9],
  ])('refuses %s and writes it down', async (_, command, code) => {
    const server = await start();
    const db = connect(server).db('db');
    await db.collection('c').insertOne({ a: 1 });

    await expect(db.command(command)).rejects.toMatchObject({ code });
    expect(server.refused).toHaveLength(1);
  });

  it('updates, replaces, renames, modifies and deletes', async () => {
    const server = await start();
    const client = connect(server);
    const db = client.db('db');
    const collection = db.collection<{ _id: number; a?: number; in?: { b: number } }>('c');
    await collection.insertMany([{ _id: 1, a: 1, in: { b: 2 } }, { _id: 2 }]);

    await collection.updateOne({ _id: 1 }, { $set: { 'in.b': 3 }, $inc: { a: 4 } });
    await collection.replaceOne({ _id: 2 }, { a: 9 });
    await collection.updateOne({ _id: 3 }, { $set: { a: 7 } }, { upsert: true });
    await collection.deleteOne({ _id: 2 });
    await collection.rename('d');
    await db.command({ collMod: 'd', validator: { a: { $exists: true } } });

    expect(await db.collection('d').find().sort({ _id: -1 }).toArray()).toEqual([
      { _id: 3, a: 7 },
      { _id: 1, a: 5, in: { b: 3 } },
    ]);
    expect(await db.listCollections({ name: 'd' }).toArray()).toMatchObject([
      { options: { validator: { a: { $exists: true } } } },
    ]);
    await client.db('db').dropDatabase();
    expect((await client.db().admin().listDatabases()).databases).toEqual([]);
  });

  it.each(['drop', 'cut', 'not-primary'] as const)(
    'misbehaves as it is told: %s at the second batch',
    async (action) => {
      const server = await start();
      const collection = connect(server).db('db').collection('c');
      await collection.insertMany(Array.from({ length: 50 }, () => ({})));
      server.misbehave([{ on: 'getMore', collection: 'c', nth: 2, action }]);

      const reading = collection.find({}, { batchSize: 10 }).toArray();

      await expect(reading).rejects.toThrow();
    },
  );

  it('stalls for ever when it is told to', async () => {
    const server = await start({ faults: [{ on: 'count', action: 'stall' }] });
    const client = connect(server);

    const counting = client.db('db').collection('c').estimatedDocumentCount();
    const outcome = await Promise.race([
      counting.catch(() => 'ended'),
      new Promise((done) => setTimeout(done, 200, 'waits')),
    ]);

    expect(outcome).toBe('waits');
  });
});

describeWithMongoTools('the MongoDB test server and the real tools', (tools) => {
  const dump = (server: MongoServer, ...args: string[]) =>
    runMongoTool(join(tools, 'mongodump'), [
      `--host=127.0.0.1:${server.port}`,
      `--archive=${join(folder, 'a')}`,
      ...args,
    ]);
  const restore = (server: MongoServer, ...args: string[]) =>
    runMongoTool(join(tools, 'mongorestore'), [
      `--host=127.0.0.1:${server.port}`,
      `--archive=${join(folder, 'a')}`,
      '--maintainInsertionOrder',
      ...args,
    ]);

  it('carries every type, index, option and odd name into another server byte for byte', async () => {
    const [source, target] = [await start(), await start()];
    await fillFixture(connect(source).db('shop'), source);

    const dumped = await dump(source, '--db=shop');
    const restored = await restore(target);

    expect(dumped.code).toBe(0);
    expect(restored).toMatchObject({ code: 0, output: expect.stringContaining('0 document(s) failed') });
    expect([...(source.databases.get('shop')?.keys() ?? [])]).toEqual(expect.arrayContaining([...ODD_NAMES]));
    expect(picture(target.databases.get('shop'))).toEqual(picture(source.databases.get('shop')));
    expect(new Set([...source.refused, ...target.refused])).toEqual(
      new Set(["atlasVersion: no such command: 'atlasVersion'"]),
    );
  });

  it('carries it into a second database of the same server', async () => {
    const server = await start();
    await fillFixture(connect(server).db('shop'), server);

    await dump(server, '--db=shop');
    const restored = await restore(server, '--nsFrom=shop.*', '--nsTo=copy.*');

    expect(restored.code).toBe(0);
    expect(picture(server.databases.get('copy'))).toEqual(picture(server.databases.get('shop')));
  });

  it('hands 20,000 documents to mongodump in batches', async () => {
    const [source, target] = [await start(), await start()];
    const documents = Array.from({ length: 20_000 }, (_, n) => ({ _id: n as never, filling: 'x'.repeat(1000) }));
    await connect(source).db('db').collection('c').insertMany(documents);

    expect((await dump(source)).code).toBe(0);
    expect((await restore(target)).code).toBe(0);

    expect(picture(target.databases.get('db'))).toEqual(picture(source.databases.get('db')));
    expect(source.received.filter((line) => line === 'getMore c').length).toBeGreaterThan(0);
  });

  it('leaves out collections with a dollar sign without a word, as mongodump does everywhere', async () => {
    const source = await start();
    await connect(source).db('db').collection('a$b').insertOne({});
    await connect(source).db('db').collection('plain').insertOne({});

    const dumped = await dump(source, '--db=db');

    expect(dumped.code).toBe(0);
    expect(dumped.output).not.toContain('a$b');
  });

  it('fails mongodump when a connection drops or the primary is lost in the middle', async () => {
    const source = await start();
    const documents = Array.from({ length: 500 }, () => ({}));
    await connect(source).db('db').collection('c').insertMany(documents);

    for (const action of ['drop', 'not-primary'] as const) {
      source.misbehave([{ on: 'getMore', action }]);
      expect((await dump(source)).code).not.toBe(0);
    }
  });
});
