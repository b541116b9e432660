import { quoted } from '../names.ts';
import { identifier, statements, type Token, textOf } from './sql-tokens.ts';

/** Reserved words behind which a role's name stands; none of them can be a name without quotes. */
const BEFORE_ROLE = new Set(['TO', 'FROM', 'ROLE', 'AUTHORIZATION', 'FOR']);
/** Words that may stand there and are no role. */
const NO_ROLE = new Set(['public', 'role', 'user', 'session_authorization', 'default', 'none']);

const NOTHING: Token = { kind: 'space', text: '' };

/** What becomes of a role: another name, or undefined where there is none. */
export type RoleMap = (role: string) => string | undefined;

export interface Rewritten {
  readonly text: string;
  /** Roles whose statements were left out. */
  readonly lost: readonly string[];
}

/** Places of role names in one statement of an access list, default privileges or a user mapping. */
function rolePlaces(statement: readonly Token[]): number[] {
  const places: number[] = [];
  let expecting = false;
  statement.forEach((token, index) => {
    if (token.kind === 'space') return;
    const role = identifier(token);
    const isRole = expecting && role !== undefined && !(token.kind === 'word' && NO_ROLE.has(role));
    if (isRole) places.push(index);
    // A list of roles goes on behind a comma; a role named `role` in quotes does not start one.
    const comma = token.text === ',' && expecting;
    expecting =
      comma ||
      (token.kind === 'word' && BEFORE_ROLE.has(token.text.toUpperCase())) ||
      (isRole && nextIsComma(statement, index));
  });
  return places;
}

function nextIsComma(statement: readonly Token[], index: number): boolean {
  const next = statement.slice(index + 1).find(({ kind }) => kind !== 'space');
  return next?.text === ',';
}

/** All roles that an access list, default privileges or user mapping names. */
export function rolesOf(definition: string): string[] {
  return statements(definition).flatMap((statement) =>
    rolePlaces(statement).map((index) => identifier(statement[index] ?? NOTHING) ?? ''),
  );
}

/** Gives roles their new names; a statement that names a role which has none is left out. */
export function rewriteRoles(definition: string, map: RoleMap): Rewritten {
  const lost: string[] = [];
  const kept = statements(definition).map((statement) => {
    const result = renamed(statement, rolePlaces(statement), map);
    if (typeof result === 'string') return result;
    lost.push(...result.lost);
    return '';
  });
  return { text: kept.join(''), lost };
}

function renamed(statement: readonly Token[], places: readonly number[], map: RoleMap): string | { lost: string[] } {
  const roles = places.map((index) => identifier(statement[index] ?? NOTHING) ?? '');
  const lost = roles.filter((role) => map(role) === undefined);
  if (lost.length > 0) return { lost };
  const copy = [...statement];
  places.forEach((index, place) => {
    const role = roles[place] ?? '';
    const to = map(role) ?? role;
    if (to !== role) copy[index] = { kind: 'name', text: quoted(to) };
  });
  return textOf(copy);
}

/** The roles that a policy is for, in `CREATE POLICY … TO a, b USING (…)`; none means everyone. */
export function policyRoles(definition: string): string[] {
  const range = policyRange(definition);
  return range.list.flatMap((token) => (isRoleToken(token) ? [identifier(token) ?? ''] : []));
}

/** Gives a policy's roles their new names; undefined where none of them exists: it must not come to hold for everyone. */
export function rewritePolicy(definition: string, map: RoleMap): { text: string | undefined; lost: string[] } {
  const { before, list, after } = policyRange(definition);
  const roles = list.filter(isRoleToken).map((token) => identifier(token) ?? '');
  const lost = roles.filter((role) => map(role) === undefined);
  const kept = roles.flatMap((role) => map(role) ?? []);
  if (roles.length === 0) return { text: definition, lost };
  if (kept.length === 0) return { text: undefined, lost };
  return { text: `${textOf(before)} ${kept.map(quoted).join(', ')} ${textOf(after)}`, lost };
}

function isRoleToken({ kind, text }: Token): boolean {
  return kind === 'name' || (kind === 'word' && !NO_ROLE.has(text.toLowerCase()));
}

function policyRange(definition: string) {
  const all = statements(definition).flat();
  const word = (token: Token, ...words: string[]) => token.kind === 'word' && words.includes(token.text.toUpperCase());
  const start = all.findIndex((token) => word(token, 'TO', 'USING', 'WITH'));
  if (start < 0 || !word(all[start] ?? NOTHING, 'TO')) return { before: all, list: [], after: [] };
  const rest = all.findIndex((token, index) => index > start && (word(token, 'USING', 'WITH') || token.text === ';'));
  const end = rest < 0 ? all.length : rest;
  return { before: all.slice(0, start + 1), list: all.slice(start + 1, end), after: all.slice(end) };
}
