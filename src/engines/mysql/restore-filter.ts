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

/** Known of MySQL's client up to 9.7; MariaDB's keeps it. */
const LINE_END = "MySQL's client drops a backslash at the end of a line: some definition holds one, and lacks it now.";

const NOTHING: Buffer | undefined = undefined;

/** What of a dump reaches the target, statement by statement; everything it does not know is refused (F71). */
export class RestoreFilter {
  readonly #rules: FilterRules;
  readonly #notices = new Set<string>();
  readonly #redefined = new Set<string>();
  readonly #created = new Set<string>();
  #delimiter = ';';
  #used: string | undefined;
  #keepRows = true;

  constructor(rules: FilterRules) {
    this.#rules = rules;
  }

  /** One sentence for each thing that is not restored as it stood. */
  get notices(): readonly string[] {
    return [...this.#notices];
  }

  /** `<kind> <name>` of objects that got another definer. */
  get redefined(): readonly string[] {
    return [...this.#redefined];
  }

  /** `<kind> <name>` of all objects that were passed on to be made. */
  get created(): ReadonlySet<string> {
    return this.#created;
  }

  take(piece: Piece): Buffer | undefined {
    switch (piece.kind) {
      case 'rows':
        return this.#keepRows ? piece.bytes : NOTHING;
      case 'insert':
        return this.#takeInsert(piece.text);
      case 'delimiter':
        this.#delimiter = piece.delimiter;
        return bytesOf(`DELIMITER ${this.#delimiter}\n`);
      default:
        return this.#takeStatement(piece.text);
    }
  }

  #takeInsert(text: string): Buffer | undefined {
    const meaning = meaningOf(text, this.#rules.family);
    if (meaning.does !== 'insert') throw refused(meaning);
    this.#keepRows = this.#rules.type !== 'schema' && this.#rules.kinds === undefined && this.#isWanted(meaning.name);
    return this.#keepRows ? bytesOf(`\n${text}`) : NOTHING;
  }

  #takeStatement(text: string): Buffer | undefined {
    const rewritten = this.#rewrite(text, meaningOf(text, this.#rules.family));
    if (rewritten?.includes('\\\n') === true && this.#rules.family === 'MySQL') this.#notices.add(LINE_END);
    return rewritten === undefined ? NOTHING : bytesOf(`${rewritten}\n${this.#delimiter}\n`);
  }

  #rewrite(text: string, meaning: Meaning): string | undefined {
    switch (meaning.does) {
      case 'set':
      case 'transaction':
        return text;
      case 'lock':
      case 'nothing':
        return undefined;
      case 'server-wide':
        this.#notices.add('A statement that sets something for the whole server was left out.');
        return undefined;
      case 'use':
      case 'create-database':
        return this.#enter(meaning.name);
      case 'alter-database':
        return this.#alterDatabase(text);
      case 'create':
      case 'drop':
        return this.#isObjectWanted(meaning) ? this.#redefine(text, meaning) : undefined;
      case 'insert':
      case 'unknown':
        throw refused(meaning);
      default:
        return this.#isWanted(meaning.name) && this.#isTypeWanted(meaning.does) ? text : undefined;
    }
  }

  /** A foreign dump may name its database; its content goes where the caller said, and only one may be in it. */
  #enter(name: string): undefined {
    if (this.#used !== undefined && this.#used !== name) throw severalDatabases();
    this.#used = name;
    return undefined;
  }

  /** Written around routines made under another collation, with the source's name in it: never done to that one. */
  #alterDatabase(text: string): string | undefined {
    if (this.#rules.type === 'data') return undefined;
    const quoted = `\`${Buffer.from(this.#rules.database, 'utf8').toString('latin1').replaceAll('`', '``')}\``;
    return text.replace(
      /(ALTER\s+DATABASE\s+)(?:`(?:[^`]|``)+`|"(?:[^"]|"")+"|[\w$\x80-\xff]+)/i,
      (_, head: string) => `${head}${quoted}`,
    );
  }

  #isTypeWanted(does: 'keys' | 'alter-table' | 'set-sequence'): boolean {
    if (this.#rules.kinds !== undefined) return false;
    if (does === 'alter-table') return this.#rules.type !== 'data';
    return this.#rules.type !== 'schema';
  }

  #isObjectWanted({ kind, name, table }: Meaning & { does: 'create' | 'drop' }): boolean {
    if (this.#rules.type === 'data') return false;
    if (this.#rules.kinds !== undefined && !this.#rules.kinds.includes(kind)) return false;
    if (this.#rules.only.length === 0) return true;
    if (kind === 'trigger') return table !== undefined && this.#isWanted(table);
    return (isStored(kind) || kind === 'view') && this.#isWanted(name);
  }

  #isWanted(name: string): boolean {
    return this.#rules.only.length === 0 || this.#rules.only.some((pattern) => matchesPattern(name, pattern));
  }

  #redefine(text: string, meaning: Meaning & { does: 'create' | 'drop' }): string {
    if (meaning.does === 'drop') return text;
    this.#created.add(`${meaning.kind} ${meaning.name}`);
    return this.#withMappedDefiner(this.#disabled(text, meaning), meaning);
  }

  #disabled(text: string, { kind }: Meaning & { does: 'create' | 'drop' }): string {
    if (kind !== 'event' || this.#rules.disableEvents !== true) return text;
    return text.replace(/(\bON COMPLETION (?:NOT )?PRESERVE) ENABLE\b/, '$1 DISABLE');
  }

  #withMappedDefiner(text: string, meaning: Meaning & { does: 'create' | 'drop' }): string {
    const account = definerIn(text);
    if (account === undefined) return text;
    const mapped = this.#rules.owners ? mappedDefiner(account, this.#rules.roles) : undefined;
    if (mapped === account) return text;
    this.#redefined.add(`${meaning.kind} ${meaning.name}`);
    const now = mapped ?? 'the restoring account';
    this.#notices.add(`${meaning.kind} ${JSON.stringify(meaning.name)} runs as ${now} instead of ${account}.`);
    return withDefiner(text, mapped);
  }
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
