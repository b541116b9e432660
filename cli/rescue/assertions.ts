import { readFile } from 'node:fs/promises';
import { Failure } from '../../src/domain/failure.ts';
import { collectPair } from '../values.ts';

export interface AssertionOptions {
  readonly assert: Readonly<Record<string, string>>;
  readonly assertFile?: string | undefined;
}

/** Statements to hold against the restored copy: those typed, and those of a file, one `NAME=SQL` per line, `#` begins a remark. */
export async function readAssertions({ assert, assertFile }: AssertionOptions): Promise<Record<string, string>> {
  if (assertFile === undefined) return { ...assert };
  const text = await readFile(assertFile, 'utf8').catch((error: unknown) => {
    throw new Failure('usage', `The file with assertions, ${assertFile}, cannot be read.`, {
      remedy: 'Give a file with one NAME=SQL per line.',
      cause: error,
    });
  });
  const lines = text.split('\n').map((line) => line.trim());
  const given = lines.filter((line) => line !== '' && !line.startsWith('#'));
  return { ...given.reduce<Readonly<Record<string, string>>>((all, line) => collectPair(line, all), {}), ...assert };
}
