import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const root = resolve(import.meta.dirname, '..');
const NAME = /\b(?:it|test|describe)(?:\.each\([\s\S]*?\))?\(\s*(['"`])([\s\S]*?)\1/g;

const range = (letter: string, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n) => `${letter}${from + n}`);

/** Faults, measurements and targets that the engine must have a test of that name for. */
const REQUIRED = [
  ...range('F', 1, 41),
  ...range('F', 70, 76),
  ...range('F', 79, 86),
  'F103',
  'F104',
  ...range('M', 1, 15),
  'M24',
  ...range('T', 1, 6),
  'T12',
  'T19',
  'T22',
  'T23',
  'T24',
  'T26',
  'T27',
  'T29',
];

function namesOfTests(): string[] {
  return globSync('test/**/*.test.ts', { cwd: root }).flatMap((file) =>
    [...readFileSync(resolve(root, file), 'utf8').matchAll(NAME)].map((match) => match[2] ?? ''),
  );
}

describe('the fault catalogue', () => {
  it('has a test named after every fault, measurement and target of the engine', () => {
    const tags = new Set(namesOfTests().flatMap((name) => name.match(/\b[FMT]\d+\b/g) ?? []));

    expect(REQUIRED.filter((tag) => !tags.has(tag))).toEqual([]);
  });
});
