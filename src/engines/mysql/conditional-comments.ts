import type { Family } from './option-file.ts';

const TAG = /^\/\*(M?)!(\d{5,6})?/;

/** One reading of a statement: as a server of some version sees it. Comments are spaces, strings stay. */
export type Reading = string;

/**
 * Every way in which servers may read a statement, by what they make of its conditional comments. The last one is that of
 * the newest server. One text can thus not pass as one thing and be another.
 */
export function readings(text: string, family: Family): readonly Reading[] {
  const parts = split(text);
  const versions = new Set<number>();
  for (const { version } of parts) if (version !== undefined) versions.add(version);
  const limits = [0, ...[...versions].sort((a, b) => a - b)];
  return [...new Set(limits.map((limit) => readAt(parts, limit, family)))];
}

interface Part {
  readonly text: string;
  /** Undefined for plain code, 0 for a conditional comment without version. */
  readonly version: number | undefined;
  readonly mariaOnly: boolean;
}

function readAt(parts: readonly Part[], limit: number, family: Family): Reading {
  const seen = parts.filter(({ version, mariaOnly }) => {
    if (version === undefined) return true;
    if (mariaOnly && family === 'MySQL') return false;
    // MariaDB leaves out what only later MySQL versions understand.
    if (family === 'MariaDB' && !mariaOnly && version >= 50_700 && version <= 99_999) return false;
    return version <= limit;
  });
  return seen
    .map((part) => part.text)
    .join(' ')
    .trim();
}

function split(text: string): Part[] {
  const parts: Part[] = [];
  let part: Part = { text: '', version: undefined, mariaOnly: false };
  for (const token of tokens(text)) {
    const begun = beginning(token, part);
    if (begun === undefined) {
      part = { ...part, text: part.text + (isPlainComment(token) ? ' ' : token) };
      continue;
    }
    parts.push(part);
    part = begun;
  }
  return [...parts, part];
}

/** The part that starts behind this token: in a conditional comment, or after one. */
function beginning(token: string, { version }: Part): Part | undefined {
  const tag = TAG.exec(token);
  if (tag !== null) return { text: '', version: Number(tag[2] ?? 0), mariaOnly: tag[1] === 'M' };
  return token === '*/' && version !== undefined ? { text: '', version: undefined, mariaOnly: false } : undefined;
}

const TOKEN = new RegExp(
  [
    '`(?:[^`]|``)*`',
    // Text is only told from code here: a quote ends it either way, an escaped one does not.
    String.raw`'(?:[^'\\]|\\[\s\S]|'')*'`,
    String.raw`"(?:[^"\\]|\\[\s\S]|"")*"`,
    String.raw`/\*M?!(?:\d{5,6})?`,
    String.raw`/\*(?!M?!)[\s\S]*?\*/`,
    String.raw`\*/`,
    String.raw`(?:#|--[\0-\x20])[^\n]*`,
    String.raw`[\s\S]`,
  ].join('|'),
  'g',
);

/** Enough of a statement to tell what it is: bodies may be long. */
const HEAD = 256 * 1024;

/** A cut text shows that it is cut, so that nothing that must be read to its end passes. */
function tokens(text: string): readonly string[] {
  const head = text.length > HEAD ? `${text.slice(0, HEAD)} …` : text;
  return head.match(TOKEN) ?? [];
}

function isPlainComment(token: string): boolean {
  return token.startsWith('/*') || token.startsWith('#') || (token.startsWith('--') && token.length > 2);
}
