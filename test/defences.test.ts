import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { defences } from './defences.ts';
import { FAULTS, namesOfTests, tagsIn } from './support/fault-catalogue.ts';

const root = resolve(import.meta.dirname, '..');
const read = (file: string) => readFileSync(resolve(root, file), 'utf8');

describe('the defences', () => {
  it('know at least one for every fault of the engine', () => {
    const defended = new Set(defences.map(({ fault }) => fault));

    expect(FAULTS.filter((fault) => !defended.has(fault))).toEqual([]);
  });

  it.each(defences)('$fault $what: stands once in its file, and a test of that name is there', (row) => {
    expect(read(row.file).split(row.remove)).toHaveLength(2);
    expect(row.put).not.toBe(row.remove);
    expect([...tagsIn(namesOfTests(row.test))]).toContain(row.fault);
  });
});
