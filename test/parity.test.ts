import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { namesOfTests } from './support/fault-catalogue.ts';

const page = readFileSync(resolve(import.meta.dirname, '..', 'docs', 'parity.md'), 'utf8');
const range = (letters: string, to: number, digits: number) =>
  Array.from({ length: to }, (_, n) => `${letters}-${String(n + 1).padStart(digits, '0')}`);
const IDS = [...range('PR', 12, 1), ...range('RU', 18, 2), ...range('API', 18, 2)];
const MOST_REASONS = 8;

interface Row {
  readonly id: string;
  readonly by: string;
}

const rows: Row[] = [...page.matchAll(/^\| ([A-Z]+-\d+) \| .*? \| (.*) \|$/gm)].map(([, id = '', by = '']) => ({
  id,
  by,
}));
const named = rows.flatMap(({ id, by }) =>
  [...by.matchAll(/`(test\/[^`]+)` “([^”]+)”/g)].map(([, file = '', name = '']) => ({
    id,
    file,
    name: name.replaceAll('\\|', '|'),
  })),
);

describe('docs/parity.md', () => {
  it('has one row for every promise, rule and route', () => {
    expect(rows.map(({ id }) => id)).toEqual(IDS);
  });

  it('gives every row a test, or a route a reason, of which there are few', () => {
    const reasons = rows.filter(({ by }) => by.startsWith('Reason: '));
    const tested = new Set(named.map(({ id }) => id));

    expect(reasons.filter(({ id }) => !id.startsWith('API-'))).toEqual([]);
    expect(reasons.length).toBeLessThanOrEqual(MOST_REASONS);
    expect(rows.filter((row) => !tested.has(row.id) && !reasons.includes(row))).toEqual([]);
  });

  it('writes every test so that it can be looked for', () => {
    const claims = rows.flatMap(({ by }) => by.match(/`test\//g) ?? []);

    expect(named).toHaveLength(claims.length);
  });

  it.each(named)('$id: “$name” is a test in $file', ({ file, name }) => {
    expect(namesOfTests(file)).toContain(name);
  });
});
