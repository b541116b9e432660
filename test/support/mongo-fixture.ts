/** A database that holds at least one of everything MongoDB lets a user keep, under names that break careless tools. */
import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  DBRef,
  Decimal128,
  Double,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  serialize,
  Timestamp,
  UUID,
} from 'bson';
import type { Db } from 'mongodb';

/** Every BSON type, one document each: [what it shows, the document's elements after `_id` as raw bytes]. */
export const BSON_SAMPLES: readonly (readonly [string, Buffer])[] = [
  ['double', elements({ v: new Double(2) })],
  ['double -0', elements({ v: new Double(-0) })],
  ['double NaN', elements({ v: new Double(Number.NaN) })],
  ['double NaN with a payload', raw(0x01, [1, 2, 3, 0, 0, 0, 0xf8, 0x7f])],
  ['double infinity', elements({ v: new Double(Number.NEGATIVE_INFINITY) })],
  ['string', elements({ v: 'zażółć 🐘 \u0000 line\nbreak' })],
  ['document', elements({ v: { z: 1, a: { 'dotted.key': 2, $dollar: 3, '': 4 } } })],
  ['array', elements({ v: [1, 'two', [3], null] })],
  ['binary', elements({ v: new Binary(Buffer.from([0, 1, 255])) })],
  ['binary old subtype 2', raw(0x05, [7, 0, 0, 0, 2, 3, 0, 0, 0, 9, 8, 7])],
  ['binary user subtype', elements({ v: new Binary(Buffer.from('x'), 0x80) })],
  ['uuid', elements({ v: new UUID('00112233-4455-6677-8899-aabbccddeeff') })],
  ['undefined', raw(0x06, [])],
  ['objectid', elements({ v: new ObjectId('0123456789abcdef01234567') })],
  ['boolean', elements({ v: true, w: false })],
  ['date', elements({ v: new Date(-1), w: new Date('9999-12-31T23:59:59.999Z') })],
  ['date beyond JavaScript', raw(0x09, [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f])],
  ['null', elements({ v: null })],
  ['regex', elements({ v: new BSONRegExp('^a/b$', 'imx') })],
  ['dbpointer', raw(0x0c, [4, 0, 0, 0, ...Buffer.from('a.b\0'), ...Array.from({ length: 12 }, (_, i) => i)])],
  ['dbref', elements({ v: new DBRef('other', new ObjectId('0123456789abcdef01234567'), 'elsewhere') })],
  ['code', elements({ v: new Code('function () { return 1 }') })],
  ['symbol', elements({ v: new BSONSymbol('sym') })],
  ['code with scope', elements({ v: new Code('x', { x: 1 }) })],
  ['int32', elements({ v: new Int32(-2147483648) })],
  ['timestamp', elements({ v: new Timestamp({ t: 4294967295, i: 1 }) })],
  ['timestamp zero', elements({ v: new Timestamp({ t: 0, i: 0 }) })],
  ['int64', elements({ v: Long.MAX_VALUE, w: Long.fromNumber(5) })],
  ['decimal128', elements({ v: Decimal128.fromString('1.10') })],
  ['decimal128 NaN', elements({ v: Decimal128.fromString('NaN') })],
  ['minkey', elements({ v: new MinKey() })],
  ['maxkey', elements({ v: new MaxKey() })],
  ['a name twice', Buffer.concat([elements({ v: 1 }), elements({ v: 2 })])],
  ['no fields', Buffer.alloc(0)],
];

/** One byte of a type for each that the samples must hold, deprecated ones too. */
export const BSON_TYPES = [
  0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x0e, 0x0f, 0x10, 0x11, 0x12, 0x13,
  0xff, 0x7f,
] as const;

function elements(values: Record<string, unknown>): Buffer {
  return Buffer.from(serialize(values)).subarray(4, -1);
}

function raw(type: number, value: readonly number[]): Buffer {
  return Buffer.from([type, ...Buffer.from('v\0'), ...value]);
}

/** A sample as a whole document with that `_id`. */
export function sampleDocument(id: string, sample: Buffer): Buffer {
  const identity = elements({ _id: id });
  const head = Buffer.alloc(4);
  head.writeInt32LE(5 + identity.length + sample.length);
  return Buffer.concat([head, identity, sample, Buffer.from([0])]);
}

/** Index specifications as a server reports them, one of each kind. */
export const INDEX_SPECS: readonly Record<string, unknown>[] = [
  { v: 2, key: { a: 1, b: -1 }, name: 'compound' },
  { v: 2, unique: true, key: { serial: 1 }, name: 'unique', sparse: true },
  { v: 2, key: { s: 1 }, name: 'sparse', sparse: true },
  { v: 2, key: { p: 1 }, name: 'partial', partialFilterExpression: { p: { $gt: 5 } } },
  { v: 2, key: { at: 1 }, name: 'ttl', expireAfterSeconds: 3600 },
  {
    v: 2,
    key: { _fts: 'text', _ftsx: 1 },
    name: 'text',
    weights: { body: 1, title: 10 },
    default_language: 'english',
    language_override: 'language',
    textIndexVersion: 3,
  },
  { v: 2, key: { place: '2dsphere' }, name: 'geo', '2dsphereIndexVersion': 3 },
  { v: 2, key: { flat: '2d' }, name: 'flat', bits: 26, min: new Double(-180), max: new Double(180) },
  { v: 2, key: { h: 'hashed' }, name: 'hashed' },
  { v: 2, key: { '$**': 1 }, name: 'wildcard', wildcardProjection: { a: 1, 'b.c': 1 } },
  { v: 2, key: { c: 1 }, name: 'collated', collation: frenchCollation() },
  { v: 2, key: { hid: 1 }, name: 'hidden', hidden: true },
  { v: 2, key: { 'deep.er': new Double(-1) }, name: 'odd name: \n "ż" -- $x' },
];

function frenchCollation(): Record<string, unknown> {
  return {
    locale: 'fr',
    caseLevel: false,
    caseFirst: 'off',
    strength: 2,
    numericOrdering: true,
    alternate: 'non-ignorable',
    maxVariable: 'punct',
    normalization: false,
    backwards: true,
    version: '57.1',
  };
}

/** Names that options, shells, paths, patterns and URIs would take for something else. */
export const ODD_NAMES: readonly string[] = [
  'with.dots.in',
  'with space',
  'Mixed Case',
  'żółw 🐢',
  'line\nbreak',
  'tab\tand\rreturn',
  '--drop',
  '-x',
  'quote\'"`',
  'back\\slash',
  'slash/../../etc',
  'star*',
  '*',
  '?mark',
  'per%20cent%2F',
  '__proto__',
  'constructor',
  'a;b|c&d',
  'very-long-'.repeat(20),
];

/** Where raw documents can be put: our server, or any by way of mongorestore. */
export interface Pot {
  put(database: string, collection: string, documents: readonly Buffer[]): void | Promise<void>;
}

/** Fills a database with every sample, index kind, collection option and odd name. */
export async function fillFixture(db: Db, pot: Pot): Promise<void> {
  const types = BSON_SAMPLES.map(([name, sample]) => sampleDocument(name, sample));
  await pot.put(db.databaseName, 'every type', types);
  await pot.put(db.databaseName, 'ids', oddIds());
  await db.createCollection('indexed');
  await db.command({ createIndexes: 'indexed', indexes: INDEX_SPECS });
  const rows = Array.from({ length: 300 }, (_, serial) => ({
    _id: new Int32(serial),
    serial,
    a: serial % 7,
    p: serial,
  }));
  await db.collection<{ _id: Int32 }>('indexed').insertMany(rows);
  await makeOptions(db);
  for (const name of ODD_NAMES) await db.collection(name).insertOne({ name });
}

async function makeOptions(db: Db): Promise<void> {
  await db.command({ create: 'empty' });
  await db.command({ create: 'capped', capped: true, size: Long.fromNumber(65536), max: new Int32(20) });
  for (let n = 0; n < 30; n += 1) await db.collection('capped').insertOne({ n });
  const validator = {
    $jsonSchema: { required: ['n'], properties: { n: { bsonType: 'int', minimum: new Double(0) } } },
  };
  await db.command({ create: 'validated', validator, validationLevel: 'moderate', validationAction: 'warn' });
  await db.collection<{ _id: Int32; n: number }>('validated').insertOne({ _id: new Int32(1), n: 1 });
  await db.command({ create: 'collated', collation: frenchCollation() });
  await db.command({ create: 'clustered', clusteredIndex: { v: 2, key: { _id: 1 }, name: 'by id', unique: true } });
  await db.command({ create: 'watched', changeStreamPreAndPostImages: { enabled: true } });
  await db.command({ create: 'view', viewOn: 'indexed', pipeline: [{ $match: { a: 3 } }, { $project: { a: 1 } }] });
  await db.command({ create: 'view of a view', viewOn: 'view', pipeline: [], collation: frenchCollation() });
}

/** `_id` of types other than ObjectId, among them the least and the greatest. */
function oddIds(): Buffer[] {
  const ids = [
    new Int32(1),
    new Double(1.5),
    Long.MAX_VALUE,
    'text',
    '',
    { a: 1 },
    new MinKey(),
    new MaxKey(),
    null,
    true,
  ];
  return [...ids, new Binary(Buffer.from('bin')), new UUID('00112233-4455-6677-8899-aabbccddeeff')].map((_id) =>
    Buffer.from(serialize({ _id, x: 1 })),
  );
}
