import { describe, expect, it } from '@jest/globals';
import { differences, type Inventory } from '../../src/domain/inventory.ts';

const inventory = (changes: Partial<Inventory>): Inventory => ({
  objects: {},
  tables: {},
  values: {},
  facts: {},
  ...changes,
});

describe('differences', () => {
  it('are in the order of names, whichever side has them', () => {
    const expected = inventory({ objects: { 'table c': '1', 'table a': '1' } });
    const found = inventory({ objects: { 'table d': '1', 'table b': '1' } });

    expect(differences(expected, found).map(({ what }) => what)).toEqual(['table a', 'table b', 'table c', 'table d']);
  });

  it('of a table without rows on either side need no content', () => {
    const expected = inventory({ tables: { gone: { rows: 0, digest: 'd' }, same: { rows: 1 } } });
    const found = inventory({ tables: { added: { rows: 0, digest: 'd' }, same: { rows: 1, digest: 'x' } } });

    expect(differences(expected, found)).toEqual([
      { kind: 'extra', what: 'rows added', found: '0' },
      { kind: 'missing', what: 'rows gone', expected: '0' },
    ]);
  });
});
