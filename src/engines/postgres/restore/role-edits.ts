import type { TocEntry } from '../archive/toc.ts';
import type { EditList } from './edits.ts';
import { words } from './object-kinds.ts';
import { policyRoles, type RoleMap, rewritePolicy, rewriteRoles, rolesOf } from './roles-in-sql.ts';
import type { Target } from './target.ts';

/** Kinds whose definition names roles after TO, FROM or FOR. */
const WITH_ROLES = new Set(['ACL', 'DEFAULT ACL', 'USER MAPPING']);

/** Every role that an archive speaks of: owners, grantees, grantors, policies, mappings. */
export function mentionedRoles(entries: readonly TocEntry[]): string[] {
  return [...new Set(entries.flatMap(rolesOfEntry))];
}

function rolesOfEntry(entry: TocEntry): string[] {
  const owner = entry.owner === '' ? [] : [entry.owner];
  if (entry.kind === 'POLICY') return [...owner, ...policyRoles(entry.definition)];
  return WITH_ROLES.has(entry.kind) ? [...owner, ...rolesOf(entry.definition)] : owner;
}

export interface RoleWish {
  readonly owners: boolean;
  readonly acls: boolean;
  readonly roles: Readonly<Record<string, string>>;
}

/** Owners, grants, policies and mappings for the roles that are there; whatever cannot be kept is said. */
export function editRoles(list: EditList, target: Target, wish: RoleWish): void {
  const mapped: RoleMap = (role) => {
    const to = Object.hasOwn(wish.roles, role) ? wish.roles[role] : role;
    return to !== undefined && target.roles.has(to) ? to : undefined;
  };
  if (!wish.owners) {
    list.flag('--no-owner');
    list.note(`Everything belongs to ${target.role}: owners were not asked for.`, ['owner *']);
  }
  if (!wish.acls) {
    list.flag('--no-acl');
    list.note('Access lists were not asked for.', ['acl *', 'default acl *']);
  }
  const schemaOwners = ownersOfSchemas(list.entries);
  list.map((entry) => {
    const owned = wish.owners ? withOwner(list, entry, { target, mapped, schemaOwners }) : entry;
    return withRoles(list, owned, { mapped, acls: wish.acls });
  });
}

interface OwnerContext {
  readonly target: Target;
  readonly mapped: RoleMap;
  readonly schemaOwners: ReadonlyMap<string, string>;
}

function withOwner(list: EditList, entry: TocEntry, context: OwnerContext): TocEntry {
  const { target, mapped } = context;
  if (entry.owner === '') return entry;
  // The schema `public` belongs to whoever owns the database, in every new database.
  if (entry.owner === 'pg_database_owner') return target.superuser ? entry : { ...entry, owner: '' };
  const wanted = mapped(entry.owner);
  const owner = wanted !== undefined && mayOwn(entry, wanted, context) ? wanted : '';
  if (owner === entry.owner) return entry;
  const now = owner === '' ? target.role : owner;
  if (now !== entry.owner) {
    list.note(
      `What belonged to ${entry.owner} belongs to ${now}${reasonFor(owner, wanted, target)}.`,
      list.naming.part(entry, 'owner '),
    );
  }
  return { ...entry, owner };
}

function reasonFor(owner: string, wanted: string | undefined, { role }: Target): string {
  if (owner !== '') return '';
  return wanted === undefined ? ': there is no such role here' : `: ${role} may not give it away`;
}

/** Whether only a superuser may own it. */
function needsSuperuser({ kind, definition }: TocEntry): boolean {
  if (kind === 'PUBLICATION') return /FOR ALL TABLES/.test(definition);
  return ['FOREIGN DATA WRAPPER', 'EVENT TRIGGER', 'SUBSCRIPTION'].includes(kind);
}

/** Roles that a scratch server must have as superusers. */
export function superuserOwners(entries: readonly TocEntry[]): Set<string> {
  return new Set(entries.filter(needsSuperuser).map(({ owner }) => owner));
}

/** A new owner must be one of us and be allowed to create in the schema; only a schema that is its own is sure to let it. */
function mayOwn(entry: TocEntry, owner: string, { target, mapped, schemaOwners }: OwnerContext): boolean {
  if (needsSuperuser(entry) && !target.superusers.has(owner)) return false;
  if (target.superuser) return true;
  if (owner === target.role) return true;
  if (!target.ours.has(owner)) return false;
  if (entry.kind === 'SCHEMA') return target.creators.has(owner);
  const schemaOwner = schemaOwners.get(entry.schema);
  return schemaOwner !== undefined && mapped(schemaOwner) === owner && target.creators.has(owner);
}

function ownersOfSchemas(entries: readonly TocEntry[]): Map<string, string> {
  return new Map(entries.filter(({ kind }) => kind === 'SCHEMA').map(({ tag, owner }) => [tag, owner]));
}

interface GrantContext {
  readonly mapped: RoleMap;
  readonly acls: boolean;
}

function withRoles(list: EditList, entry: TocEntry, context: GrantContext): TocEntry | undefined {
  if (entry.kind === 'POLICY') return withPolicy(list, entry, context.mapped);
  if (!WITH_ROLES.has(entry.kind)) return entry;
  if (!context.acls && entry.kind !== 'USER MAPPING') return entry;
  const { text, lost } = rewriteRoles(entry.definition, context.mapped);
  if (text === entry.definition) return entry;
  if (lost.length > 0)
    list.note(
      `${sentence(entry)} for ${[...new Set(lost)].join(', ')} is left out: no such role here.`,
      accounted(list, entry),
    );
  else list.note(`${sentence(entry)} is for other roles, as asked.`, accounted(list, entry));
  return text.trim() === '' ? undefined : { ...entry, definition: text };
}

function withPolicy(list: EditList, entry: TocEntry, mapped: RoleMap): TocEntry | undefined {
  const { text, lost } = rewritePolicy(entry.definition, mapped);
  const original = policyRoles(entry.definition);
  const names = [...list.naming.part(entry, ''), ...list.naming.part(entry, 'query ')];
  if (lost.length > 0) list.note(`The ${words(entry)} does not name ${lost.join(', ')}: no such role here.`, names);
  if (text === undefined) return undefined;
  if (original.every((role) => mapped(role) === role)) return entry;
  if (lost.length === 0) list.note(`The ${words(entry)} is for other roles, as asked.`, list.naming.part(entry, ''));
  return { ...entry, definition: text };
}

function sentence(entry: TocEntry): string {
  return entry.kind === 'USER MAPPING'
    ? `The ${words(entry)}`
    : `The ${entry.kind === 'ACL' ? 'access list of' : 'default access in'} ${entry.schema === '' ? '' : `${entry.schema} `}${entry.tag}`;
}

function accounted(list: EditList, entry: TocEntry): string[] {
  if (entry.kind !== 'ACL') return list.naming.part(entry, '');
  if (entry.tag.startsWith('COLUMN ')) return ['acl column *'];
  const object = list.naming.object(entry);
  return object === undefined ? ['acl *'] : list.naming.part(object, 'acl ');
}
