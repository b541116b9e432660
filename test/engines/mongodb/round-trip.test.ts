import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { type Document, deserialize, EJSON, serialize } from 'bson';
import { type Db, MongoClient } from 'mongodb';
import { differences } from '../../../src/domain/inventory.ts';
import type { Connection, Origin } from '../../../src/engines/engine.ts';
import { dumpCommand } from '../../../src/engines/mongodb/commands.ts';
import { withClient } from '../../../src/engines/mongodb/dial.ts';
import { mongodb } from '../../../src/engines/mongodb/index.ts';
import { listCollections } from '../../../src/engines/mongodb/inventory.ts';
import { makeRunner } from '../../../src/process/child.ts';
import { endedWell, run } from '../../../src/process/run.ts';
import { atOnce } from '../../support/at-once.ts';
import {
  type Dumped,
  dumpAll,
  FULL,
  login,
  type MongoBench,
  mongoConnection,
  openMongoBench,
  plainOf,
  restoreRequest,
} from '../../support/mongo-bench.ts';
import { BSON_TYPES, fillFixture, ODD_NAMES } from '../../support/mongo-fixture.ts';
import {
  type MongoServer,
  type MongoServerOptions,
  startMongoServer,
} from '../../support/mongo-server/mongo-server.ts';
import { elementsOf } from '../../support/mongo-server/raw.ts';
import { describeWithMongoTools } from '../../support/mongo-tools.ts';
import { sized } from '../../support/size.ts';

const servers: MongoServer[] = [];
const clients: MongoClient[] = [];
let bench: MongoBench;

async function start(options: MongoServerOptions = {}): Promise<MongoServer> {
  const server = await startMongoServer(options);
  servers.push(server);
  return server;
}

function database(server: MongoServer, name = 'shop'): Db {
  const client = new MongoClient(server.url);
  clients.push(client);
  return client.db(name);
}

async function restoreInto(target: Connection, dumped: Dumped, changes = {}) {
  const job = { origin: dumped.origin, request: restoreRequest(target, changes) };
  return mongodb.restore(bench, plainOf(bench, dumped.bytes), job);
}

/** What a level 3 verification expects of a copy: the source's objects, the decoded dump's tables. */
async function expectedOf({ bytes, origin }: Dumped) {
  const { tables } = await mongodb.parse(bench, plainOf(bench, bytes), origin);
  return { objects: origin.inventory?.objects ?? {}, tables, values: {}, facts: {} };
}

interface Kept {
  readonly type: string;
  readonly options: Document;
  readonly indexes: readonly Document[];
}

/** A query over the catalogue of the fixture for each kind that must be in it. */
const KINDS: readonly (readonly [
  string,
  (one: { type: string; options: Document; indexes: Document[] }) => boolean,
])[] = [
  ['collection', ({ type }) => type === 'collection'],
  ['view', ({ type, options }) => type === 'view' && options.pipeline.length > 0],
  ['view on a view', ({ options }) => options.viewOn === 'view'],
  ['capped collection', ({ options }) => options.capped === true],
  [
    'validator with level and action',
    ({ options }) => options.validator && options.validationLevel && options.validationAction,
  ],
  ['collation', ({ options, type }) => type === 'collection' && options.collation],
  ['collation of a view', ({ options, type }) => type === 'view' && options.collation],
  ['clustered collection', ({ options }) => options.clusteredIndex],
  ['change stream images', ({ options }) => options.changeStreamPreAndPostImages],
  ['compound index', has(({ key }) => Object.keys(key).length > 1)],
  ['descending index', has(({ key }) => Object.values(key).some((value) => Number(value) === -1))],
  ['unique index', has(({ unique }) => unique)],
  ['sparse index', has(({ sparse }) => sparse)],
  ['partial index', has(({ partialFilterExpression }) => partialFilterExpression)],
  ['TTL index', has(({ expireAfterSeconds }) => expireAfterSeconds)],
  ['text index', has(({ weights }) => weights)],
  ['2dsphere index', has(({ key }) => Object.values(key).includes('2dsphere'))],
  ['2d index', has(({ key }) => Object.values(key).includes('2d'))],
  ['hashed index', has(({ key }) => Object.values(key).includes('hashed'))],
  ['wildcard index', has(({ wildcardProjection }) => wildcardProjection)],
  ['index collation', has(({ collation, name }) => collation && name !== '_id_')],
  ['hidden index', has(({ hidden }) => hidden)],
  ['index on a dotted path', has(({ key }) => Object.keys(key).some((path) => path.includes('.')))],
];

function has(test: (spec: Document) => unknown) {
  return ({ indexes }: Kept) => indexes.some((spec) => Boolean(test(spec)));
}

beforeAll(async () => {
  bench = await openMongoBench();
});

afterAll(() => bench.close());

afterEach(async () => {
  for (const client of clients.splice(0)) await client.close();
  for (const server of servers.splice(0)) await server.close();
});

describeWithMongoTools('a MongoDB database', () => {
  it('has at least one of each kind in its fixture', async () => {
    const server = await start();
    await fillFixture(database(server), server);

    const found = [...(server.databases.get('shop')?.values() ?? [])].map(({ type, options, indexes }) => ({
      type,
      options: deserialize(options),
      indexes: indexes.map((spec) => deserialize(spec)),
    }));
    const types = [...(server.databases.get('shop')?.get('every type')?.documents.values() ?? [])].flatMap((document) =>
      elementsOf(document).map(({ type }) => type),
    );

    expect(KINDS.filter(([, test]) => !found.some((one) => test(one))).map(([name]) => name)).toEqual([]);
    expect(BSON_TYPES.filter((type) => !types.includes(type))).toEqual([]);
    expect(ODD_NAMES.filter((name) => !server.databases.get('shop')?.has(name))).toEqual([]);
  });

  it('comes back identical under a new name, every type, index, option and odd name', async () => {
    const [source, target] = [await start(), await start()];
    await fillFixture(database(source), source);
    const connection = mongoConnection(source);

    const dumped = await dumpAll(bench, connection);
    const report = await restoreInto(mongoConnection(target, { database: 'copy' }), dumped);
    const copy = await mongodb.inventory(bench, mongoConnection(target, { database: 'copy' }), 'digests');

    expect(report).toEqual({ notices: [], accounted: [] });
    expect(differences(await expectedOf(dumped), copy)).toEqual([]);
    expect(differences(await mongodb.inventory(bench, connection, 'digests'), copy)).toEqual([]);
    expect(Object.keys(copy.objects).length).toBeGreaterThan(60);
    expect([...target.databases.keys()]).toEqual(['copy']);
    expect([...source.refused, ...target.refused].filter((line) => !line.startsWith('atlasVersion'))).toEqual([]);
  });

  it('shows in a comparison exactly what was changed in the copy, and nothing else', async () => {
    const [source, target] = [await start(), await start()];
    await fillFixture(database(source), source);
    const dumped = await dumpAll(bench, mongoConnection(source));
    const place = mongoConnection(target, { database: 'copy' });
    await restoreInto(place, dumped);
    const copy = database(target, 'copy');
    const expected = await expectedOf(dumped);
    const found = async () =>
      differences(expected, await mongodb.inventory(bench, place, 'digests')).map(
        ({ kind, what }) => `${kind} ${what}`,
      );

    await copy.collection('with.dots.in').updateOne({}, { $set: { name: 'other' } });
    expect(await found()).toEqual(['changed content with.dots.in']);
    await copy.collection('with.dots.in').deleteOne({});
    expect(await found()).toEqual(['changed rows with.dots.in']);
    await copy.collection('with.dots.in').insertOne({ name: 'with.dots.in' });
    expect(await found()).toEqual(['changed content with.dots.in']);
    await copy.collection('indexed').dropIndex('ttl');
    await copy.command({ collMod: 'validated', validationLevel: 'strict' });
    await copy.collection('view of a view').drop();
    await copy.command({ collMod: 'view', viewOn: 'indexed', pipeline: [] });
    await copy.createIndex('empty', { extra: 1 });
    expect(await found()).toEqual([
      'changed collection validated',
      'extra index extra_1 on empty',
      'missing index ttl on indexed',
      'missing view "view of a view"',
      'changed view view',
      'changed content with.dots.in',
    ]);
  });

  it('F20 reports whatever kind is left out of the dump, by name', async () => {
    const source = await start();
    await fillFixture(database(source), source);
    const { origin } = await dumpAll(bench, mongoConnection(source));
    const shop = database(source);
    const names = [...(source.databases.get('shop')?.keys() ?? [])].filter((name) => name !== 'indexed');
    const indexes = (await shop.collection('indexed').indexes())
      .map(({ name }) => String(name))
      .filter((name) => name !== '_id_');

    for (const name of names) await shop.dropCollection(name);
    for (const name of indexes) await shop.collection('indexed').dropIndex(name);
    const without = await dumpAll(bench, mongoConnection(source));
    const outcome = await mongodb.parse(bench, plainOf(bench, without.bytes), origin).catch((error) => error);

    const missing: string[] = outcome.details?.differences ?? [];
    const shown = (name: string) => [
      ` ${name}`,
      ` ${JSON.stringify(name)}`,
      ` ${JSON.stringify(name)} on indexed`,
      ` ${name} on indexed`,
    ];
    expect(outcome).toMatchObject({ code: 'schema_changed', remedy: expect.stringContaining('again') });
    expect(
      [...names, ...indexes].filter((name) => !missing.some((line) => shown(name).some((end) => line.endsWith(end)))),
    ).toEqual([]);
  });

  it('parses an untouched dump of hostile names without a word', async () => {
    const source = await start();
    await fillFixture(database(source), source);

    const dumped = await dumpAll(bench, mongoConnection(source));
    const report = await mongodb.parse(bench, plainOf(bench, dumped.bytes), dumped.origin);

    expect(report.warnings).toEqual([]);
    expect(report.values).toEqual({});
    expect(report.tables['line\nbreak']).toEqual({ rows: 1, digest: expect.stringMatching(/^[0-9a-f]{64}$/) });
    expect(report.tables).not.toHaveProperty('view');
  });

  it('dumps and restores only some collections', async () => {
    const [source, target] = [await start(), await start()];
    await fillFixture(database(source), source);

    const dumped = await dumpAll(bench, mongoConnection(source), { ...FULL, include: ['indexed', 'line*'] });
    expect(Object.keys(dumped.origin.inventory?.objects ?? {}).filter((name) => name.startsWith('collection'))).toEqual(
      ['collection indexed', 'collection "line\\nbreak"'],
    );
    await restoreInto(mongoConnection(target, { database: 'copy' }), dumped, { only: ['line\nbreak'] });

    expect([...(target.databases.get('copy')?.keys() ?? [])]).toEqual(['line\nbreak']);
    await expect(
      restoreInto(mongoConnection(target, { database: 'b' }), dumped, { only: ['nothing'] }),
    ).rejects.toMatchObject({ code: 'usage' });
  });

  it('keeps a collection that is named like a pattern apart from what the pattern would match', async () => {
    const [source, target] = [await start(), await start()];
    await fillFixture(database(source), source);
    const dumped = await dumpAll(bench, mongoConnection(source));

    await restoreInto(mongoConnection(target, { database: 'copy' }), dumped, { only: ['*', 'star*', 'back\\slash'] });

    expect([...(target.databases.get('copy')?.keys() ?? [])].sort()).toEqual(['*', 'back\\slash', 'star*']);
  });

  it('backs up data without views, indexes and options, and restores it into collections that keep theirs', async () => {
    const [source, target] = [await start(), await start()];
    await fillFixture(database(source), source);
    const place = mongoConnection(target, { database: 'copy' });
    await restoreInto(place, await dumpAll(bench, mongoConnection(source)));
    const before = await mongodb.inventory(bench, place, 'digests');
    await database(target, 'copy').collection('indexed').deleteMany({});

    const data = await dumpAll(bench, mongoConnection(source), { ...FULL, type: 'data' });
    expect(data.origin.inventory?.objects).toEqual({});
    await restoreInto(place, data, { inPlace: true });

    expect(differences(before, await mongodb.inventory(bench, place, 'digests'))).toEqual([]);
  });

  it('replaces a database in place, and removes what the dump does not have', async () => {
    const [source, target] = [await start(), await start()];
    await fillFixture(database(source), source);
    const dumped = await dumpAll(bench, mongoConnection(source));
    const place = mongoConnection(target, { database: 'shop' });
    await database(target).collection('indexed').insertOne({ other: true });
    await database(target).collection('too much').insertOne({ other: true });

    await expect(restoreInto(place, dumped)).rejects.toMatchObject({ code: 'target_not_empty' });
    expect([...(target.databases.get('shop')?.keys() ?? [])].sort()).toEqual(['indexed', 'too much']);
    await restoreInto(place, dumped, { inPlace: true });

    expect(differences(await expectedOf(dumped), await mongodb.inventory(bench, place, 'digests'))).toEqual([]);
  });

  it('backs up a whole server and restores every database under its own name', async () => {
    const [source, target] = [await start(), await start()];
    for (const name of ['shop', 'Büro', 'a-b']) await database(source, name).collection('c').insertOne({ name });
    await database(source, 'admin').collection('system.version').insertOne({ x: 1 });
    const whole = mongoConnection(source, { database: '' });

    const dumped = await dumpAll(bench, whole);
    const report = await restoreInto(mongoConnection(target, { database: '' }), dumped);
    const copy = await mongodb.inventory(bench, mongoConnection(target, { database: '' }), 'digests');

    expect(Object.keys(copy.tables).sort()).toEqual(['Büro.c', 'a-b.c', 'shop.c']);
    expect(differences(await expectedOf(dumped), copy)).toEqual([]);
    expect([...target.databases.keys()]).not.toContain('admin');
    expect(report.notices).toEqual([expect.stringContaining('Users, roles and settings')]);
    expect((await mongodb.probe(bench, whole)).warnings.join()).not.toContain('database admin');
    await database(source, 'admin').collection('mine').insertOne({});
    expect((await mongodb.probe(bench, whole)).warnings.join()).toContain('not restored by default: "mine"');
    await expect(dumpAll(bench, mongoConnection(source, { database: 'admin' }))).rejects.toMatchObject({
      code: 'usage',
    });
    await expect(restoreInto(mongoConnection(target, { database: 'one' }), dumped)).rejects.toMatchObject({
      code: 'restore_refused',
    });
  });

  it('saves roles, and users only where their password hashes were asked for', async () => {
    const roles = [{ role: 'readWrite', db: 'shop' }];
    const source = await start({ users: [{ name: 'app', password: 'x', roles }] });
    const account = {
      _id: 'admin.app',
      user: 'app',
      db: 'admin',
      credentials: { 'SCRAM-SHA-256': { salt: 'canary' } },
      roles,
    };
    source.put('admin', 'system.users', [Buffer.from(serialize(account))]);
    source.put('admin', 'system.roles', [
      Buffer.from(serialize({ _id: 'shop.clerk', role: 'clerk', db: 'shop', roles })),
    ]);
    const server = mongoConnection(source, { database: '', ...login('app', 'x') });

    const open = await dumpAll(bench, server, { ...FULL, type: 'globals' });
    const whole = await dumpAll(bench, server, { ...FULL, type: 'globals', passwordHashes: true });

    expect(open.bytes.includes('canary')).toBe(false);
    expect(whole.bytes.includes('canary')).toBe(true);
    expect(Object.keys(open.origin.inventory?.objects ?? {})).toEqual(['role shop.clerk']);
    expect(Object.keys(whole.origin.inventory?.objects ?? {})).toEqual(['user admin.app', 'role shop.clerk']);
    expect(await mongodb.parse(bench, plainOf(bench, whole.bytes), whole.origin)).toMatchObject({ tables: {} });
    const lacking = mongodb.parse(bench, plainOf(bench, open.bytes), whole.origin);
    await expect(lacking).rejects.toMatchObject({
      code: 'schema_changed',
      message: expect.stringContaining('user admin.app'),
    });
    await expect(restoreInto(server, whole)).rejects.toMatchObject({ code: 'restore_refused' });
  });

  it('restores a foreign dump, of which nothing is known but its bytes', async () => {
    const [source, target] = [await start(), await start()];
    await fillFixture(database(source), source);
    const { bytes } = await dumpAll(bench, mongoConnection(source));
    const origin: Origin = {
      type: 'full',
      flavour: '',
      serverVersion: '',
      toolVersion: '',
      database: '',
      inventory: undefined,
    };

    await mongodb.restore(bench, plainOf(bench, bytes), {
      origin,
      request: restoreRequest(mongoConnection(target, { database: 'copy' })),
    });

    const copy = await mongodb.inventory(bench, mongoConnection(target, { database: 'copy' }), 'digests');
    expect(differences(await mongodb.inventory(bench, mongoConnection(source), 'digests'), copy)).toEqual([]);
  });

  it('takes counts and digests of the source only when asked', async () => {
    const source = await start();
    await fillFixture(database(source), source);

    const quick = await dumpAll(bench, mongoConnection(source));
    const exact = await dumpAll(bench, mongoConnection(source), { ...FULL, sourceDigest: true });

    expect(quick.origin.inventory?.tables).toEqual({});
    expect(differences(exact.origin.inventory as never, await expectedOf(exact))).toEqual([]);
    expect(exact.origin.inventory?.tables.indexed?.rows).toBe(300);
  });

  it('swaps a restored database in, keeps the old one, and takes everything back when a step fails', async () => {
    const server = await start();
    await fillFixture(database(server), server);
    await fillFixture(database(server, 'shop_new'), server);
    await database(server, 'shop_new').collection('indexed').deleteOne({});
    const at = (name: string) => mongodb.inventory(bench, mongoConnection(server, { database: name }), 'digests');
    const [old, fresh] = [await at('shop'), await at('shop_new')];
    const names = { current: 'shop', fresh: 'shop_new', kept: 'shop_before' };
    const admin = mongodb.admin(bench);

    server.misbehave([
      { on: 'renameCollection', nth: 35, action: { code: 1, codeName: 'InternalError', message: 'no' } },
    ]);
    await expect(admin.swap(mongoConnection(server), names)).rejects.toThrow();
    expect([differences(old, await at('shop')), differences(fresh, await at('shop_new'))]).toEqual([[], []]);
    server.misbehave([]);
    await admin.swap(mongoConnection(server), names);

    expect(differences(fresh, await at('shop'))).toEqual([]);
    expect(differences(old, await at('shop_before'))).toEqual([]);
    expect(await admin.list(mongoConnection(server))).toEqual(['shop', 'shop_before']);
    await expect(admin.swap(mongoConnection(server), names)).rejects.toMatchObject({ code: 'target_not_empty' });
  });

  it('lists and ends operations on a database, and only there', async () => {
    const server = await start();
    const one = (opid: number, ns: string, appName = 'app') => ({
      opid,
      ns,
      appName,
      client: '10.0.0.1:5',
      op: 'update',
    });
    server.operations.push(one(1, 'shop.orders'), one(2, 'shopping.orders'), one(3, 'shop.x', 'database-dump run-1'));
    const admin = mongodb.admin(bench);

    expect(await admin.sessions(mongoConnection(server), 'shop')).toEqual([
      'update on shop.orders from 10.0.0.1:5 app',
    ]);
    await admin.disconnect(mongoConnection(server), 'shop');

    expect(server.operations.map(({ opid }) => opid)).toEqual([2, 3]);
  });

  it('answers assertions, and takes none that writes', async () => {
    const server = await start();
    await fillFixture(database(server), server);
    const ask = (command: unknown) =>
      mongodb.query(bench, mongoConnection(server), EJSON.stringify(command as Document));

    expect(await ask({ count: 'indexed', query: { a: 3 } })).toEqual([['43']]);
    expect(
      await ask({ aggregate: 'indexed', pipeline: [{ $match: { serial: 5 } }, { $project: { serial: 1 } }] }),
    ).toEqual([['5', '5']]);
    for (const command of [{ drop: 'indexed' }, { aggregate: 'indexed', pipeline: [{ $out: 'x' }] }, [], 5]) {
      await expect(ask(command)).rejects.toMatchObject({ code: 'usage' });
    }
    await expect(mongodb.query(bench, mongoConnection(server), 'select 1')).rejects.toMatchObject({ code: 'usage' });
  });

  it('T12 takes hostile names through a dump and a restore, all at once', async () => {
    const [source, target] = [await start(), await start()];
    const names = hostileNames(sized(500, 2_000), 20261124);
    for (const name of names) source.put('shop', name, [documentFor(name)]);

    const dumped = await dumpAll(bench, mongoConnection(source));
    await restoreInto(mongoConnection(target, { database: 'copy' }), dumped);

    const copy = target.databases.get('copy');
    const wrong = names.filter(
      (name) => ![...(copy?.get(name)?.documents.values() ?? [])][0]?.equals(documentFor(name)),
    );
    expect(wrong).toEqual([]);
    expect(copy?.size).toBe(names.length);
  });

  it('T12 F84 takes hostile user names, passwords and database names through the real tools', async () => {
    const random = numbers(7);
    const users = Array.from({ length: sized(200, 10_000) }, (_, n) => ({
      name: `${loginName(random)}${n}`,
      // SCRAM takes no character that Unicode 3.2 did not have: no server can hold such a password.
      password: KNOWN_PASSWORDS[n] ?? randomText(random, 1 + random(60)).replaceAll('🐢', 'x'),
      home: `d${n}${randomText(random, 8).replaceAll(/[/\\. "$]/g, '_')}`.slice(0, 20).toWellFormed(),
    }));
    const source = await start({ users: users.map(({ name, password }) => ({ name, password })) });
    for (const { home } of users) source.put(home, 'c', [documentFor(home)]);

    const tool = bench.tools.all('mongodump')[0]?.path ?? '';
    // As ourselves: changing the user for each of hundreds of programs costs more than the log-in.
    const runner = makeRunner({ folder: bench.folder, user: undefined, setpriv: undefined, stdbuf: undefined });

    const failed = await atOnce(users, 4, async ({ name, password, home }, n) => {
      const place = mongoConnection(source, { database: home, ...login(name, password) });
      // A whole dump for what is known to be hard; for the rest the same command, and a driver that asks what is there.
      if (n >= 2 * KNOWN_PASSWORDS.length) {
        const listed = await withClient(bench, place, (opened) => listCollections(opened.db(home))).catch(() => []);
        const command = dumpCommand(tool, place, { exclude: [], oplog: false });
        const chunks: Buffer[] = [];
        const exit = await run(runner, command, { onOutput: (chunk) => void chunks.push(chunk) });
        const isWhole = endedWell(exit) && Buffer.concat(chunks).includes(documentFor(home));
        return isWhole && listed.length === 1 ? [] : [`${JSON.stringify([name, password, home])}: ${exit.stderr}`];
      }
      const dumped = await dumpAll(bench, place).catch((error) => error);
      const rows = dumped instanceof Error ? 0 : Object.keys((await expectedOf(dumped)).tables).length;
      return rows === 1 ? [] : [`${JSON.stringify([name, password, home])}: ${dumped}`];
    });

    expect(users.length).toBeGreaterThanOrEqual(200);
    expect(failed.flat()).toEqual([]);
    console.log(`T12: MongoDB: ${users.length} user names, passwords and names of databases`);
  }, 7_200_000);
});

const KNOWN_PASSWORDS = [
  ' ',
  'a b',
  ' leading and trailing ',
  "'",
  '"',
  '\\',
  '#comment',
  '%41%zz',
  ':',
  '@host/',
  '-',
  '--drop',
  '{}',
  '[]',
  '!tag &anchor *alias',
  '$HOME `id` $(id)',
  'zażółć',
  'ﬁﬃ ª ²',
  'null',
  '0123',
  'x'.repeat(1000),
];

function documentFor(name: string): Buffer {
  const text = Buffer.from(`${name}\0`);
  const value = Buffer.alloc(4);
  value.writeInt32LE(text.length);
  const body = Buffer.concat([Buffer.from('\x02_id\0'), value, text, Buffer.from([0])]);
  const head = Buffer.alloc(4);
  head.writeInt32LE(body.length + 4);
  return Buffer.concat([head, body]);
}

function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const PIECES = [...'abcXYZ019 -_.,;:\'"`\\/|&%#@!?*+^()[]{}<>=~', 'ż', 'ß', 'é', '日本', '🐢', '--', '../', '%2F'];

function randomText(random: (below: number) => number, length: number): string {
  return Array.from({ length }, () => PIECES[random(PIECES.length)]).join('');
}

/** The driver logs in no name with several commas or equals signs, which is refused beforehand. */
function loginName(random: (below: number) => number): string {
  const name = randomText(random, 1 + random(20));
  return name.split(',').length > 2 || name.split('=').length > 2 ? loginName(random) : name;
}

/** Names that a server takes: no NUL, no dollar sign, no leading dot, at most 200 bytes. */
function hostileNames(count: number, seed: number): string[] {
  const random = numbers(seed);
  const names = new Set<string>();
  while (names.size < count) {
    const control = ['', '\n', '\t', '\r', '\u0001', '\u007f', '\u2028', '\ufeff'][random(8)] ?? '';
    const name = `${randomText(random, 1 + random(12))}${control}${randomText(random, random(30))}`;
    const isTaken =
      name !== '' && !name.startsWith('.') && !name.startsWith('system.') && Buffer.byteLength(name) <= 200;
    if (isTaken) names.add(name);
  }
  return [...names];
}
