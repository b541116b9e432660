import { messageOf } from '../../../domain/failure.ts';
import { type AccessEntry, readAccess, readFacts } from '../inventory/facts.ts';
import { literal, quoted } from '../names.ts';
import type { Session } from '../session.ts';
import type { EditList } from './edits.ts';
import type { RoleMap } from './roles-in-sql.ts';

type Facts = Readonly<Record<string, string>>;
type Notes = Pick<EditList, 'note'>;

/** Fixed when a database is made. */
const FIXED = ['encoding', 'collate', 'ctype', 'provider', 'locale', 'icu rules'] as const;
/** Settings whose value is a list of names, as the catalogue keeps it: already quoted where it must be. */
const LISTS = new Set([
  'search_path',
  'session_preload_libraries',
  'local_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'DateStyle',
]);

interface Change {
  /** Name of the fact. */
  readonly fact: string;
  readonly statement: string;
}

/**
 * Gives the database what pg_restore does not: owner, access, comment, connection limit, settings. One by one, so that
 * one that is refused costs nothing but itself; each refusal is said.
 */
export async function applyFacts(
  session: Session,
  facts: Facts,
  wish: { readonly notes: Notes; readonly roles: RoleMap },
) {
  const [row] = await session.rows('select current_database() as name');
  const database = quoted(row?.name ?? '');
  const before = await readFacts(session);
  sayFixed(facts, before, wish.notes);
  for (const { fact, statement } of changes(facts, before, { ...wish, database })) {
    try {
      await session.rows(statement);
    } catch (error) {
      wish.notes.note(`The database’s ${fact} is not restored: ${messageOf(error)}.`, [`fact ${fact}`]);
    }
  }
}

function sayFixed(facts: Facts, before: Facts, notes: Notes): void {
  for (const fact of FIXED) {
    if (facts[fact] === before[fact] || facts.encoding === undefined) continue;
    notes.note(`The database has ${fact} ${before[fact] ?? 'none'} instead of ${facts[fact] ?? 'none'}.`, [
      `fact ${fact}`,
    ]);
  }
}

interface Context {
  readonly notes: Notes;
  readonly roles: RoleMap;
  readonly database: string;
}

function changes(facts: Facts, before: Facts, context: Context): Change[] {
  const { database } = context;
  const result: Change[] = [];
  for (const fact of Object.keys(before)) {
    if (/^(?:role )?setting /.test(fact) && facts[fact] === undefined)
      result.push({ fact, statement: `${settingTarget(fact, database)} reset ${settingName(fact)}` });
  }
  for (const [fact, value] of Object.entries(facts)) {
    if (before[fact] !== value) result.push(...changeOf(fact, value, context));
  }
  // The owner last: whoever gives the database away may not be able to change it any more.
  return result.sort((a, b) => Number(a.fact === 'owner') - Number(b.fact === 'owner'));
}

function changeOf(fact: string, value: string, context: Context): Change[] {
  const { database, notes, roles } = context;
  if (fact === 'comment') return [{ fact, statement: `comment on database ${database} is ${literal(value)}` }];
  if (fact === 'connection limit')
    return [{ fact, statement: `alter database ${database} connection limit ${Number(value)}` }];
  if (fact === 'acl') return accessChanges(readAccess(value), context);
  if (fact === 'owner') return ownerChange(value, context);
  if (fact.startsWith('security label ')) {
    return [
      { fact, statement: `security label for ${quoted(fact.slice(15))} on database ${database} is ${literal(value)}` },
    ];
  }
  const role = roleOf(fact);
  if (role !== undefined && roles(role) === undefined) {
    notes.note(`The setting of ${role} in this database is not restored: no such role here.`, [`fact ${fact}`]);
    return [];
  }
  if (!/^(?:role )?setting /.test(fact)) return [];
  const name = settingName(fact);
  const text = LISTS.has(name.slice(1, -1)) ? value : literal(value);
  return [{ fact, statement: `${settingTarget(fact, database, roles)} set ${name} = ${text === '' ? "''" : text}` }];
}

function ownerChange(value: string, { database, notes, roles }: Context): Change[] {
  const owner = roles(value);
  if (owner === undefined) {
    notes.note(`The database does not belong to ${value}: no such role here.`, ['fact owner']);
    return [];
  }
  if (owner !== value) notes.note(`The database belongs to ${owner}, as asked.`, ['fact owner']);
  return [{ fact: 'owner', statement: `alter database ${database} owner to ${quoted(owner)}` }];
}

/** Everyone's rights are taken and given anew, so that the list is the original one. The owner's own are not touched. */
function accessChanges(entries: readonly AccessEntry[], context: Context): Change[] {
  const grants = entries.filter(([grantee]) => grantee !== '<owner>').flatMap((entry) => grantsOf(entry, context));
  return [{ fact: 'acl', statement: [`revoke all on database ${context.database} from public`, ...grants].join('; ') }];
}

function grantsOf([grantee, , privileges, grantable]: AccessEntry, { database, notes, roles }: Context): string[] {
  const to = grantee === 'PUBLIC' ? 'PUBLIC' : roles(grantee);
  if (to === undefined) {
    notes.note(`${grantee} gets no access to the database: no such role here.`, ['fact acl']);
    return [];
  }
  if (to !== grantee) notes.note('Access to the database is for other roles, as asked.', ['fact acl']);
  const grant = (list: readonly string[], suffix: string) =>
    list.length === 0
      ? []
      : [`grant ${list.join(', ')} on database ${database} to ${to === 'PUBLIC' ? 'public' : quoted(to)}${suffix}`];
  return [...grant(privileges, ''), ...grant(grantable, ' with grant option')];
}

/** `role setting NAME parameter`: a role's name may hold spaces, a parameter's does not. */
function roleOf(fact: string): string | undefined {
  return /^role setting (.*) \S+$/s.exec(fact)?.[1];
}

function settingName(fact: string): string {
  const name = fact.slice(fact.lastIndexOf(' ') + 1);
  return name.split('.').map(quoted).join('.');
}

function settingTarget(fact: string, database: string, roles: RoleMap = (role) => role): string {
  const role = roleOf(fact);
  return role === undefined
    ? `alter database ${database}`
    : `alter role ${quoted(roles(role) ?? role)} in database ${database}`;
}
