import { Failure } from '../domain/failure.ts';

const LONGEST_KEY = 900;
const LONGEST_SEGMENT = 200;
// Control characters, backslashes and what breaks XML or a terminal; the rest of Unicode is left alone.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused here
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\\\u2028\u2029\ufffe\uffff]/;

/** Refuses a key that could leave the store, hide in it, or mean two things: `usage`. Both kinds of store take the same keys. */
export function checkKey(key: string): string {
  const reason = faultOf(key);
  if (reason === undefined) return key;
  throw new Failure('usage', `The storage key ${JSON.stringify(key.slice(0, 80))} ${reason}.`, {
    remedy: 'Use segments of letters, digits, dots and dashes, joined by single slashes.',
  });
}

/** Refuses a list prefix that names anything outside the store. It may be empty or end with a slash or inside a name. */
export function checkPrefix(prefix: string): string {
  if (prefix !== '') checkKey(prefix.endsWith('/') ? prefix.slice(0, -1) : prefix);
  return prefix;
}

/** Whether a name found in a store is one of ours to show. */
export function isKey(key: string): boolean {
  return faultOf(key) === undefined;
}

function faultOf(key: string): string | undefined {
  if (key === '') return 'is empty';
  if (Buffer.byteLength(key) > LONGEST_KEY) return `is longer than ${LONGEST_KEY} bytes`;
  if (FORBIDDEN.test(key) || !key.isWellFormed()) return 'has characters that are not allowed';
  return key
    .split('/')
    .map(segmentFault)
    .find((fault) => fault !== undefined);
}

function segmentFault(segment: string): string | undefined {
  if (segment === '') return 'has an empty segment';
  // Dots lead out of the store (`..`) or into the hidden places where unfinished uploads and side files are.
  if (segment.startsWith('.')) return 'has a segment that begins with a dot';
  if (Buffer.byteLength(segment) > LONGEST_SEGMENT) return `has a segment longer than ${LONGEST_SEGMENT} bytes`;
  return undefined;
}
