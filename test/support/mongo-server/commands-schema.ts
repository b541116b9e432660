/** Databases, collections, views, indexes: what is made, changed, listed and dropped. */
import { type Call, type CommandRule, checkPart, collectionName, documentPart, numberOption, part } from './command.ts';
import { compileFilter } from './filter.ts';
import { documentOf, documentsIn, elementNamed, elementsOf, plain, type RawElement } from './raw.ts';
import { badValue, Refusal, UnknownThing } from './refusal.ts';
import { addIndex, type Collection, describeCollection, indexName } from './store.ts';
import { replyOf } from './wire.ts';

const COLLECTION_OPTIONS = [
  'capped',
  'size',
  'max',
  'validator',
  'validationLevel',
  'validationAction',
  'collation',
  'viewOn',
  'pipeline',
  'storageEngine',
  'indexOptionDefaults',
  'changeStreamPreAndPostImages',
  'clusteredIndex',
  'expireAfterSeconds',
];

/** `idIndex` is what a restore passes on; it is checked and then rebuilt from the collation, so it is no option. */
function create(call: Call): Buffer {
  const name = collectionName(call);
  if (part(call, 'timeseries') !== undefined) {
    throw new UnknownThing(72, 'InvalidOptions', 'this server keeps no time-series collections');
  }
  const kept: RawElement[] = elementsOf(call.body).filter((element) => COLLECTION_OPTIONS.includes(element.name));
  if (part(call, 'capped')?.value.readUInt8(0) === 1 && part(call, 'size') === undefined) {
    throw new Refusal(72, 'InvalidOptions', "the 'size' field is required when 'capped' is true");
  }
  if (part(call, 'viewOn') === undefined && part(call, 'pipeline') !== undefined) {
    throw new Refusal(72, 'InvalidOptions', "'pipeline' cannot be specified without 'viewOn'");
  }
  call.state.store.create(call.database, name, documentOf(kept));
  return replyOf({});
}

function drop(call: Call): Buffer {
  const name = collectionName(call);
  const indexes = call.state.store.find(call.database, name)?.indexes.length ?? 0;
  call.state.store.drop(call.database, name);
  return replyOf({ nIndexesWas: indexes, ns: `${call.database}.${name}` });
}

function dropDatabase(call: Call): Buffer {
  call.state.store.databases.delete(call.database);
  return replyOf({ dropped: call.database });
}

function renameCollection(call: Call): Buffer {
  if (call.database !== 'admin')
    throw new Refusal(13, 'Unauthorized', 'renameCollection may only be run against the admin database.');
  const to: unknown = call.options.to;
  const from: unknown = call.options.renameCollection;
  if (typeof to !== 'string' || typeof from !== 'string') throw badValue('renameCollection needs two names');
  call.state.store.rename(splitNamespace(from), splitNamespace(to), call.options.dropTarget === true);
  return replyOf({});
}

function splitNamespace(namespace: string): [string, string] {
  const dot = namespace.indexOf('.');
  if (dot < 0) throw new Refusal(73, 'InvalidNamespace', `Invalid namespace: ${namespace}`);
  return [namespace.slice(0, dot), namespace.slice(dot + 1)];
}

function listDatabases(call: Call): Buffer {
  const databases = [...call.state.store.databases].map(([name, inside]) => {
    const sizeOnDisk = [...inside.values()].reduce((sum, collection) => sum + bytesOf(collection), 0);
    return { name, sizeOnDisk, empty: inside.size === 0 };
  });
  const filter = documentPart(call, 'filter');
  const matches = filter === undefined ? () => true : compileFilter(filter);
  const shown = databases.filter((database) => matches(documentOf(plain(database))));
  if (call.options.nameOnly === true) return replyOf({ databases: shown.map(({ name }) => ({ name })) });
  return replyOf({ databases: shown, totalSize: shown.reduce((sum, { sizeOnDisk }) => sum + sizeOnDisk, 0) });
}

export function bytesOf(collection: Collection): number {
  let bytes = 0;
  for (const document of collection.documents.values()) bytes += document.length;
  return bytes;
}

function listCollections(call: Call): Buffer {
  const nameOnly = call.options.nameOnly === true;
  const collections = [...call.state.store.database(call.database).values()];
  const filter = documentPart(call, 'filter');
  const matches = filter === undefined ? () => true : compileFilter(filter);
  const shown = collections.filter((collection) => matches(describeCollection(collection, false)));
  const cursor = documentPart(call, 'cursor');
  if (cursor !== undefined) checkPart('listCollections.cursor', cursor, ['batchSize']);
  return call.state.cursors.start(
    `${call.database}.$cmd.listCollections`,
    shown.map((collection) => describeCollection(collection, nameOnly)),
    batchOf(call.options.cursor),
  );
}

/** The batch size inside a command's `cursor` document. */
export function batchOf(cursor: unknown): { size?: number } {
  if (typeof cursor !== 'object' || cursor === null || !('batchSize' in cursor)) return {};
  return { size: numberOption(cursor.batchSize, 101) };
}

function listIndexes(call: Call): Buffer {
  const name = collectionName(call);
  const collection = call.state.store.require(call.database, name);
  if (collection.type === 'view') throw new Refusal(166, 'CommandNotSupportedOnView', `${name} is a view`);
  return call.state.cursors.start(`${call.database}.${name}`, collection.indexes, batchOf(call.options.cursor));
}

const INDEX_OPTIONS = [
  'v',
  'ns',
  'key',
  'name',
  'unique',
  'sparse',
  'partialFilterExpression',
  'expireAfterSeconds',
  'background',
  'collation',
  'hidden',
  'wildcardProjection',
  'weights',
  'default_language',
  'language_override',
  'textIndexVersion',
  '2dsphereIndexVersion',
  'bits',
  'min',
  'max',
  'storageEngine',
  'prepareUnique',
];

function createIndexes(call: Call): Buffer {
  const collection = call.state.store.findOrCreate(call.database, collectionName(call));
  const list = part(call, 'indexes');
  if (list === undefined) throw badValue('createIndexes needs indexes');
  const before = collection.indexes.length;
  for (const spec of documentsIn(list)) {
    checkIndex(spec);
    addIndex(call.database, collection, spec);
  }
  return replyOf({ numIndexesBefore: before, numIndexesAfter: collection.indexes.length });
}

function checkIndex(spec: Buffer): void {
  for (const { name } of elementsOf(spec)) {
    if (INDEX_OPTIONS.includes(name)) continue;
    throw new UnknownThing(
      197,
      'InvalidIndexSpecificationOption',
      `The field '${name}' is not valid for an index specification.`,
    );
  }
  const key = elementNamed(spec, 'key');
  if (key?.type !== 0x03 || key.value.length <= 5)
    throw new Refusal(67, 'CannotCreateIndex', 'Index keys cannot be empty.');
}

function dropIndexes(call: Call): Buffer {
  const collection = call.state.store.require(call.database, collectionName(call));
  const wanted: unknown = call.options.index;
  const names = Array.isArray(wanted) ? wanted : [wanted];
  const before = collection.indexes.length;
  for (const name of names) dropOne(collection, name);
  return replyOf({ nIndexesWas: before });
}

function dropOne(collection: Collection, name: unknown): void {
  if (name === '*') {
    collection.indexes = collection.indexes.filter((spec) => indexName(spec) === '_id_');
    return;
  }
  if (name === '_id_') throw new Refusal(72, 'InvalidOptions', 'cannot drop _id index');
  const left = collection.indexes.filter((spec) => indexName(spec) !== name);
  if (left.length === collection.indexes.length)
    throw new Refusal(27, 'IndexNotFound', `index not found with name [${name}]`);
  collection.indexes = left;
}

const MODIFIABLE = [
  'validator',
  'validationLevel',
  'validationAction',
  'viewOn',
  'pipeline',
  'changeStreamPreAndPostImages',
];

/** New values take the old ones' place in the options; new names go to the end. */
function collMod(call: Call): Buffer {
  const collection = call.state.store.require(call.database, collectionName(call));
  const given = elementsOf(call.body).filter(({ name }) => MODIFIABLE.includes(name));
  const kept = elementsOf(collection.options).map((old) => given.find(({ name }) => name === old.name) ?? old);
  const added = given.filter(({ name }) => elementNamed(collection.options, name) === undefined);
  collection.options = documentOf([...kept, ...added]);
  return replyOf({});
}

function collStats(call: Call): Buffer {
  const collection = call.state.store.find(call.database, collectionName(call));
  const size = collection === undefined ? 0 : bytesOf(collection);
  return replyOf({
    ns: `${call.database}.${collectionName(call)}`,
    size,
    count: collection?.documents.size ?? 0,
    storageSize: size,
  });
}

function dbStats(call: Call): Buffer {
  const inside = [...call.state.store.database(call.database).values()];
  const dataSize = inside.reduce((sum, collection) => sum + bytesOf(collection), 0);
  const objects = inside.reduce((sum, collection) => sum + collection.documents.size, 0);
  const collections = inside.filter(({ type }) => type === 'collection').length;
  return replyOf({
    db: call.database,
    collections,
    views: inside.length - collections,
    objects,
    dataSize,
    storageSize: dataSize,
  });
}

export const SCHEMA_COMMANDS: Readonly<Record<string, CommandRule>> = {
  create: { fields: [...COLLECTION_OPTIONS, 'idIndex', 'timeseries'], run: create },
  drop: { fields: [], run: drop },
  dropDatabase: { fields: [], run: dropDatabase },
  renameCollection: { fields: ['to', 'dropTarget'], run: renameCollection },
  listDatabases: { fields: ['filter', 'nameOnly', 'authorizedDatabases'], run: listDatabases },
  listCollections: { fields: ['filter', 'nameOnly', 'cursor', 'authorizedCollections'], run: listCollections },
  listIndexes: { fields: ['cursor'], run: listIndexes },
  createIndexes: { fields: ['indexes', 'commitQuorum', 'ignoreUnknownIndexOptions'], run: createIndexes },
  dropIndexes: { fields: ['index'], run: dropIndexes },
  collMod: { fields: MODIFIABLE, run: collMod },
  collStats: { fields: ['scale'], run: collStats },
  dbStats: { fields: ['scale', 'freeStorage'], run: dbStats },
};
