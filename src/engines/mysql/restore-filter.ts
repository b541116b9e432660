import { Failure } from '../../domain/failure.ts';
import { definerIn, mappedDefiner, withDefiner } from './definers.ts';
import type { Piece } from './dump-scanner.ts';
import type { Family } from './option-file.ts';
import { matchesPattern } from './sql-text.ts';
import { type Meaning, meaningOf, type ObjectKind } from './statement.ts';

export interface FilterRules {
  /** How the target reads conditional comments. */
  readonly family: Family;
  /** The target database: what a dump does to its own database is done to this one. */
  readonly database: string;
  readonly type: 'full' | 'schema' | 'data';
  /** Tables and views to restore; empty means all and everything else. */
  readonly only: readonly string[];
  readonly owners: boolean;
  readonly roles: Readonly<Record<string, string>>;
  /** Only objects of these kinds, and no rows. */
  readonly kinds?: readonly ObjectKind[];
  /** Events are made, but do not run. */
  readonly disableEvents?: boolean;
}

/** What of a dump reaches the target, statement by statement; everything it does not know is refused (F71). */
export interface RestoreFilter {
  take(piece: Piece): Buffer | undefined;
  /** One sentence for each thing that is not restored as it stood. */
  notices(): readonly string[];
  /** `<kind> <name>` of objects that got another definer. */
  redefined(): readonly string[];
  /** `<kind> <name>` of all objects that were passed on to be made. */
  created(): ReadonlySet<string>;
}

const NOTHING: Buffer | undefined = undefined;

export function restoreFilter(rules: FilterRules): RestoreFilter {
  const notices = new Set<string>();
  const redefined = new Set<string>();
  const created = new Set<string>();
  let delimiter = ';';
  let used: string | undefined;
  let keepRows = true;

  function take(piece: Piece): Buffer | undefined {
    switch (piece.kind) {
      case 'rows':
        return keepRows ? piece.bytes : NOTHING;
      case 'insert':
        return takeInsert(piece.text);
      case 'delimiter':
        delimiter = piece.delimiter;
        return bytesOf(`DELIMITER ${delimiter}\n`);
      default:
        return takeStatement(piece.text);
    }
  }

  function takeInsert(text: string): Buffer | undefined {
    const meaning = meaningOf(text, rules.family);
    if (meaning.does !== 'insert') throw refused(meaning);
    keepRows = rules.type !== 'schema' && rules.kinds === undefined && isWanted(meaning.name);
    return keepRows ? bytesOf(`\n${text}`) : NOTHING;
  }

  function takeStatement(text: string): Buffer | undefined {
    const rewritten = rewrite(text, meaningOf(text, rules.family));
    return rewritten === undefined ? NOTHING : bytesOf(`${rewritten}\n${delimiter}\n`);
  }

  function rewrite(text: string, meaning: Meaning): string | undefined {
    switch (meaning.does) {
      case 'set':
      case 'transaction':
        return text;
      case 'lock':
      case 'nothing':
        return undefined;
      case 'server-wide':
        notices.add('A statement that sets something for the whole server was left out.');
        return undefined;
      case 'use':
      case 'create-database':
        return enter(meaning.name);
      case 'alter-database':
        return alterDatabase(text);
      case 'create':
      case 'drop':
        return isObjectWanted(meaning) ? redefine(text, meaning) : undefined;
      case 'insert':
      case 'unknown':
        throw refused(meaning);
      default:
        return isWanted(meaning.name) && isTypeWanted(meaning.does) ? text : undefined;
    }
  }

  /** A foreign dump may name its database; its content goes where the caller said, and only one may be in it. */
  function enter(name: string): undefined {
    if (used !== undefined && used !== name) throw severalDatabases();
    used = name;
    return undefined;
  }

  /** Written around routines made under another collation, with the source's name in it: never done to that one. */
  function alterDatabase(text: string): string | undefined {
    if (rules.type === 'data') return undefined;
    const quoted = `\`${Buffer.from(rules.database, 'utf8').toString('latin1').replaceAll('`', '``')}\``;
    return text.replace(/(ALTER\s+DATABASE\s+)(?:`(?:[^`]|``)+`|"(?:[^"]|"")+"|[\w$\x80-\xff]+)/i, (_, head: string) => `${head}${quoted}`);
  }

  function isTypeWanted(does: 'keys' | 'alter-table' | 'set-sequence'): boolean {
    if (rules.kinds !== undefined) return false;
    if (does === 'alter-table') return rules.type !== 'data';
    return rules.type !== 'schema';
  }

  function isObjectWanted({ kind, name, table }: Meaning & { does: 'create' | 'drop' }): boolean {
    if (rules.type === 'data') return false;
    if (rules.kinds !== undefined && !rules.kinds.includes(kind)) return false;
    if (rules.only.length === 0) return true;
    if (kind === 'trigger') return table !== undefined && isWanted(table);
    return (isStored(kind) || kind === 'view') && isWanted(name);
  }

  function isWanted(name: string): boolean {
    return rules.only.length === 0 || rules.only.some((pattern) => matchesPattern(name, pattern));
  }

  function redefine(text: string, meaning: Meaning & { does: 'create' | 'drop' }): string {
    if (meaning.does === 'drop') return text;
    created.add(`${meaning.kind} ${meaning.name}`);
    return withMappedDefiner(disabled(text, meaning), meaning);
  }

  function disabled(text: string, { kind }: Meaning & { does: 'create' | 'drop' }): string {
    if (kind !== 'event' || rules.disableEvents !== true) return text;
    return text.replace(/(\bON COMPLETION (?:NOT )?PRESERVE) ENABLE\b/, '$1 DISABLE');
  }

  function withMappedDefiner(text: string, meaning: Meaning & { does: 'create' | 'drop' }): string {
    const account = definerIn(text);
    if (account === undefined) return text;
    const mapped = rules.owners ? mappedDefiner(account, rules.roles) : undefined;
    if (mapped === account) return text;
    redefined.add(`${meaning.kind} ${meaning.name}`);
    const now = mapped ?? 'the restoring account';
    notices.add(`${meaning.kind} ${JSON.stringify(meaning.name)} runs as ${now} instead of ${account}.`);
    return withDefiner(text, mapped);
  }

  return { take, notices: () => [...notices], redefined: () => [...redefined], created: () => created };
}

function isStored(kind: ObjectKind): boolean {
  return kind === 'table' || kind === 'sequence';
}

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1');
}

function refused(meaning: Meaning): Failure {
  const head = meaning.does === 'unknown' ? `: ${meaning.head}` : ' in an unexpected place';
  return new Failure('restore_refused', `The dump holds a statement that no dump tool writes${head}`, {
    remedy: 'Look at that statement, and leave it out if the rest is to be trusted.',
  });
}

function severalDatabases(): Failure {
  return new Failure('restore_refused', 'The dump holds several databases.', {
    remedy: 'Split it, and restore each part into a database of its own.',
  });
}
