import { type Document, EJSON } from 'bson';
import { Failure, messageOf } from '../../domain/failure.ts';
import { differences, type TableFacts } from '../../domain/inventory.ts';
import type { Origin, ParseReport, Plain, Workbench } from '../engine.ts';
import { type ClosedCollection, readArchive } from './archive.ts';
import type { ArchivedCollection } from './archive-format.ts';
import { damaged } from './archive-units.ts';
import { dataName, definitionObjects, tableKey } from './canonical.ts';
import { parseGlobals } from './globals.ts';

/**
 * What is no collection of a user: users, roles and settings of the server, the oplog, and system collections, which a
 * server makes by itself.
 */
export function isServersOwn({
  database,
  collection,
}: {
  readonly database: string;
  readonly collection: string;
}): boolean {
  const isSystem = collection.startsWith('system.') && collection !== 'system.js';
  return (
    database === '' || ['admin', 'config', 'local'].includes(database) || collection.startsWith('$admin.') || isSystem
  );
}

/** What mongodump wrote down about a collection. */
export function readMetadata(archived: ArchivedCollection): {
  readonly options: Document;
  readonly indexes: readonly Document[];
} {
  if (archived.metadata === '') return { options: {}, indexes: [] };
  try {
    const { options = {}, indexes = [] } = EJSON.parse(archived.metadata, { relaxed: false });
    return { options, indexes };
  } catch (error) {
    throw damaged(`the metadata of ${JSON.stringify(archived.collection)} cannot be read (${messageOf(error)})`);
  }
}

/**
 * See Engine.parse. Besides the archive's own checks: what it holds must be what the server listed when the dump began;
 * a collection or index made, changed or dropped in between is a Failure `schema_changed`.
 */
export async function parse(_bench: Workbench, plain: Plain, origin: Origin): Promise<ParseReport> {
  if (origin.type === 'globals') return parseGlobals(plain, origin);
  const { collections } = await readArchive(plain.bytes(), { digests: origin.digests !== false });
  const users = collections.filter((collection) => !isServersOwn(collection));
  const prefixed = isWholeServer(users, origin);
  const tables = new Map<string, TableFacts>();
  const objects: [string, string][] = [];
  for (const collection of users) {
    const name = nameOf(collection, collection.collection, prefixed);
    objects.push(...definitionObjects({ name, type: collection.type, ...readMetadata(collection) }));
    const stored = dataName(collection.collection, collection.type);
    if (collection.type !== 'view') tables.set(tableKey(nameOf(collection, stored, prefixed)), factsOf(collection));
  }
  if (origin.type === 'full') compareWithSource(origin, Object.fromEntries(objects));
  return { tables: Object.fromEntries(tables), values: {}, warnings: warningsFor(collections, users) };
}

function factsOf({ documents, digest }: ClosedCollection): TableFacts {
  return digest === undefined ? { rows: documents } : { rows: documents, digest };
}

/** A foreign dump does not say what was meant; one database in it is taken for a dump of that database. */
export function isWholeServer(users: readonly ArchivedCollection[], { database, inventory }: Origin): boolean {
  if (inventory !== undefined) return database === '';
  return new Set(users.map((collection) => collection.database)).size > 1;
}

function nameOf({ database }: ArchivedCollection, name: string, prefixed: boolean): string {
  return prefixed ? `${database}.${name}` : name;
}

function compareWithSource(origin: Origin, objects: Readonly<Record<string, string>>): void {
  if (origin.inventory === undefined) return;
  const nothing = { tables: {}, values: {}, facts: {} };
  const found = differences({ ...nothing, objects: origin.inventory.objects }, { ...nothing, objects });
  if (found.length === 0) return;
  const list = found.slice(0, 5).map(({ kind, what }) => `${what} ${kind}`);
  throw new Failure('schema_changed', `The archive does not hold what the server listed: ${list.join(', ')}.`, {
    remedy: 'Collections or indexes changed during the dump: run the backup again.',
    details: { differences: found.map(({ kind, what }) => `${kind} ${what}`) },
  });
}

function warningsFor(all: readonly ArchivedCollection[], users: readonly ArchivedCollection[]): string[] {
  if (all.length === users.length) return [];
  return ['Users, roles and settings of the server are in the archive, and are not restored by default.'];
}
