import { identifier, statements, type Token, textOf } from '../restore/sql-tokens.ts';

export interface ScriptRole {
  readonly name: string;
  /** What follows WITH, password hash included where the backup has one. */
  readonly attributes: string;
  /** Settings, comments and labels: statements that name this role alone. */
  readonly extras: readonly string[];
}

export interface ScriptMember {
  readonly role: string;
  readonly member: string;
  /** `ADMIN OPTION, INHERIT TRUE`, or empty. */
  readonly options: string;
  readonly grantor: string | undefined;
}

export interface ScriptParameter {
  readonly parameter: string;
  readonly grantee: string;
  readonly statement: string;
}

/** What a script of globals says, by its statements. */
export interface GlobalsScript {
  readonly roles: readonly ScriptRole[];
  readonly members: readonly ScriptMember[];
  /** Names; a tablespace is a folder of one machine, and nothing more of it is needed here. */
  readonly tablespaces: readonly string[];
  readonly parameters: readonly ScriptParameter[];
  /** Statements that pg_dumpall does not write for globals: never run. */
  readonly unknown: readonly string[];
}

/** Guards of psql against a dump that ends a string early; they are no SQL. */
const RESTRICT = /^((?:\s|--[^\n]*\n)*)\\restrict \w+\n/;
const UNRESTRICT = /\n\\unrestrict \w+(\s*(?:--[^\n]*(?:\n|$)\s*)*)$/;
const SETTINGS = /^SET (?:default_transaction_read_only|client_encoding|standard_conforming_strings) = /;

interface Draft {
  readonly roles: Map<string, { attributes: string; extras: string[] }>;
  readonly members: ScriptMember[];
  readonly tablespaces: Set<string>;
  readonly parameters: ScriptParameter[];
  readonly unknown: string[];
}

/** One statement: its text without the semicolon, and its tokens without white space. */
interface Statement {
  readonly text: string;
  readonly tokens: readonly Token[];
  /** The text from that token on. */
  from(token: number): string;
}

/** Reads what `pg_dumpall --globals-only` wrote. Only statements of the forms that it writes get a meaning. */
export function readScript(text: string): GlobalsScript {
  const draft: Draft = { roles: new Map(), members: [], tablespaces: new Set(), parameters: [], unknown: [] };
  for (const list of statements(text.replace(RESTRICT, '$1').replace(UNRESTRICT, '\n$1'))) {
    const statement = statementOf(list);
    if (statement.text === '' || SETTINGS.test(statement.text)) continue;
    const isWhole = list.some(({ kind, text: end }) => kind === 'symbol' && end === ';');
    if (!isWhole || !READERS.some((read) => read(draft, statement))) draft.unknown.push(statement.text.slice(0, 80));
  }
  return {
    roles: [...draft.roles].map(([name, { attributes, extras }]) => ({ name, attributes, extras })),
    members: draft.members,
    tablespaces: [...draft.tablespaces],
    parameters: draft.parameters,
    unknown: draft.unknown,
  };
}

function statementOf(list: readonly Token[]): Statement {
  const places: number[] = [];
  for (const [at, { kind, text }] of list.entries()) {
    if (kind !== 'space' && !(kind === 'symbol' && text === ';')) places.push(at);
  }
  const end = (places.at(-1) ?? -1) + 1;
  const from = (token: number) => textOf(list.slice(places[token] ?? end, end));
  return { text: from(0), tokens: list.filter((_, at) => places.includes(at)), from };
}

type Reader = (draft: Draft, statement: Statement) => boolean;

/** Whether the tokens begin with these words; `?` stands for a name. */
function begins({ tokens }: Pick<Statement, 'tokens'>, pattern: string): boolean {
  return pattern.split(' ').every((word, at) => {
    const token = tokens[at];
    if (token === undefined) return false;
    return word === '?' ? identifier(token) !== undefined : isWord(token, word);
  });
}

function isWord({ kind, text }: Token, word: string): boolean {
  return kind === 'word' && text.toUpperCase() === word;
}

function nameAt({ tokens }: Statement, at: number): string {
  const token = tokens[at];
  return (token === undefined ? undefined : identifier(token)) ?? '';
}

const READERS: readonly Reader[] = [
  createRole,
  alterRole,
  extraOfRole,
  membership,
  createTablespace,
  partOfTablespace,
  parameter,
];

function createRole({ roles }: Draft, statement: Statement): boolean {
  if (!begins(statement, 'CREATE ROLE ?') || statement.tokens.length !== 3) return false;
  roles.set(nameAt(statement, 2), { attributes: '', extras: [] });
  return true;
}

const ATTRIBUTES =
  /^(?:(?:(?:NO)?(?:SUPERUSER|INHERIT|CREATEROLE|CREATEDB|LOGIN|REPLICATION|BYPASSRLS)|CONNECTION LIMIT -?\d+|PASSWORD '[^'\\]*'|VALID UNTIL '[^'\\]*')(?:\s+|$))+$/;

function alterRole({ roles }: Draft, statement: Statement): boolean {
  const role = begins(statement, 'ALTER ROLE ? WITH') ? roles.get(nameAt(statement, 2)) : undefined;
  if (role === undefined || !ATTRIBUTES.test(statement.from(4))) return false;
  role.attributes = statement.from(4);
  return true;
}

/** Forms that name one role, and where its name stands. */
const EXTRAS: readonly (readonly [string, number])[] = [
  ['ALTER ROLE ? SET ?', 2],
  ['COMMENT ON ROLE ? IS', 3],
  ['SECURITY LABEL FOR ? ON ROLE ? IS', 6],
];

function extraOfRole({ roles }: Draft, statement: Statement): boolean {
  const [, place] = EXTRAS.find(([form]) => begins(statement, form)) ?? [];
  const role = place === undefined ? undefined : roles.get(nameAt(statement, place));
  role?.extras.push(statement.text);
  return role !== undefined;
}

const OPTIONS = /^(?:WITH ([\w, ]+?))?(?:(?:^|\s)GRANTED BY (\S[\s\S]*))?$/;

function membership({ members }: Draft, statement: Statement): boolean {
  if (!begins(statement, 'GRANT ? TO ?')) return false;
  const match = OPTIONS.exec(statement.from(4));
  if (match === null) return false;
  const [, options = '', grantor] = match;
  const by = grantor === undefined ? undefined : nameAt(statement, statement.tokens.length - 1);
  members.push({ role: nameAt(statement, 1), member: nameAt(statement, 3), options, grantor: by });
  return true;
}

function createTablespace({ tablespaces }: Draft, statement: Statement): boolean {
  if (!begins(statement, 'CREATE TABLESPACE ? OWNER ? LOCATION')) return false;
  tablespaces.add(nameAt(statement, 2));
  return true;
}

/** What belongs to a tablespace comes or stays away with it. */
function partOfTablespace(_draft: Draft, statement: Statement): boolean {
  if (['ALTER TABLESPACE ?', 'COMMENT ON TABLESPACE ?'].some((form) => begins(statement, form))) return true;
  if (begins(statement, 'SECURITY LABEL FOR ? ON TABLESPACE ?')) return true;
  const on = statement.tokens.findIndex((token) => isWord(token, 'ON'));
  const isGrant = ['GRANT', 'REVOKE'].some((word) => begins(statement, word));
  return isGrant && begins({ tokens: statement.tokens.slice(on) }, 'ON TABLESPACE ?');
}

function parameter({ parameters }: Draft, statement: Statement): boolean {
  const { tokens } = statement;
  const on = tokens.findIndex((token) => isWord(token, 'ON'));
  const to = tokens.findIndex((token) => isWord(token, 'TO'));
  if (!begins(statement, 'GRANT') || to < on || !begins({ tokens: tokens.slice(on) }, 'ON PARAMETER ?')) return false;
  const name = textOf(tokens.slice(on + 2, to));
  parameters.push({ parameter: name, grantee: nameAt(statement, to + 1), statement: statement.text });
  return true;
}
