import { readings } from './conditional-comments.ts';
import type { Family } from './option-file.ts';

export type ObjectKind =
  | 'table'
  | 'view'
  | 'sequence'
  | 'trigger'
  | 'procedure'
  | 'function'
  | 'event'
  | 'package'
  | 'package body';

/** What a statement of a dump does, as far as a restore must know. */
export type Meaning =
  | { readonly does: 'set' | 'lock' | 'transaction' | 'nothing' }
  /** `table` of a trigger is the one it stands on. */
  | { readonly does: 'create' | 'drop'; readonly kind: ObjectKind; readonly name: string; readonly table?: string }
  | { readonly does: 'insert' | 'alter-table' | 'keys'; readonly name: string }
  | { readonly does: 'set-sequence'; readonly name: string; readonly value: string }
  | { readonly does: 'alter-database' | 'use' | 'create-database'; readonly name: string }
  /** Whole-server switches that old dumps carry: left out, never run. */
  | { readonly does: 'server-wide' }
  | { readonly does: 'unknown'; readonly head: string };

const ID = String.raw`(\`(?:[^\`]|\`\`)+\`|"(?:[^"]|"")+"|[\w$\x80-\xff]+)`;
const ACCOUNT = String.raw`(?:\`(?:[^\`]|\`\`)*\`|"(?:[^"]|"")*"|'(?:[^']|'')*'|[\w$\x80-\xff]+)`;
const DEFINER = String.raw`(?:DEFINER\s*=\s*${ACCOUNT}(?:\s*@\s*${ACCOUNT})?(?:\s*\(\s*\))?\s+)?`;
/** A name ends here: a dot would lead into another database. */
const END = String.raw`(?=[\s(;]|$)`;
const IF = String.raw`(?:IF\s+(?:NOT\s+)?EXISTS\s+)?`;

type Maker = (match: RegExpExecArray) => Meaning;

const VALUE = String.raw`(?:'(?:[^'\\]|'')*'|@{1,2}[\w.]+|[\w.+-]+)`;
/** `SET PASSWORD = …` looks like an assignment and is none. */
const TARGET = String.raw`(?!PASSWORD\b|ROLE\b)(?:@{1,2}[\w.]+|(?:SESSION\s+)?\w+)`;
const ASSIGNMENTS = String.raw`${TARGET}\s*:?=\s*${VALUE}(?:\s*,\s*${TARGET}\s*:?=\s*${VALUE})*`;
/** Character sets in which no byte of a character looks like a quote or backslash. */
const SAFE_CHARSETS = String.raw`(?:utf8|utf8mb3|utf8mb4|latin\d|binary|ascii|cp125\d|cp85\d|koi8[ru]|greek|hebrew|@\w+|@@\w+)`;

const RULES: readonly (readonly [RegExp, Maker])[] = [
  [/^$/, () => ({ does: 'nothing' })],
  [
    rule(String.raw`SET\s+(?:NAMES|CHARACTER\s+SET)\s+'?${SAFE_CHARSETS}'?(?:\s+COLLATE\s+\w+)?\s*$`),
    () => ({ does: 'set' }),
  ],
  [
    rule(String.raw`SET\s+(?:@@GLOBAL\.|GLOBAL\s|@@SESSION\.SQL_LOG_BIN|@MYSQLDUMP_TEMP_LOG_BIN)`),
    () => ({ does: 'server-wide' }),
  ],
  [rule(String.raw`SET\s+${ASSIGNMENTS}\s*$`), setMeaning],
  [rule(String.raw`(?:UN)?LOCK\s+TABLES?\b`), () => ({ does: 'lock' })],
  [rule(String.raw`(?:START\s+TRANSACTION|BEGIN|COMMIT)\s*$`), () => ({ does: 'transaction' })],
  [
    rule(
      String.raw`DROP\s+(TABLE|VIEW|SEQUENCE|TRIGGER|PROCEDURE|FUNCTION|EVENT|PACKAGE\s+BODY|PACKAGE)\s+${IF}${ID}${END}\s*$`,
    ),
    dropped,
  ],
  [rule(String.raw`CREATE\s+(?:OR\s+REPLACE\s+)?(TABLE)\s+${IF}${ID}${END}`), created],
  [rule(String.raw`CREATE\s+(?:OR\s+REPLACE\s+)?(SEQUENCE)\s+${IF}${ID}${END}`), created],
  [
    rule(
      String.raw`CREATE\s+(?:OR\s+REPLACE\s+)?(?:ALGORITHM\s*=\s*\w+\s+)?${DEFINER}(?:SQL\s+SECURITY\s+\w+\s+)?(VIEW)\s+${IF}${ID}${END}`,
    ),
    created,
  ],
  [
    rule(
      String.raw`CREATE\s+(?:OR\s+REPLACE\s+)?${DEFINER}(TRIGGER)\s+${IF}${ID}\s+(?:BEFORE|AFTER)\s+\w+\s+ON\s+${ID}${END}`,
    ),
    created,
  ],
  [
    rule(
      String.raw`CREATE\s+(?:OR\s+REPLACE\s+)?${DEFINER}(?:AGGREGATE\s+)?(FUNCTION)\s+${IF}${ID}\s*\((?![\s\S]*\bSONAME\b)`,
    ),
    created,
  ],
  [
    rule(String.raw`CREATE\s+(?:OR\s+REPLACE\s+)?${DEFINER}(?:AGGREGATE\s+)?(FUNCTION)\s+${IF}${ID}\s+RETURN\s`),
    created,
  ],
  [rule(String.raw`CREATE\s+(?:OR\s+REPLACE\s+)?${DEFINER}(PROCEDURE)\s+${IF}${ID}(?=[\s(])`), created],
  [rule(String.raw`CREATE\s+(?:OR\s+REPLACE\s+)?${DEFINER}(EVENT|PACKAGE\s+BODY|PACKAGE)\s+${IF}${ID}\s`), created],
  [
    rule(String.raw`(?:INSERT|REPLACE)\s+(?:IGNORE\s+)?INTO\s+${ID}\s*(?:\((?:\s*${ID}\s*,?)+\)\s*)?VALUES\s*$`),
    ([, name = '']) => ({ does: 'insert', name: nameOf(name) }),
  ],
  [
    rule(String.raw`ALTER\s+TABLE\s+${ID}\s+(?:DISABLE|ENABLE)\s+KEYS\s*$`),
    ([, name = '']) => ({ does: 'keys', name: nameOf(name) }),
  ],
  [
    rule(String.raw`ALTER\s+TABLE\s+${ID}\s+(?:ADD|MODIFY|AUTO_INCREMENT)\b`),
    ([, name = '']) => ({ does: 'alter-table', name: nameOf(name) }),
  ],
  [rule(String.raw`(?:DO|SELECT)\s+SETVAL\(\s*${ID}\s*,\s*(-?\d+)\s*,\s*0\s*\)\s*$`), sequenceSet],
  [
    rule(String.raw`ALTER\s+DATABASE\s+${ID}\s+(?:DEFAULT\s+)?CHARACTER\s+SET\s+\w+\s+COLLATE\s+\w+\s*$`),
    ([, name = '']) => ({ does: 'alter-database', name: nameOf(name) }),
  ],
  [rule(String.raw`USE\s+${ID}\s*$`), ([, name = '']) => ({ does: 'use', name: nameOf(name) })],
  [
    rule(String.raw`CREATE\s+(?:DATABASE|SCHEMA)\s+${IF}${ID}${END}`),
    ([, name = '']) => ({ does: 'create-database', name: nameOf(name) }),
  ],
];

/**
 * What a statement does, whatever server reads it. Where servers of different versions would read different things, each
 * must be something a dump does; else the meaning is `unknown`.
 */
export function meaningOf(text: string, family: Family): Meaning {
  let last: Meaning = { does: 'nothing' };
  for (const reading of readings(text, family)) {
    const meaning = readOne(reading);
    if (meaning.does === 'unknown') return meaning;
    if (meaning.does !== 'nothing') last = meaning;
  }
  return last;
}

function readOne(reading: string): Meaning {
  for (const [pattern, make] of RULES) {
    const match = pattern.exec(reading);
    if (match !== null) return make(match);
  }
  return { does: 'unknown', head: reading.replace(/\s+/g, ' ').slice(0, 60) };
}

function rule(source: string): RegExp {
  return new RegExp(`^${source}`, 'i');
}

/** Client character sets that hide quotes in other characters would make us and the server read different text. */
function setMeaning(match: RegExpExecArray): Meaning {
  const [text] = match;
  if (/\b(?:GLOBAL|PERSIST|PERSIST_ONLY)\b/i.test(text)) return { does: 'server-wide' };
  const charset = /\bcharacter_set_client\s*=\s*'?([@\w]+)/i.exec(text)?.[1];
  if (charset === undefined || new RegExp(`^${SAFE_CHARSETS}$`, 'i').test(charset)) return { does: 'set' };
  return { does: 'unknown', head: text.slice(0, 60) };
}

function created([, kind = '', name = '', table]: RegExpExecArray): Meaning {
  const what = { does: 'create', kind: kindOf(kind), name: nameOf(name) } as const;
  return table === undefined ? what : { ...what, table: nameOf(table) };
}

function dropped([, kind = '', name = '']: RegExpExecArray): Meaning {
  return { does: 'drop', kind: kindOf(kind), name: nameOf(name) };
}

function sequenceSet([, name = '', value = '']: RegExpExecArray): Meaning {
  return { does: 'set-sequence', name: nameOf(name), value };
}

function kindOf(word: string): ObjectKind {
  return word.toLowerCase().replace(/\s+/g, ' ') as ObjectKind;
}

/** A quoted or bare name in a text of one character a byte, as the name it is. */
export function nameOf(quoted: string): string {
  const mark = quoted[0];
  const bare = mark === '`' || mark === '"' ? quoted.slice(1, -1).replaceAll(mark + mark, mark) : quoted;
  return Buffer.from(bare, 'latin1').toString('utf8');
}
