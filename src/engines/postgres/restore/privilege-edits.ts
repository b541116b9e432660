import type { TocEntry } from '../archive/toc.ts';
import { shownQualified } from '../names.ts';
import type { EditList } from './edits.ts';
import { words } from './object-kinds.ts';
import { rolesOf } from './roles-in-sql.ts';
import type { Target } from './target.ts';

/** Kinds that only a superuser may make, with the reason. */
const SUPERUSERS_KINDS: Readonly<Record<string, string>> = {
  'ACCESS METHOD': 'only a superuser may create access methods',
  'EVENT TRIGGER': 'only a superuser may create event triggers',
  'FOREIGN DATA WRAPPER': 'only a superuser may create foreign data wrappers',
  'OPERATOR CLASS': 'only a superuser may create operator classes',
  'OPERATOR FAMILY': 'only a superuser may create operator families',
  'PROCEDURAL LANGUAGE': 'only a superuser may create languages',
  'PUBLICATION TABLES IN SCHEMA': 'only a superuser may publish whole schemas',
  SUBSCRIPTION: 'only a superuser may create subscriptions',
  'TEXT SEARCH PARSER': 'only a superuser may create text search parsers',
  'TEXT SEARCH TEMPLATE': 'only a superuser may create text search templates',
};

/** What a cloud's administrator may do although no superuser. */
const MANAGED_KINDS = new Set([
  'EVENT TRIGGER',
  'PUBLICATION',
  'PUBLICATION TABLES IN SCHEMA',
  'EXTENSION',
  'SUBSCRIPTION',
]);

/** Signs in a definition that it takes a superuser. */
const SIGNS: readonly (readonly [kind: string, sign: RegExp, reason: string])[] = [
  ['FUNCTION', /^\s*LANGUAGE (?:c|internal)\b/m, 'only a superuser may create functions in C'],
  ['FUNCTION', /^\s*LANGUAGE .*\bLEAKPROOF\b/m, 'only a superuser may create leakproof functions'],
  ['TYPE', /^\s*INPUT = /m, 'only a superuser may create base types'],
  ['TYPE', /^CREATE TYPE (?:[^\s"]|"(?:[^"]|"")*")+;\s*$/, 'only a superuser may create base types'],
  ['SHELL TYPE', /./, 'only a superuser may create base types'],
  ['CAST', /WITHOUT FUNCTION/, 'only a superuser may create casts without a function'],
  ['PUBLICATION', /FOR ALL TABLES/, 'only a superuser may publish all tables'],
];

/** Leaves out what this role may not make, and what hangs on it. A superuser may make everything. */
export function editForPrivileges(list: EditList, target: Target): void {
  editExtensions(list, target);
  if (target.superuser) return;
  editAccessMethods(list);
  const reasons = new Map<number, string>();
  for (const entry of list.entries) {
    const reason = reasonAgainst(entry, target);
    if (reason !== undefined) reasons.set(entry.id, reason);
  }
  list.leaveOut(reasons);
  if (!target.bypassesRowSecurity) editRefreshes(list);
  list.map((entry) => withoutForeignGrants(list, entry, target));
}

function reasonAgainst(entry: TocEntry, target: Target): string | undefined {
  if (target.managedAdmin && MANAGED_KINDS.has(entry.kind)) return undefined;
  const byKind = SUPERUSERS_KINDS[entry.kind];
  if (byKind !== undefined) return byKind;
  return SIGNS.find(([kind, sign]) => kind === entry.kind && sign.test(entry.definition))?.[2];
}

/** Extensions that are not to be had here, or only for a superuser; and comments on those that are not ours. */
function editExtensions(list: EditList, target: Target): void {
  const extensions = list.entries.filter(({ kind }) => kind === 'EXTENSION');
  const reasons = new Map<number, string>();
  for (const { id, tag } of extensions) {
    const reason = reasonAgainstExtension(tag, target);
    if (reason !== undefined) reasons.set(id, reason);
  }
  list.leaveOut(reasons);
  const foreign = extensions.filter(({ tag }) => target.installed.has(tag) && !target.ownExtensions.has(tag));
  const ids = new Set(foreign.map(({ id }) => id));
  list.map((entry) => {
    if (entry.kind !== 'COMMENT' || !entry.dependsOn.some((id) => ids.has(id))) return entry;
    const name = entry.tag.replace(/^EXTENSION /, '');
    list.note(`The ${words(entry)} is not restored: the extension is someone else’s.`, [`comment extension ${name}`]);
    return undefined;
  });
}

function reasonAgainstExtension(name: string, target: Target): string | undefined {
  if (target.installed.has(name)) return undefined;
  const installable = target.extensions.get(name);
  if (installable === undefined) return `the extension ${name} is not available on this server`;
  const strong = target.superuser || target.managedAdmin;
  return installable === 'superuser' && !strong ? `only a superuser may install the extension ${name}` : undefined;
}

/** A materialized view over a table that forces row security on its owner cannot be filled: it would be a part only. */
function editRefreshes(list: EditList): void {
  const forced = new Set(
    list.entries
      .filter(({ kind, definition }) => kind === 'TABLE' && definition.includes(' FORCE ROW LEVEL SECURITY;'))
      .map(({ id }) => id),
  );
  if (forced.size === 0) return;
  // Entries stand behind what they need.
  const above = new Set(forced);
  for (const { id, dependsOn } of list.entries) if (dependsOn.some((need) => above.has(need))) above.add(id);
  list.map((entry) => {
    if (entry.kind !== 'MATERIALIZED VIEW DATA' || !above.has(entry.id)) return entry;
    const view = `materialized view ${shownQualified(entry.schema, entry.tag)}`;
    list.note(
      `The ${view} is left empty: row-level security is forced on a table that it reads. Run REFRESH as a role with BYPASSRLS.`,
      [view],
    );
    return undefined;
  });
}

/** A table without its access method is still the table: it gets the default one. */
function editAccessMethods(list: EditList): void {
  const methods = new Set(list.entries.filter(({ kind }) => kind === 'ACCESS METHOD').map(({ id }) => id));
  if (methods.size === 0) return;
  list.flag('--no-table-access-method');
  list.map((entry) => {
    if (entry.kind !== 'TABLE' && entry.kind !== 'MATERIALIZED VIEW') return entry;
    if (!entry.dependsOn.some((id) => methods.has(id))) return entry;
    list.note(`The ${words(entry)} uses the default access method.`, list.naming.part(entry, ''));
    return { ...entry, dependsOn: entry.dependsOn.filter((id) => !methods.has(id)) };
  });
}

/** Grants in another's name, on the server's own objects, or by default for roles that we are not. */
function withoutForeignGrants(list: EditList, entry: TocEntry, target: Target): TocEntry | undefined {
  if (
    entry.kind === 'DEFAULT ACL' &&
    !rolesOf(entry.definition)
      .slice(0, 1)
      .every((role) => target.ours.has(role))
  ) {
    list.note(`The default access of ${entry.owner} is not restored: ${target.role} may not set it.`, [
      'default acl *',
    ]);
    return undefined;
  }
  if (entry.kind !== 'ACL') return entry;
  if (entry.schema === 'pg_catalog' || entry.schema === 'information_schema' || entry.tag === 'SCHEMA pg_catalog') {
    list.note(`The access list of ${entry.schema} ${entry.tag} is not restored: it is the server’s own.`, [
      'acl function *',
      'acl relation *',
      'acl schema pg_catalog',
    ]);
    return undefined;
  }
  if (!/^SET SESSION AUTHORIZATION/m.test(entry.definition)) return entry;
  const definition = entry.definition.replace(
    /^SET SESSION AUTHORIZATION [\s\S]*?RESET SESSION AUTHORIZATION;\n?/gm,
    '',
  );
  list.note(
    `Grants by others than the owner on ${entry.schema} ${entry.tag} are not restored.`,
    accountedGrants(list, entry),
  );
  return definition.trim() === '' ? undefined : { ...entry, definition };
}

function accountedGrants(list: EditList, entry: TocEntry): string[] {
  const object = list.naming.object(entry);
  return object === undefined ? ['acl *'] : list.naming.part(object, 'acl ');
}
