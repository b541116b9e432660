import { inspect } from 'node:util';

/** A request and what came back, as it went over the wire. */
export interface Exchange {
  readonly method: string;
  readonly path: string;
  readonly body: string | undefined;
  readonly status: number;
  readonly contentType: string;
  readonly answer: string;
}

/** Tells a reader what is going on; what was named to it as secret is in none of its lines. */
export interface Narrator {
  heading(text: string): void;
  say(sentence: string): void;
  tell(exchange: Exchange): void;
  hide(secret: string): void;
}

/** What the service gives out once: its keys, links and signing secrets, by their beginnings. */
const GIVEN_OUT = /(\bwhsec_|\bdb[dsli]_|\/downloads\/)[\w+/=-]+/g;
const WIDTH = 118;
const MOST_LINES = 4;
const INDENT = '       ';

export function makeNarrator(print: (line: string) => void): Narrator {
  const secrets: string[] = [];
  const hidden = (text: string) => {
    const without = secrets.reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text);
    return without.replace(GIVEN_OUT, '$1[secret]');
  };
  const put = (line: string) => print(shortIds(hidden(line)));
  const putAll = (text: string) => {
    for (const line of wrapped(shortIds(hidden(text)))) print(`${INDENT}${line}`);
  };
  let stops = 0;
  return {
    heading: (text) => {
      stops += 1;
      put(`\n── ${stops}. ${text} ──`);
    },
    say: (sentence) => put(`  ✔ ${sentence}`),
    tell: ({ method, path, body, status, contentType, answer }) => {
      put(`${method} ${path}`);
      if (body !== undefined) putAll(`→ ${spoken(body, 'application/json')}`);
      putAll(`${status} ${spoken(answer, contentType)}`.trim());
    },
    hide: (secret) => {
      if (secret !== '') secrets.push(secret);
    },
  };
}

/** `6f0ad4c1-…` is enough to know one from another. */
function shortIds(line: string): string {
  return line.replace(/\b([0-9a-f]{8})-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b/g, '$1…');
}

function spoken(text: string, contentType: string): string {
  if (text === '') return '';
  if (!/[/+]json\b/.test(contentType)) return firstLines(text);
  const shown = inspect(withoutEmpty(JSON.parse(text)), {
    depth: 4,
    compact: true,
    breakLength: Number.POSITIVE_INFINITY,
    maxArrayLength: 3,
    maxStringLength: 120,
  });
  return shown.replace(/^\{ | \}$/g, '');
}

/** Comments are left out. */
function firstLines(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  const more = lines.length - MOST_LINES + 1;
  return more < 2 ? lines.join('\n') : [...lines.slice(0, MOST_LINES - 1), `… ${more} more lines`].join('\n');
}

/** What says nothing is left out. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== 'object' || value === null) return value;
  const fields = Object.entries(value).map(([name, field]) => [name, withoutEmpty(field)] as const);
  return Object.fromEntries(fields.filter(([, field]) => !isEmpty(field)));
}

function isEmpty(value: unknown): boolean {
  if (typeof value === 'object' && value !== null) return Object.keys(value).length === 0;
  return value === '' || value === null || value === undefined;
}

/** Lines of the reader's width, and no more than a few of them. */
function wrapped(text: string): string[] {
  const lines = text.split('\n').flatMap((line) => inPieces(line));
  return lines.length <= MOST_LINES ? lines : [...lines.slice(0, MOST_LINES - 1), `${lines[MOST_LINES - 1]} …`];
}

function inPieces(line: string): string[] {
  const pieces: string[] = [];
  let rest = line;
  while (rest.length > WIDTH) {
    const space = rest.lastIndexOf(' ', WIDTH);
    const end = space > WIDTH / 2 ? space : WIDTH;
    pieces.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...pieces, rest];
}
