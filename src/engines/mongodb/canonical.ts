/** Definitions in one form, whoever gives them: a server, or the metadata inside an archive. */
import { createHash } from 'node:crypto';
import { type Document, EJSON } from 'bson';

/** Options that a server writes or drops by itself and that change nothing. */
const MEANINGLESS_INDEX_OPTIONS = ['ns', 'background'];

/**
 * An index specification as text. The order of keys, and of a partial filter, has a meaning and is kept; mongorestore
 * shuffles everything else, so that is sorted. Types of numbers are kept.
 */
export function indexText(spec: Document): string {
  const { key, partialFilterExpression, ...rest } = spec;
  for (const name of MEANINGLESS_INDEX_OPTIONS) delete rest[name];
  return `${exact(key)} ${exact(partialFilterExpression ?? null)} ${exact(sorted(rest))}`;
}

/** Collection options as text, in the order they were given. */
export function optionsText(options: Document): string {
  return exact(options);
}

/** First 16 hex digits of SHA-256. */
export function definitionDigest(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

function exact(value: unknown): string {
  return EJSON.stringify(value, { relaxed: false });
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null || '_bsontype' in value || value instanceof Date) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, inner]) => [name, sorted(inner)]));
}

/** A name as it stands in the key of an inventory object: quoted unless it is plain, so that no two names look alike. */
export function quotedName(name: string): string {
  return /^[\p{L}\p{N}_.$-]+$/u.test(name) ? name : JSON.stringify(name);
}

/** The key of a collection among an inventory's tables. JSON readers drop or misuse one name; that one is quoted. */
export function tableKey(name: string): string {
  return name === '__proto__' ? '"__proto__"' : name;
}

export interface CollectionDefinition {
  /** With the database in front where a whole server is meant. */
  readonly name: string;
  readonly type: string;
  readonly options: Document;
  readonly indexes: readonly Document[];
}

/** The inventory objects of one collection: itself, and each of its indexes. */
export function definitionObjects({ name, type, options, indexes }: CollectionDefinition): [string, string][] {
  const kind = type === '' ? 'collection' : type;
  const shown = quotedName(name);
  return [
    [`${kind} ${shown}`, definitionDigest(optionsText(options))],
    ...indexes.map((spec): [string, string] => [
      `index ${quotedName(String(spec.name))} on ${shown}`,
      definitionDigest(indexText(spec)),
    ]),
  ];
}

/** The name that holds a collection's documents: a time series keeps them in buckets. */
export function dataName(collection: string, type: string): string {
  return type === 'timeseries' ? `system.buckets.${collection}` : collection;
}
