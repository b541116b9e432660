import { Failure } from '../src/domain/failure.ts';
import { parseBytes, parseSpan } from '../src/domain/figures.ts';

export interface CompressionValue {
  readonly algorithm: 'zstd' | 'gzip' | 'none';
  readonly level: number;
}

/** Readers of option values: each gives a typed value or a Failure `usage` that shows what would do. */

export function bytesValue(text: string): number {
  const bytes = parseBytes(text);
  if (bytes === undefined) throw unreadable(text, 'a number of bytes', '500000, 20MB or 1.5GiB');
  return bytes;
}

export function spanValue(text: string): number {
  const span = parseSpan(text);
  if (span === undefined) throw unreadable(text, 'a span of time', '90s, 5m or 2h');
  return span;
}

export function levelValue(text: string): 1 | 2 | 3 {
  if (text === '1') return 1;
  if (text === '2') return 2;
  if (text === '3') return 3;
  throw unreadable(text, 'a level', '1 (stored), 2 (decoded and read to the end) or 3 (restored and compared)');
}

const COMPRESSIONS = {
  zstd: { lowest: 1, highest: 19, usual: 3 },
  gzip: { lowest: 1, highest: 9, usual: 6 },
} as const;

export function compressionValue(text: string): CompressionValue {
  if (text === 'none') return { algorithm: 'none', level: 0 };
  const algorithm = text.startsWith('zstd') ? 'zstd' : 'gzip';
  const { lowest, highest, usual } = COMPRESSIONS[algorithm];
  const digits = /^(?:zstd|gzip)(?::(\d{1,2}))?$/.exec(text);
  const level = Number(digits?.[1] ?? usual);
  if (digits !== null && level >= lowest && level <= highest) return { algorithm, level };
  throw unreadable(text, 'a compression', 'zstd:3 (1 to 19), gzip:6 (1 to 9) or none');
}

/** Collects a repeatable option. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

/** Collects `NAME=VALUE` pairs; the name ends at the first equals sign. */
export function collectPair(
  value: string,
  before: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> {
  const equals = value.indexOf('=');
  if (equals < 1 || equals === value.length - 1) throw unreadable(value, 'a pair', 'NAME=VALUE');
  return { ...before, [value.slice(0, equals)]: value.slice(equals + 1) };
}

function unreadable(text: string, what: string, examples: string): Failure {
  return new Failure('usage', `${JSON.stringify(text.slice(0, 60))} is not ${what}.`, { remedy: `Write ${examples}.` });
}
