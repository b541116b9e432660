import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { differences, type Inventory } from '../../src/domain/inventory.ts';

const base: Inventory = {
  objects: { 'index public.a_pkey': '01', 'table public.a': '02' },
  tables: { 'public.a': { rows: 3, digest: 'aa' }, 'public.b': { rows: 1 } },
  values: { 'sequence public.s': '41,true' },
  facts: { owner: 'bob' },
};

describe('differences', () => {
  it('finds none between equal inventories', () => {
    expect(differences(base, structuredClone(base))).toEqual([]);
  });

  it('names exactly what changed', () => {
    const found: Inventory = {
      objects: { 'table public.a': '03', 'view public.v': '04' },
      tables: { 'public.a': { rows: 3, digest: 'ab' }, 'public.b': { rows: 2 } },
      values: { 'sequence public.s': '42,true' },
      facts: { owner: 'eve' },
    };

    expect(differences(base, found)).toEqual([
      { kind: 'missing', what: 'index public.a_pkey', expected: '01' },
      { kind: 'changed', what: 'table public.a', expected: '02', found: '03' },
      { kind: 'extra', what: 'view public.v', found: '04' },
      { kind: 'changed', what: 'content public.a', expected: 'aa', found: 'ab' },
      { kind: 'changed', what: 'rows public.b', expected: '1', found: '2' },
      { kind: 'changed', what: 'value sequence public.s', expected: '41,true', found: '42,true' },
      { kind: 'changed', what: 'fact owner', expected: 'bob', found: 'eve' },
    ]);
  });

  it('compares content only where both sides were digested', () => {
    const counted = { ...base, tables: { 'public.a': { rows: 3 }, 'public.b': { rows: 1, digest: 'zz' } } };

    expect(differences(base, counted)).toEqual([]);
    expect(differences(counted, base)).toEqual([]);
  });

  it('reports a missing and an extra table', () => {
    const found = { ...base, tables: { 'public.b': { rows: 1 }, 'public.c': { rows: 0 } } };

    expect(differences(base, found)).toEqual([
      { kind: 'missing', what: 'rows public.a', expected: '3' },
      { kind: 'extra', what: 'rows public.c', found: '0' },
    ]);
  });

  it('treats names that JavaScript objects inherit like any other name', () => {
    const odd: Inventory = { objects: {}, tables: {}, values: {}, facts: {} };
    const named = { ...odd, objects: JSON.parse('{"__proto__":"1","constructor":"2"}') };

    expect(differences(named, odd).map((one) => one.what)).toEqual(['__proto__', 'constructor']);
  });

  it('finds any single change, and nothing when there is none', () => {
    const texts = fc.dictionary(fc.string(), fc.string(), { minKeys: 1 });
    fc.assert(
      fc.property(texts, fc.string(), (objects, other) => {
        const one = { ...base, objects };
        const name = Object.keys(objects)[0] ?? '';
        fc.pre(objects[name] !== other);

        expect(differences(one, { ...base, objects: { ...objects } })).toEqual([]);
        expect(differences(one, { ...base, objects: { ...objects, [name]: other } })).toHaveLength(1);
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});
