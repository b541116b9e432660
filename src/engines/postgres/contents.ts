import type { Inventory, TableFacts } from '../../domain/inventory.ts';
import type { DumpRequest } from '../engine.ts';
import { countLargeObjects, countRows, readSequenceValues } from './inventory/content.ts';
import { readFacts } from './inventory/facts.ts';
import { digestAll, type Keep, readObjects } from './inventory/inventory.ts';
import { isFiltered, selected } from './inventory/selection.ts';
import { LARGE_OBJECTS, readSequences, readTables, type Table } from './inventory/tables.ts';
import { type Relation, readRelations } from './relations-of-dump.ts';
import type { Session } from './session.ts';

/** Tables of this many bytes in all are counted in the snapshot, smallest first: a fraction of a second. */
const COUNTED_BYTES = 64 * 1024 * 1024;

export interface Contents {
  /** Undefined: everything. */
  readonly include: readonly Relation[] | undefined;
  readonly exclude: readonly Relation[];
  readonly inventory: Inventory;
  readonly uncounted: readonly string[];
}

/** What the dump will hold, as the snapshot shows it. Filters are resolved here, so that the tool is given exact names. */
export async function readContents(session: Session, request: DumpRequest): Promise<Contents> {
  const choice = await choose(session, request);
  const withData = request.type !== 'schema';
  const tables = withData ? (await readTables(session)).filter(({ id }) => choice.has(id)) : [];
  const sequences = withData ? (await readSequences(session)).filter(({ id }) => choice.has(id)) : [];
  // A dump of chosen tables holds nothing that belongs to no table.
  const keep: Keep = (relation) => (relation === undefined ? choice.whole : choice.has(relation));
  const rows = await countAll(session, tables, {
    digests: request.sourceDigest,
    largeObjects: withData && choice.whole,
  });
  return {
    include: choice.include,
    exclude: choice.exclude,
    inventory: {
      objects: request.type === 'data' ? {} : await readObjects(session, keep),
      facts: choice.whole && request.type !== 'data' ? await readFacts(session) : {},
      tables: rows.facts,
      values: await readSequenceValues(session, sequences),
    },
    uncounted: rows.uncounted,
  };
}

interface Choice {
  /** Whether things that belong to no table are dumped. */
  readonly whole: boolean;
  readonly include: readonly Relation[] | undefined;
  readonly exclude: readonly Relation[];
  has(id: string): boolean;
}

async function choose(session: Session, request: DumpRequest): Promise<Choice> {
  if (!isFiltered(request)) return { whole: true, include: undefined, exclude: [], has: () => true };
  const relations = await readRelations(session);
  const kept = selected(relations, request);
  const ids = new Set(kept.map(({ id }) => id));
  const has = (id: string) => ids.has(id);
  if (request.include.length > 0) return { whole: false, include: kept, exclude: [], has };
  const exclude = relations.filter(({ id }) => !ids.has(id));
  // What no filter can name (tables of extensions) stays.
  const excluded = new Set(exclude.map(({ id }) => id));
  return { whole: true, include: undefined, exclude, has: (id) => !excluded.has(id) };
}

interface Counting {
  readonly digests: boolean;
  readonly largeObjects: boolean;
}

async function countAll(session: Session, tables: readonly Table[], { digests, largeObjects }: Counting) {
  if (digests) return { facts: await digestAll(session, tables, largeObjects), uncounted: [] };
  const facts: Record<string, TableFacts> = {};
  const uncounted: string[] = [];
  let bytes = 0;
  for (const table of [...tables].sort((a, b) => a.bytes - b.bytes)) {
    bytes += table.bytes;
    if (bytes > COUNTED_BYTES) uncounted.push(table.shown);
    else facts[table.shown] = { rows: await countRows(session, table) };
  }
  const objects = largeObjects ? await countLargeObjects(session) : 0;
  if (objects > 0) facts[LARGE_OBJECTS] = { rows: objects };
  return { facts, uncounted };
}
