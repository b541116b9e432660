import { type Difference, differences, type Inventory, type TableFacts } from '../domain/inventory.ts';
import type { ManifestBody } from '../domain/manifest.ts';
import type { Origin, ParseReport, RestoreReport } from '../engines/engine.ts';
import type { RestoreJob } from './pipeline.ts';

type Tables = Readonly<Record<string, TableFacts>>;

/**
 * What the decoded dump says against what was counted in its snapshot. A table that was not counted then is taken from
 * the dump; values that change outside transactions (sequences) too, so they are no difference here.
 */
export function dumpDifferences(body: ManifestBody, parsed: Pick<ParseReport, 'tables'>): Difference[] {
  if (body.type === 'schema' || body.type === 'globals') return [];
  const found = without(parsed.tables, body.uncounted);
  return differences(tablesOnly(without(inventoryOf(body).tables, body.uncounted)), tablesOnly(found));
}

/** What a restored copy must be: the manifest's inventory, completed by what the decoded dump holds. */
export function expectedCopy(body: ManifestBody, parsed: ParseReport): Inventory {
  const { objects, tables, values, facts } = inventoryOf(body);
  return {
    objects,
    facts,
    tables: { ...merged(tables, parsed.tables) },
    values: { ...values, ...parsed.values },
  };
}

/** Differences between a copy and what it must be, without those a restore report accounts for. */
export function copyDifferences(
  expected: Inventory,
  found: Inventory,
  scope: { readonly type: ManifestBody['type']; readonly accounted: readonly string[] },
): Difference[] {
  const all = differences(ofType(expected, scope.type), ofType(found, scope.type));
  return all.filter(({ what }) => !scope.accounted.some((entry) => covers(entry, what)));
}

export interface Restored {
  readonly origin: Origin;
  /** Rows that must be there; tables that nobody counted are left out. */
  readonly rows: Tables;
  readonly found: Inventory;
}

/**
 * What a restored database lacks or has otherwise. `fatal`: missing objects and wrong counts, which the report does not
 * account for. Values and facts are no part of it: sequences may have moved on between count and dump, and the target's
 * owner decides on its facts; level 3 compares both.
 */
export function restoredDifferences(
  { origin, rows, found }: Restored,
  { job, report }: { readonly job: Pick<RestoreJob, 'type' | 'only'>; readonly report: RestoreReport },
): { readonly all: Difference[]; readonly fatal: Difference[] } {
  const some = job.only.length > 0;
  const tables = job.type === 'schema' || origin.type === 'schema' ? {} : onlyNamed(rows, job.only);
  const objects = some || job.type === 'data' || origin.type === 'data' ? {} : (origin.inventory?.objects ?? {});
  const nothing = { values: {}, facts: {} };
  const expected = { ...nothing, objects, tables };
  const same = { ...nothing, objects: sharing(found.objects, objects), tables: sharing(found.tables, tables) };
  const all = differences(expected, same).filter(({ what }) => !report.accounted.some((entry) => covers(entry, what)));
  return { all, fatal: all.filter(({ kind, what }) => kind === 'missing' || what.startsWith('rows ')) };
}

function onlyNamed(rows: Tables, only: readonly string[]): Tables {
  if (only.length === 0) return rows;
  return Object.fromEntries(Object.entries(rows).filter(([name]) => only.includes(name)));
}

/** What was there before in the target is no difference. */
function sharing<T>(found: Readonly<Record<string, T>>, wanted: Readonly<Record<string, unknown>>): Record<string, T> {
  return Object.fromEntries(Object.entries(found).filter(([name]) => Object.hasOwn(wanted, name)));
}

/** The manifest's inventory; the schema says the same in a looser type. */
export function inventoryOf({ inventory }: ManifestBody): Inventory {
  return inventory as Inventory;
}

/** `index public.a` accounts for itself, `extension *` for every extension; values and facts by their own names too. */
function covers(entry: string, what: string): boolean {
  const names = [what, what.replace(/^(?:value|fact|rows|content) /, '')];
  if (!entry.endsWith(' *')) return names.includes(entry);
  const kind = entry.slice(0, -1);
  return names.some((name) => name.startsWith(kind));
}

/** Rows and values are no part of a schema dump. */
function ofType(inventory: Inventory, type: ManifestBody['type']): Inventory {
  return type === 'schema' ? { ...inventory, tables: {}, values: {} } : inventory;
}

function tablesOnly(tables: Tables): Inventory {
  return { objects: {}, values: {}, facts: {}, tables };
}

function without(tables: Tables, names: readonly string[]): Tables {
  return Object.fromEntries(Object.entries(tables).filter(([name]) => !names.includes(name)));
}

/** The dump's rows decide where nothing was counted; its digest, where there is one, is of exactly what was stored. */
function merged(counted: Tables, parsed: Tables): Tables {
  const rows = new Map(Object.entries(counted).map(([name, facts]) => [name, facts.rows]));
  return Object.fromEntries(
    [...Object.entries(counted), ...Object.entries(parsed)].map(([name, facts]) => [
      name,
      { ...facts, rows: rows.get(name) ?? facts.rows },
    ]),
  );
}
