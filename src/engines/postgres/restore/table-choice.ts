import { Failure } from '../../../domain/failure.ts';
import type { TocEntry } from '../archive/toc.ts';
import { matching } from '../inventory/selection.ts';
import type { EditList } from './edits.ts';
import { words } from './object-kinds.ts';

const TABLES = new Set(['TABLE', 'FOREIGN TABLE', 'VIEW', 'MATERIALIZED VIEW', 'SEQUENCE']);
/** What belongs to the table it depends on. */
const PARTS = new Set([
  'TABLE DATA',
  'DEFAULT',
  'INDEX',
  'CONSTRAINT',
  'FK CONSTRAINT',
  'CHECK CONSTRAINT',
  'TRIGGER',
  'RULE',
  'POLICY',
  'ROW SECURITY',
  'STATISTICS',
  'COMMENT',
  'ACL',
  'SECURITY LABEL',
  'SEQUENCE',
  'SEQUENCE OWNED BY',
  'SEQUENCE SET',
  'INDEX ATTACH',
  'TABLE ATTACH',
  'MATERIALIZED VIEW DATA',
  'STATISTICS DATA',
  'SEQUENCE IDENTITY',
]);
/** What every archive begins with. */
const ALWAYS = new Set(['ENCODING', 'STDSTRINGS', 'SEARCHPATH']);

/**
 * Keeps only the named tables with their rows, indexes, constraints and the like. Into an empty database also what they
 * need (schemas, types, functions); elsewhere that is taken to be there.
 */
export function chooseTables(list: EditList, only: readonly string[], intoEmpty: boolean): void {
  if (only.length === 0) return;
  const named = list.entries
    .filter(({ kind }) => TABLES.has(kind))
    .map((entry) => ({ entry, id: String(entry.id), schema: entry.schema, name: entry.tag }));
  const chosen = new Set(
    only.flatMap((pattern) => found(pattern, matching(pattern, named)).map(({ entry }) => entry.id)),
  );
  addParts(list.entries, chosen);
  leaveOutForeignKeys(list, chosen);
  if (intoEmpty) addNeeds(list.entries, chosen);
  list.map((entry) => (chosen.has(entry.id) || ALWAYS.has(entry.kind) ? entry : undefined));
}

function found<Item>(pattern: string, items: Item[]): Item[] {
  if (items.length > 0) return items;
  throw new Failure('usage', `The backup has no table ${JSON.stringify(pattern)}.`, {
    remedy: 'Name tables as the backup’s manifest does: schema.table.',
  });
}

/** Parts stand behind what they are parts of; sequences before the table that owns them, hence the second look. */
function addParts(entries: readonly TocEntry[], chosen: Set<number>): void {
  const hangsOn = (entry: TocEntry) => entry.dependsOn.some((id) => chosen.has(id));
  const links = entries.filter(({ kind }) => kind === 'SEQUENCE OWNED BY' || kind === 'DEFAULT');
  for (const link of links.filter(hangsOn)) addSequences(entries, link, chosen);
  const parts = entries.filter(({ kind }) => PARTS.has(kind) && kind !== 'SEQUENCE');
  for (const part of parts) if (hangsOn(part)) chosen.add(part.id);
}

function addSequences(entries: readonly TocEntry[], { dependsOn }: TocEntry, chosen: Set<number>): void {
  for (const { id, kind } of entries) if (kind === 'SEQUENCE' && dependsOn.includes(id)) chosen.add(id);
}

function leaveOutForeignKeys(list: EditList, chosen: Set<number>): void {
  const tables = new Set(list.entries.filter(({ kind }) => kind === 'TABLE').map(({ id }) => id));
  const keys = new Map(list.entries.filter(({ kind }) => kind === 'CONSTRAINT').map((entry) => [entry.id, entry]));
  for (const entry of list.entries) {
    if (entry.kind !== 'FK CONSTRAINT' || !chosen.has(entry.id)) continue;
    const targets = entry.dependsOn.flatMap((id) => (tables.has(id) ? [id] : (keys.get(id)?.dependsOn ?? [])));
    if (targets.filter((id) => tables.has(id)).every((id) => chosen.has(id))) continue;
    chosen.delete(entry.id);
    list.note(
      `The ${words(entry)} is left out: the table it refers to is not restored.`,
      list.naming.everything(entry),
    );
  }
}

/** Everything that the chosen entries depend on, however far, and the schemas it lies in. */
function addNeeds(entries: readonly TocEntry[], chosen: Set<number>): void {
  const byId = new Map(entries.map((entry) => [entry.id, entry]));
  const waiting = [...chosen];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const needs = (byId.get(id)?.dependsOn ?? []).filter((need) => byId.has(need) && !chosen.has(need));
    for (const need of needs) chosen.add(need);
    waiting.push(...needs);
  }
  const schemas = new Set([...chosen].map((id) => byId.get(id)?.schema));
  for (const { id, kind, tag } of entries) if (kind === 'SCHEMA' && schemas.has(tag)) chosen.add(id);
}
