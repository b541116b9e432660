import { compareVersions } from '../../../domain/tool-version.ts';
import type { Family } from '../option-file.ts';
import { isWord, nameOf, type Token, textOf, tokens, withoutSpaces, wordsAt } from './tokens.ts';

/** Ways to log in whose parameter is a name or a certificate's words, never a secret. Any other's is left out. */
const WITHOUT_SECRET = new Set([
  'unix_socket',
  'auth_socket',
  'named_pipe',
  'pam',
  'auth_pam',
  'auth_pam_compat',
  'authentication_pam',
  'gssapi',
  'authentication_windows',
  'authentication_kerberos',
  'authentication_ldap_simple',
  'authentication_ldap_sasl',
  'AWSAuthenticationPlugin',
  'mysql_no_login',
]);

interface Factor {
  readonly plugin: string;
  readonly value: string | undefined;
  readonly text: string;
}

interface Clause {
  readonly factors: readonly Factor[];
  /** Places in the token list: the clause is [from, to). */
  readonly from: number;
  readonly to: number;
}

/** The IDENTIFIED clause of a statement as SHOW CREATE USER and SHOW GRANTS word it. */
function findClause(list: readonly Token[]): Clause | undefined {
  const from = list.findIndex((token) => isWord(token, 'IDENTIFIED'));
  if (from < 0) return undefined;
  const factors: Factor[] = [];
  let at = from;
  for (let start = factorStart(list, at); start > at; start = factorStart(list, at)) {
    const { factor, next } = readFactor(list, start);
    factors.push(factor);
    at = next;
  }
  return { factors, from, to: at };
}

/** Where a factor's own words begin behind what leads to one; the same place where none is led to. */
function factorStart(list: readonly Token[], at: number): number {
  if (wordsAt(list, at, 'AND IDENTIFIED')) return at + 2;
  return isWord(list[at], 'IDENTIFIED', 'OR') ? at + 1 : at;
}

function readFactor(list: readonly Token[], start: number): { factor: Factor; next: number } {
  if (wordsAt(list, start, 'BY PASSWORD')) {
    return { factor: { plugin: 'mysql_native_password', value: list[start + 2]?.text, text: '' }, next: start + 3 };
  }
  const at = isWord(list[start], 'WITH', 'VIA') ? start + 1 : start;
  const token = list[at];
  const plugin = (token === undefined ? undefined : nameOf(token)) ?? '';
  const hasValue = isWord(list[at + 1], 'AS', 'USING');
  const next = at + (hasValue ? 3 : 1);
  const value = hasValue ? list[at + 2]?.text : undefined;
  return { factor: { plugin, value, text: worded(list.slice(at, next)) }, next };
}

/** A statement without its IDENTIFIED clause: MariaDB repeats it, hash and all, in every GRANT on the whole server. */
export function withoutLogin(statement: string): string {
  const list = withoutSpaces(tokens(statement));
  const clause = findClause(list);
  if (clause === undefined) return statement;
  return worded([...list.slice(0, clause.from), ...list.slice(clause.to)]);
}

/**
 * A CREATE USER without any password's hash. An account whose only way in was a password is locked, and has one that nobody
 * knows: without it the account would be open to everyone.
 */
export function withoutHashes(statement: string, server: { family: Family; numbers: readonly number[] }): string {
  const list = withoutSpaces(tokens(statement));
  const clause = findClause(list);
  if (clause === undefined || clause.factors.every(({ value }) => value === undefined)) return statement;
  const kept = clause.factors.filter(({ plugin, value }) => value === undefined || WITHOUT_SECRET.has(plugin));
  const [head, tail] = [list.slice(0, clause.from), list.slice(clause.to)];
  // MySQL's several factors are all needed: without one of them nobody gets in.
  const isOpen = server.family === 'MariaDB' ? kept.length > 0 : kept.length === clause.factors.length;
  if (isOpen) return `${worded(head)} ${keptLogin(kept, server.family)} ${worded(tail)}`.trim();
  return `${worded(head)} ${lockedLogin(server)} ${worded(locked(tail))}`.trim();
}

function keptLogin(kept: readonly Factor[], family: Family): string {
  if (family === 'MariaDB') return `IDENTIFIED VIA ${kept.map(({ text }) => text).join(' OR ')}`;
  return kept.map(({ text }) => `IDENTIFIED WITH ${text}`).join(' AND ');
}

const FIRST_WITH_RANDOM = [8, 0, 18];

function lockedLogin({ family, numbers }: { family: Family; numbers: readonly number[] }): string {
  if (family === 'MariaDB') return "IDENTIFIED VIA mysql_native_password USING 'invalid'";
  return compareVersions(numbers, FIRST_WITH_RANDOM) < 0 ? '' : 'IDENTIFIED BY RANDOM PASSWORD';
}

function locked(tail: readonly Token[]): Token[] {
  const at = tail.findIndex((token, place) => isWord(token, 'ACCOUNT') && isWord(tail[place + 1], 'LOCK', 'UNLOCK'));
  const lock: Token[] = [
    { kind: 'word', text: 'ACCOUNT' },
    { kind: 'word', text: 'LOCK' },
  ];
  return at < 0 ? [...tail, ...lock] : [...tail.slice(0, at), ...lock, ...tail.slice(at + 2)];
}

/** MySQL's CREATE USER names default roles, which must be granted first: the same without them, and the roles. */
export function splitDefaultRoles(statement: string): { create: string; roles: string } {
  const list = withoutSpaces(tokens(statement));
  const from = list.findIndex((_, at) => wordsAt(list, at, 'DEFAULT ROLE'));
  if (from < 0) return { create: statement, roles: '' };
  let to = from + 2;
  while (list[to]?.kind === 'name') to += list[to + 3]?.text === ',' ? 4 : 3;
  return { create: worded([...list.slice(0, from), ...list.slice(to)]), roles: textOf(list.slice(from + 2, to)) };
}

/** Tokens as a statement: a space between any two but around the @ of an account, before commas and at brackets. */
export function worded(list: readonly Token[]): string {
  let text = '';
  for (const [at, token] of list.entries()) {
    const before = list[at - 1];
    const tight = before === undefined || '@(.'.includes(before.text) || '@,).'.includes(token.text);
    text += tight ? token.text : ` ${token.text}`;
  }
  return text;
}
