import { describe, expect, it } from '@jest/globals';
import type { Inventory } from '../../src/domain/inventory.ts';
import type { ManifestBody } from '../../src/domain/manifest.ts';
import type { Origin } from '../../src/engines/engine.ts';
import { copyDifferences, dumpDifferences, expectedCopy, restoredDifferences } from '../../src/pipeline/compare.ts';
import { MANIFEST } from '../fuzz/samples.ts';

const inventory = (changes: Partial<Inventory> = {}): Inventory => ({
  objects: {},
  tables: {},
  values: {},
  facts: {},
  ...changes,
});
const bodyWith = (changes: Partial<Inventory>, more: Partial<ManifestBody> = {}): ManifestBody => ({
  ...MANIFEST,
  inventory: inventory(changes) as ManifestBody['inventory'],
  ...more,
});
const parsed = (tables: Inventory['tables'], values: Inventory['values'] = {}) => ({ tables, values, warnings: [] });
const lines = (all: readonly { kind: string; what: string }[]) => all.map(({ kind, what }) => `${kind} ${what}`);

describe('a decoded dump against its snapshot', () => {
  const tables = { a: { rows: 1 }, b: { rows: 2 } };

  it('must hold each counted table with each of its rows, and no other', () => {
    const body = bodyWith({ tables, objects: { 'table a': '1' }, values: { v: '1' }, facts: { f: '1' } });

    expect(dumpDifferences(body, parsed(tables))).toEqual([]);
    expect(lines(dumpDifferences(body, parsed({ a: { rows: 2 }, c: { rows: 0 } })))).toEqual([
      'changed rows a',
      'missing rows b',
      'extra rows c',
    ]);
  });

  it('is not asked for tables that nobody counted', () => {
    const body = bodyWith({ tables }, { uncounted: ['b', 'c'] });

    expect(dumpDifferences(body, parsed({ a: { rows: 1 }, b: { rows: 99 }, c: { rows: 1 } }))).toEqual([]);
    expect(lines(dumpDifferences(body, parsed({ b: { rows: 99 } })))).toEqual(['missing rows a']);
  });

  it.each(['schema', 'globals'] as const)('has no rows to compare in a dump of type %s', (type) => {
    expect(dumpDifferences(bodyWith({ tables }, { type }), parsed({}))).toEqual([]);
    expect(dumpDifferences(bodyWith({ tables }, { type: 'data' }), parsed({}))).toHaveLength(2);
  });
});

describe('what a copy must be', () => {
  it('is the inventory, with the digests and values of the dump', () => {
    const body = bodyWith({
      objects: { 'table a': '1' },
      facts: { owner: 'o' },
      values: { old: '1', both: '1' },
      tables: { a: { rows: 1, digest: 'counted' }, b: { rows: 2 } },
    });

    expect(
      expectedCopy(
        body,
        parsed({ a: { rows: 9, digest: 'parsed' }, c: { rows: 3, digest: 'c' } }, { both: '2', fresh: '3' }),
      ),
    ).toEqual({
      objects: { 'table a': '1' },
      facts: { owner: 'o' },
      values: { old: '1', both: '2', fresh: '3' },
      tables: { a: { rows: 1, digest: 'parsed' }, b: { rows: 2 }, c: { rows: 3, digest: 'c' } },
    });
  });

  it('keeps a table that is called like a property of every object', () => {
    const body = bodyWith({ tables: {} });

    expect(expectedCopy(body, parsed({ constructor: { rows: 3 } })).tables).toEqual({ constructor: { rows: 3 } });
  });
});

describe('a copy', () => {
  const whole = inventory({
    objects: { 'index public.a': '1', 'extension x': '1', 'extension y': '1' },
    tables: { t: { rows: 1, digest: 'd' } },
    values: { 'sequence s': '1' },
    facts: { owner: 'o' },
  });

  it('is the same only when everything is', () => {
    expect(copyDifferences(whole, whole, { type: 'full', accounted: [] })).toEqual([]);
    expect(lines(copyDifferences(whole, inventory(), { type: 'full', accounted: [] }))).toEqual([
      'missing extension x',
      'missing extension y',
      'missing index public.a',
      'missing rows t',
      'missing value sequence s',
      'missing fact owner',
    ]);
  });

  it('may lack what the restore accounts for, by name or by kind', () => {
    const accounted = ['index public.a', 'extension *', 'sequence s', 'owner', 't'];

    expect(copyDifferences(whole, inventory(), { type: 'full', accounted })).toEqual([]);
    expect(
      lines(
        copyDifferences(whole, inventory(), {
          type: 'full',
          accounted: ['index *', 'ext *', 'index public', 'sequence *'],
        }),
      ),
    ).toEqual(['missing extension x', 'missing extension y', 'missing rows t', 'missing fact owner']);
    expect(
      lines(
        copyDifferences(whole, inventory(), { type: 'full', accounted: ['rows t', 'value sequence s', 'fact owner'] }),
      ),
    ).toEqual(['missing extension x', 'missing extension y', 'missing index public.a']);
  });

  it('of another content is told by its digest, accounted for by the table', () => {
    const changed = { ...whole, tables: { t: { rows: 1, digest: 'e' } } };

    expect(lines(copyDifferences(whole, changed, { type: 'full', accounted: [] }))).toEqual(['changed content t']);
    expect(copyDifferences(whole, changed, { type: 'full', accounted: ['t'] })).toEqual([]);
  });

  it('of a schema has no rows and no values', () => {
    const bare = { ...whole, tables: {}, values: {} };

    expect(copyDifferences(whole, bare, { type: 'schema', accounted: [] })).toEqual([]);
    expect(copyDifferences(whole, bare, { type: 'data', accounted: [] })).toHaveLength(2);
    expect(copyDifferences(inventory(), whole, { type: 'schema', accounted: [] })).toHaveLength(4);
  });
});

describe('a restored database', () => {
  const origin = (changes: Partial<Origin> = {}): Origin => ({
    type: 'full',
    flavour: 'PostgreSQL',
    serverVersion: '15.20',
    toolVersion: '15.20',
    database: 'shop',
    inventory: inventory({ objects: { 'table a': '1', 'table b': '1' }, values: { s: '1' }, facts: { owner: 'o' } }),
    ...changes,
  });
  const rows = { a: { rows: 1 }, b: { rows: 2 } };
  const report = (accounted: readonly string[] = []) => ({ notices: [], accounted });
  const compare = (
    found: Inventory,
    {
      from = origin(),
      job = { type: 'full', only: [] as readonly string[] } as const,
      accounted = [] as readonly string[],
    }: {
      from?: Origin;
      job?: { type: 'full' | 'schema' | 'data'; only: readonly string[] };
      accounted?: readonly string[];
    } = {},
  ) => {
    const { all, fatal } = restoredDifferences({ origin: from, rows, found }, { job, report: report(accounted) });
    return { all: lines(all), fatal: lines(fatal) };
  };
  const good = inventory({ objects: { 'table a': '1', 'table b': '1' }, tables: rows });

  it('may hold more than the backup, and other values and facts', () => {
    const more = {
      objects: { ...good.objects, 'table old': '1' },
      tables: { ...rows, old: { rows: 7 } },
      values: { s: '2' },
      facts: { owner: 'other' },
    };

    expect(compare(more)).toEqual({ all: [], fatal: [] });
  });

  it('that lacks an object or a row is not put to use; one that defines something otherwise is, and says so', () => {
    const found = inventory({ objects: { 'table b': '2' }, tables: { a: { rows: 1 }, b: { rows: 1 } } });

    expect(compare(found)).toEqual({
      all: ['missing table a', 'changed table b', 'changed rows b'],
      fatal: ['missing table a', 'changed rows b'],
    });
    expect(compare(found, { accounted: ['table *', 'b'] })).toEqual({ all: [], fatal: [] });
  });

  it('of some tables is asked for these rows alone', () => {
    const job = { type: 'full', only: ['a'] } as const;

    expect(compare(inventory({ tables: { a: { rows: 1 } } }), { job })).toEqual({ all: [], fatal: [] });
    expect(compare(inventory(), { job })).toEqual({ all: ['missing rows a'], fatal: ['missing rows a'] });
  });

  it('of a schema is asked for objects, and of data for rows', () => {
    const bare = { ...good, tables: {} };
    const data = { ...good, objects: {} };

    expect(compare(bare, { job: { type: 'schema', only: [] } }).all).toEqual([]);
    expect(compare(bare, { from: origin({ type: 'schema' }) }).all).toEqual([]);
    expect(compare(data, { job: { type: 'data', only: [] } }).all).toEqual([]);
    expect(compare(data, { from: origin({ type: 'data' }) }).all).toEqual([]);
    expect(compare(data).all).toEqual(['missing table a', 'missing table b']);
    expect(compare(bare).all).toEqual(['missing rows a', 'missing rows b']);
  });

  it('of a foreign dump is asked for its rows, since nobody listed its objects', () => {
    expect(compare({ ...good, objects: {} }, { from: origin({ inventory: undefined }) }).all).toEqual([]);
    expect(compare(inventory(), { from: origin({ inventory: undefined }) }).fatal).toHaveLength(2);
  });
});
