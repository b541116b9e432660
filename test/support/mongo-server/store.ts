/** Databases in memory: every document, option and index specification as the bytes that came in. */
import { randomBytes } from 'node:crypto';
import { compileFilter, type Predicate } from './filter.ts';
import { keyOf, numberOf, type RawValue, valueAt } from './order.ts';
import { documentOf, elementNamed, elementsOf, embedded, plain } from './raw.ts';
import { badValue, namespaceNotFound, Refusal } from './refusal.ts';

const NULL: RawValue = { type: 0x0a, value: Buffer.alloc(0) };

/** One collection or view. `documents` is in natural order. */
export interface Collection {
  name: string;
  readonly type: 'collection' | 'view';
  /** The options of `create`, in their order; the empty document when there were none. */
  options: Buffer;
  readonly uuid: Buffer;
  indexes: Buffer[];
  readonly documents: Map<string, Buffer>;
}

export type Database = Map<string, Collection>;

export class Store {
  readonly databases = new Map<string, Database>();

  database(name: string): Database {
    return this.databases.get(name) ?? new Map();
  }

  find(database: string, name: string): Collection | undefined {
    return this.databases.get(database)?.get(name);
  }

  require(database: string, name: string): Collection {
    const collection = this.find(database, name);
    if (collection === undefined) throw namespaceNotFound(`${database}.${name}`);
    return collection;
  }

  /** Throws NamespaceExists (48) when there is one of that name. */
  create(database: string, name: string, options: Buffer): Collection {
    checkNames(database, name);
    if (this.find(database, name) !== undefined) {
      throw new Refusal(48, 'NamespaceExists', `Collection ${database}.${name} already exists.`);
    }
    const type = elementNamed(options, 'viewOn') === undefined ? 'collection' : 'view';
    const indexes = type === 'view' ? [] : [idIndex(options)];
    const collection = { name, type, options, uuid: newUuid(), indexes, documents: new Map() } as const;
    const inside: Database = this.databases.get(database) ?? new Map();
    inside.set(name, { ...collection });
    this.databases.set(database, inside);
    return this.require(database, name);
  }

  findOrCreate(database: string, name: string): Collection {
    const collection = this.find(database, name) ?? this.create(database, name, documentOf([]));
    if (collection.type === 'view') {
      throw new Refusal(166, 'CommandNotSupportedOnView', `Namespace ${database}.${name} is a view, not a collection`);
    }
    return collection;
  }

  drop(database: string, name: string): boolean {
    const inside = this.databases.get(database);
    const dropped = inside?.delete(name) ?? false;
    if (inside?.size === 0) this.databases.delete(database);
    return dropped;
  }

  rename(from: readonly [string, string], to: readonly [string, string], dropTarget: boolean): void {
    const collection = this.require(...from);
    checkNames(...to);
    if (this.find(...to) !== undefined) {
      if (!dropTarget) throw new Refusal(48, 'NamespaceExists', 'target namespace exists');
      this.drop(...to);
    }
    this.drop(...from);
    collection.name = to[1];
    const inside: Database = this.databases.get(to[0]) ?? new Map();
    inside.set(to[1], collection);
    this.databases.set(to[0], inside);
  }
}

function checkNames(database: string, name: string): void {
  if (database === '' || database.length > 63 || /[\0/\\. "$]/.test(database)) {
    throw new Refusal(73, 'InvalidNamespace', `Invalid database name: '${database}'`);
  }
  if (name === '' || name.includes('\0') || name.startsWith('.') || name.startsWith('$')) {
    throw new Refusal(73, 'InvalidNamespace', `Invalid collection name: '${name}'`);
  }
}

function newUuid(): Buffer {
  const uuid = randomBytes(16);
  uuid.writeUInt8((uuid.readUInt8(6) & 0x0f) | 0x40, 6);
  uuid.writeUInt8((uuid.readUInt8(8) & 0x3f) | 0x80, 8);
  return uuid;
}

/** The index every collection has; it inherits the collection's collation. */
function idIndex(options: Buffer): Buffer {
  const collation = elementNamed(options, 'collation');
  const spec = plain({ v: 2, key: { _id: 1 }, name: '_id_' });
  return documentOf(collation === undefined ? spec : [...spec, collation]);
}

/** A document with its `_id` first, as a server stores it; `undefined` where it has none. */
export function idOf(document: Buffer): RawValue | undefined {
  return elementNamed(document, '_id');
}

interface UniqueIndex {
  readonly name: string;
  readonly paths: string[];
  readonly sparse: boolean;
  readonly covers: Predicate;
  readonly spec: Buffer;
}

function uniqueIndexes(collection: Collection): UniqueIndex[] {
  const result: UniqueIndex[] = [];
  for (const spec of collection.indexes) {
    if (elementNamed(spec, 'unique')?.value.readUInt8(0) !== 1) continue;
    const key = elementNamed(spec, 'key')?.value ?? documentOf([]);
    const partial = elementNamed(spec, 'partialFilterExpression');
    result.push({
      name: indexName(spec),
      paths: elementsOf(key).map(({ name }) => name),
      sparse: elementNamed(spec, 'sparse')?.value.readUInt8(0) === 1,
      covers: partial === undefined ? () => true : compileFilter(partial.value),
      spec,
    });
  }
  return result;
}

export function indexName(spec: Buffer): string {
  const name = elementNamed(spec, 'name');
  if (name?.type !== 0x02) throw new Refusal(9, 'FailedToParse', "The 'name' field of an index must be a string");
  return name.value.toString('utf8', 4, name.value.length - 1);
}

function uniqueKey(index: UniqueIndex, document: Buffer): string | undefined {
  if (!index.covers(document)) return undefined;
  const values = index.paths.map((path) => valueAt(document, path));
  if (index.sparse && values.every((value) => value === undefined)) return undefined;
  return values.map((value) => keyOf(value ?? NULL)).join('\n');
}

/** Throws DuplicateKey (11000). `except` is the key of the document that is being replaced. */
function checkUnique(namespace: string, collection: Collection, document: Buffer, except?: string): void {
  for (const index of uniqueIndexes(collection)) {
    const key = uniqueKey(index, document);
    if (key === undefined) continue;
    for (const [id, other] of collection.documents) {
      if (id !== except && uniqueKey(index, other) === key) throw duplicateKey(namespace, collection, index.name);
    }
  }
}

export function duplicateKey(namespace: string, collection: Collection, index: string): Refusal {
  const where = `${namespace}.${collection.name} index: ${index}`;
  return new Refusal(11000, 'DuplicateKey', `E11000 duplicate key error collection: ${where} dup key`);
}

const MAX_DOCUMENT = 16 * 1024 * 1024;

/** Adds a document that has an `_id`. Throws DuplicateKey, BSONObjectTooLarge; evicts from a capped collection. */
export function insertDocument(database: string, collection: Collection, document: Buffer): void {
  if (document.length > MAX_DOCUMENT) {
    throw new Refusal(10334, 'BSONObjectTooLarge', `object to insert too large. size in bytes: ${document.length}`);
  }
  const id = idOf(document);
  if (id === undefined) throw badValue('a document without _id');
  const key = keyOf(id);
  if (collection.documents.has(key)) throw duplicateKey(database, collection, '_id_');
  checkUnique(database, collection, document);
  collection.documents.set(key, Buffer.from(document));
  evict(collection);
}

/** Puts a new version in the old one's place. */
export function replaceDocument(database: string, collection: Collection, document: Buffer): void {
  const id = idOf(document);
  if (id === undefined) throw badValue('a document without _id');
  const key = keyOf(id);
  checkUnique(database, collection, document, key);
  collection.documents.set(key, Buffer.from(document));
}

function evict(collection: Collection): void {
  if (elementNamed(collection.options, 'capped')?.value.readUInt8(0) !== 1) return;
  const size = limitOf(collection, 'size');
  const max = limitOf(collection, 'max');
  let bytes = 0;
  for (const document of collection.documents.values()) bytes += document.length;
  for (const [key, document] of collection.documents) {
    if (bytes <= size && collection.documents.size <= max) return;
    bytes -= document.length;
    collection.documents.delete(key);
  }
}

function limitOf(collection: Collection, name: string): number {
  const element = elementNamed(collection.options, name);
  return element === undefined ? Number.POSITIVE_INFINITY : Number(numberOf(element));
}

/** Adds an index; false when the same one is there. Throws when the name is taken by another, or documents collide. */
export function addIndex(database: string, collection: Collection, spec: Buffer): boolean {
  const name = indexName(spec);
  const existing = collection.indexes.find((other) => indexName(other) === name);
  if (existing !== undefined) {
    if (sameKeys(existing, spec)) return false;
    throw new Refusal(
      86,
      'IndexKeySpecsConflict',
      `An existing index has the same name as the requested index: ${name}`,
    );
  }
  const stored = storedIndex(spec);
  const [index] = uniqueIndexes({ ...collection, indexes: [stored] });
  if (index !== undefined) refuseCollisions(database, collection, index);
  collection.indexes.push(Buffer.from(stored));
  return true;
}

/** Like a real server: `ns`, which restores still send, is left out; a missing version becomes 2. */
function storedIndex(spec: Buffer): Buffer {
  const kept = elementsOf(spec).filter(({ name }) => name !== 'ns');
  const versioned = kept.some(({ name }) => name === 'v');
  return documentOf(versioned ? kept : [...plain({ v: 2 }), ...kept]);
}

function refuseCollisions(database: string, collection: Collection, index: UniqueIndex): void {
  const seen = new Set<string>();
  for (const document of collection.documents.values()) {
    const key = uniqueKey(index, document);
    if (key === undefined) continue;
    if (seen.has(key)) throw duplicateKey(database, collection, index.name);
    seen.add(key);
  }
}

function sameKeys(a: Buffer, b: Buffer): boolean {
  const left = elementNamed(a, 'key')?.whole;
  const right = elementNamed(b, 'key')?.whole;
  return left !== undefined && right !== undefined && left.equals(right);
}

/** How `listCollections` shows one. */
export function describeCollection(collection: Collection, nameOnly: boolean): Buffer {
  const head = plain({ name: collection.name, type: collection.type });
  if (nameOnly) return documentOf(head);
  const options = embedded('options', collection.options);
  if (collection.type === 'view') return documentOf([...head, options, ...plain({ info: { readOnly: true } })]);
  const uuid = Buffer.concat([Buffer.from([16, 0, 0, 0, 4]), collection.uuid]);
  const info = documentOf([...plain({ readOnly: false }), Buffer.concat([Buffer.from('\x05uuid\0'), uuid])]);
  const id = collection.indexes.find((spec) => indexName(spec) === '_id_');
  return documentOf([...head, options, embedded('info', info), ...(id === undefined ? [] : [embedded('idIndex', id)])]);
}
