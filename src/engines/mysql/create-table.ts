/** The parts of a SHOW CREATE TABLE: `<kind> <name>` → definition, and the next auto-increment value apart. */
export interface TableParts {
  readonly parts: ReadonlyMap<string, string>;
  readonly autoIncrement: string | undefined;
}

const HEAD = /^CREATE (?:TEMPORARY )?TABLE `(?:[^`]|``)+` \(/;
const NAME = /^`((?:[^`]|``)+)`/;
const KEY = /^(?:PRIMARY KEY|(?:UNIQUE |FULLTEXT |SPATIAL )?KEY `((?:[^`]|``)+)`)/;
const CONSTRAINT = /^CONSTRAINT `((?:[^`]|``)+)` (FOREIGN KEY|CHECK|UNIQUE|PRIMARY KEY)/;
const PERIOD = /^PERIOD FOR (\S+)/;

/**
 * Splits a definition so that a change is reported as what it is: one column, one index, one foreign key, one check.
 * The text is as the server writes it with an empty sql_mode.
 */
export function tableParts(table: string, sql: string): TableParts {
  const { items, end } = splitItems(sql, HEAD.exec(sql)?.[0].length ?? 0);
  const parts = new Map<string, string>();
  let position = 0;
  for (const item of items) {
    const { key, isColumn } = describe(table, item, parts.size);
    if (isColumn) position += 1;
    parts.set(key, isColumn ? `${position} ${withoutImpliedCharset(item)}` : item);
  }
  const { options, partitions } = splitOptions(sql.slice(end + 1));
  const autoIncrement = / AUTO_INCREMENT=(\d+)/.exec(outsideText(options))?.[1];
  parts.set(`table ${table}`, options.replace(/ AUTO_INCREMENT=\d+/, ''));
  if (partitions !== '') parts.set(`partitions ${table}`, partitions);
  return { parts, autoIncrement };
}

function describe(table: string, item: string, index: number): { key: string; isColumn: boolean } {
  const column = NAME.exec(item)?.[1];
  if (column !== undefined) return { key: `column ${table}.${unquote(column)}`, isColumn: true };
  const key = KEY.exec(item);
  if (key !== null) return { key: `index ${table}.${unquote(key[1] ?? 'PRIMARY')}`, isColumn: false };
  const [, name = '', kind = ''] = CONSTRAINT.exec(item) ?? [];
  if (kind === 'FOREIGN KEY') return { key: `foreign key ${table}.${unquote(name)}`, isColumn: false };
  if (kind === 'CHECK') return { key: `check ${table}.${unquote(name)}`, isColumn: false };
  const period = PERIOD.exec(item)?.[1];
  if (period !== undefined) return { key: `period ${table}.${period}`, isColumn: false };
  return { key: `part ${table}.${index}`, isColumn: false };
}

function unquote(name: string): string {
  return name.replaceAll('``', '`');
}

const TOKEN = /`(?:[^`]|``)*`|'(?:[^'\\]|\\[\s\S]|'')*'|[\s\S]/g;

/** Items between the outer parentheses, split at commas of their own level; `end` is where the closing one stands. */
function splitItems(sql: string, from: number): { items: string[]; end: number } {
  const shadow = outsideText(sql);
  const items: string[] = [];
  let depth = 0;
  let start = from;
  let at = from;
  for (; at < sql.length && depth >= 0; at += 1) {
    depth += DEPTH[shadow[at] ?? ''] ?? 0;
    const ends = depth < 0 || (depth === 0 && shadow[at] === ',');
    if (!ends) continue;
    items.push(sql.slice(start, at).trim());
    start = at + 1;
  }
  return { items, end: at - 1 };
}

const DEPTH: Readonly<Record<string, number>> = { '(': 1, ')': -1 };

function splitOptions(rest: string): { options: string; partitions: string } {
  const shadow = outsideText(rest);
  const at = shadow.search(/\s(?:\/\*!\d+ )?\s*PARTITION BY/);
  return at < 0
    ? { options: rest.trim(), partitions: '' }
    : { options: rest.slice(0, at).trim(), partitions: rest.slice(at).trim() };
}

/** MySQL says the character set beside a collation only where that was typed so: a restored copy says it everywhere. */
function withoutImpliedCharset(column: string): string {
  const match = / CHARACTER SET \w+(?= COLLATE \w+)/.exec(outsideText(column));
  return match === null ? column : column.slice(0, match.index) + column.slice(match.index + match[0].length);
}

/** The same text with everything in quotes blanked, so that comments cannot pass for options. */
function outsideText(sql: string): string {
  return sql.replace(TOKEN, (token) => (token.length > 1 ? ' '.repeat(token.length) : token));
}
