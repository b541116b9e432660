/** A piece of a statement as the server words it; pieces joined give the text again. */
export interface Token {
  readonly kind: 'word' | 'name' | 'string' | 'space' | 'symbol';
  readonly text: string;
}

/** Names in backticks, strings as in an empty sql_mode, words with digits and dots, white space, single symbols. */
const PATTERN =
  /(?<space>\s+)|(?<name>`(?:[^`]|``)*`)|(?<string>'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"\\]|\\[\s\S]|"")*")|(?<word>[\w$.\u0080-\uffff]+)|(?<symbol>[\s\S])/gu;

export function tokens(text: string): Token[] {
  return [...text.matchAll(PATTERN)].map(({ groups = {}, 0: whole }) => ({ kind: kindOf(groups), text: whole }));
}

function kindOf(groups: Readonly<Record<string, string | undefined>>): Token['kind'] {
  for (const kind of ['space', 'name', 'string', 'word'] as const) if (groups[kind] !== undefined) return kind;
  return 'symbol';
}

export function textOf(list: readonly Token[]): string {
  return list.map(({ text }) => text).join('');
}

export function isWord(token: Token | undefined, ...words: readonly string[]): boolean {
  return token?.kind === 'word' && words.includes(token.text.toUpperCase());
}

/** Whether the tokens at a place are these words, white space between them not counted. */
export function wordsAt(list: readonly Token[], at: number, words: string): boolean {
  return words.split(' ').every((word, n) => isWord(list[at + n], word));
}

/** What a name, string or bare word stands for. */
export function nameOf({ kind, text }: Token): string | undefined {
  if (kind === 'name') return text.slice(1, -1).replaceAll('``', '`');
  if (kind === 'string')
    return text
      .slice(1, -1)
      .replaceAll(/\\([\s\S])/g, '$1')
      .replaceAll("''", "'");
  return kind === 'word' ? text : undefined;
}

/** `user@host`, or a role's bare name, at a place of tokens without white space; and the place after it. */
export function accountAt(
  list: readonly Token[],
  at: number,
): { account: string; role: boolean; next: number } | undefined {
  const user = list[at] === undefined ? undefined : nameOf(list[at]);
  if (user === undefined) return undefined;
  const host = list[at + 1]?.text === '@' && list[at + 2] !== undefined ? nameOf(list[at + 2] as Token) : undefined;
  if (host === undefined) return { account: user, role: true, next: at + 1 };
  return { account: `${user}@${host}`, role: false, next: at + 3 };
}

export function withoutSpaces(list: readonly Token[]): Token[] {
  return list.filter(({ kind }) => kind !== 'space');
}

/** Statements of a script, without their semicolons. */
export function statements(text: string): string[] {
  const result: string[] = [];
  let current = '';
  for (const token of tokens(text)) {
    if (token.kind !== 'symbol' || token.text !== ';') {
      current += token.text;
      continue;
    }
    result.push(current.trim());
    current = '';
  }
  return current.trim() === '' ? result : [...result, current.trim()];
}
