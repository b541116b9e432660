/** A piece of SQL text: pieces joined give the text again. */
export interface Token {
  readonly kind: 'word' | 'name' | 'string' | 'space' | 'symbol';
  readonly text: string;
}

/**
 * Words, "names", 'strings' (also E'' and $tag$ ones), white space with comments, and single symbols. For the definitions
 * that pg_dump writes; text that is none of it comes out as symbols.
 */
const PATTERN =
  /(?<space>(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+)|(?<name>"(?:[^"]|"")*")|(?<string>[eE]'(?:[^'\\]|\\.|'')*'|'(?:[^']|'')*'|(?<tag>\$(?:[A-Za-z_][A-Za-z0-9_]*)?\$)[\s\S]*?\k<tag>)|(?<word>[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*)|(?<symbol>[\s\S])/gu;

export function tokens(text: string): Token[] {
  return [...text.matchAll(PATTERN)].map(({ groups = {}, 0: whole }) => ({ kind: kindOf(groups), text: whole }));
}

function kindOf(groups: Readonly<Record<string, string | undefined>>): Token['kind'] {
  for (const kind of ['space', 'name', 'string', 'word'] as const) if (groups[kind] !== undefined) return kind;
  return 'symbol';
}

/** The statements of a definition, each with its semicolon. */
export function statements(text: string): Token[][] {
  const result: Token[][] = [];
  let current: Token[] = [];
  for (const token of tokens(text)) {
    current.push(token);
    if (token.kind !== 'symbol' || token.text !== ';') continue;
    result.push(current);
    current = [];
  }
  const last = result.at(-1);
  if (last !== undefined && current.every(({ kind }) => kind === 'space')) last.push(...current);
  else if (current.length > 0) result.push(current);
  return result;
}

export function textOf(list: readonly Token[]): string {
  return list.map(({ text }) => text).join('');
}

/** What a word or name means as an identifier; undefined for other tokens. */
export function identifier({ kind, text }: Token): string | undefined {
  if (kind === 'name') return text.slice(1, -1).replaceAll('""', '"');
  return kind === 'word' ? text.toLowerCase() : undefined;
}
