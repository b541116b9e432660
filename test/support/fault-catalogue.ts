import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '../..');
const NAME = /\b(?:it|test|describe)(?:\.each\([\s\S]*?\))?\(\s*(['"`])([\s\S]*?)\1/g;

const range = (letter: string, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, n) => `${letter}${from + n}`);

/** Faults that the engine must keep away: each has a test of its name and a defence that this test proves. */
export const FAULTS: readonly string[] = [
  ...range('F', 1, 41),
  ...range('F', 70, 76),
  ...range('F', 79, 86),
  'F103',
  'F104',
];

/** Measurements and targets that the engine must have a test of that name for. */
export const MEASUREMENTS_AND_TARGETS: readonly string[] = [
  ...range('M', 1, 15),
  'M24',
  ...range('T', 1, 6),
  ...['T12', 'T19', 'T22', 'T23', 'T24', 'T26', 'T27', 'T29'],
];

/** Names of the tests in a file, or in all of them, as they stand in the source. */
export function namesOfTests(pattern = 'test/**/*.test.ts'): string[] {
  return globSync(pattern, { cwd: root }).flatMap((file) =>
    [...readFileSync(resolve(root, file), 'utf8').matchAll(NAME)].map((match) => match[2] ?? ''),
  );
}

/** The numbers of faults, measurements and targets in names of tests. */
export function tagsIn(names: readonly string[]): ReadonlySet<string> {
  return new Set(names.flatMap((name) => name.match(/\b[FMT]\d+\b/g) ?? []));
}
