/** Objects with a smaller id come with every server. */
const FIRST_USER_ID = 16_384;
/** The schema `public` has a fixed id and may be changed or dropped like a user's. */
export const PUBLIC_SCHEMA = 2200;

/** A name as `shownName` writes it: not quote_ident, whose choice depends on the version's list of keywords. */
export function shown(name: string): string {
  return `(case when ${name} ~ '^[a-z_][a-z0-9_]*$' then ${name}::text else '"' || replace(${name}::text, '"', '""') || '"' end)`;
}

/** `schema.name` of expressions for a schema's id and a name. */
export function qualified(schemaId: string, name: string): string {
  return `((select ${shown('ns.nspname')} from pg_namespace ns where ns.oid = ${schemaId}) || '.' || ${shown(name)})`;
}

/** `schema.name` of a relation's id. */
export function relation(id: string): string {
  return `(select ${qualified('rel.relnamespace', 'rel.relname')} from pg_class rel where rel.oid = ${id})`;
}

/** A routine by its id, with its argument types. */
export function routine(id: string): string {
  return `nullif(${id}, 0)::regprocedure::text`;
}

/** Made by a user, not by the server and not by an extension. */
export function isOurs(catalog: string, id: string): string {
  return `${id} >= ${FIRST_USER_ID} and ${notOfExtension(catalog, id)}`;
}

export function notOfExtension(catalog: string, id: string): string {
  return `not exists (select from pg_depend dep where dep.classid = 'pg_catalog.${catalog}'::regclass and dep.objid = ${id} and dep.deptype = 'e')`;
}

/** Options in one order, whatever order they were given in. */
export function sortedOptions(options: string): string {
  return `array(select unnest(${options}) order by 1)`;
}

/** A column that not every version has, as text. */
export function maybe(alias: string, column: string): string {
  return `(to_jsonb(${alias}) ->> '${column}')`;
}

/**
 * An access list as JSON: `[grantee, grantor, privileges, those with grant option]`, sorted. The owner is `<owner>`, so
 * that a copy with another owner compares equal; a full set is `ALL`, since versions add privileges (MAINTAIN in 17).
 */
export function accessList(acl: string, type: string, owner: string): string {
  const role = (id: string) =>
    `case when ${id} = ${owner} then '<owner>' when ${id} = 0 then 'PUBLIC' else pg_get_userbyid(${id})::text end`;
  const all = `(select count(*) from aclexplode(acldefault('${type}', ${owner})) def where def.grantee = ${owner})`;
  const privileges = (filter: string) =>
    `case when count(*) ${filter} >= ${all} then '["ALL"]'::jsonb else coalesce(jsonb_agg(x.privilege_type order by x.privilege_type) ${filter}, '[]'::jsonb) end`;
  return `(select jsonb_agg(g.entry order by g.entry) from (
    select jsonb_build_array(${role('x.grantee')}, ${role('x.grantor')}, ${privileges('filter (where true)')},
      ${privileges(`filter (where x.is_grantable and x.grantee <> ${owner})`)}) as entry
    from aclexplode(${acl}) x group by x.grantee, x.grantor) g)::text`;
}

/** The access list, or null where it says what it would say by default. */
export function changedAccess(acl: string, type: string, owner: string): string {
  const list = accessList(acl, type, owner);
  return `(case when ${acl} is null then null else nullif(coalesce(${list}, '[]'), ${accessList(`acldefault('${type}', ${owner})`, type, owner)}) end)`;
}

export interface ObjectKind {
  readonly catalog: string;
  readonly alias: string;
  /** Further tables; starts with `join` or a comma. */
  readonly joins?: string;
  readonly where?: string;
  /** Whether system and extension objects are left out; false where `where` says it all. */
  readonly everything?: boolean;
  /** SQL text expressions. */
  readonly kind: string;
  readonly name: string;
  /** What makes the object what it is. */
  readonly definition: readonly string[];
  readonly owner?: string;
  readonly acl?: { readonly column: string; readonly type: string };
  readonly comment?: false;
  /** The id of the table it belongs to, where there is one: filters go by it. */
  readonly relation?: string;
  /** Further entries: kind → SQL expression; null means none. */
  readonly more?: Readonly<Record<string, string>>;
}

/** A query with the columns `entry`, `body`, `relation`: one row for each thing that must come back. */
export function entriesQuery(kind: ObjectKind): string {
  const { catalog, alias } = kind;
  const id = `${alias}.oid`;
  const parts: Record<string, string> = { '': `jsonb_build_array(${kind.definition.join(', ')})::text`, ...kind.more };
  if (kind.owner !== undefined) parts.owner = `pg_get_userbyid(${kind.owner})::text`;
  if (kind.acl !== undefined && kind.owner !== undefined) {
    parts.acl = changedAccess(kind.acl.column, kind.acl.type, kind.owner);
  }
  if (kind.comment !== false) parts.comment = `obj_description(${id}, '${catalog}')`;
  const columns = Object.entries(parts).map(([part, body]) => `('${part}${part === '' ? '' : ' '}', ${body})`);
  const ours = kind.everything === true ? 'true' : isOurs(catalog, id);
  return `select part.prefix || ${kind.kind} || ' ' || ${kind.name} as entry, part.body as body, ${kind.relation ?? 'null::oid'}::text as relation
    from pg_catalog.${catalog} ${alias} ${kind.joins ?? ''}
    cross join lateral (values ${columns.join(', ')}) part (prefix, body)
    where ${ours} and (${kind.where ?? 'true'}) and part.body is not null`;
}
