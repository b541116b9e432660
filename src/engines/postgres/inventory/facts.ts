import type { Row, Session } from '../session.ts';
import { accessList, maybe } from './sql.ts';

/** Grants on a database: grantee, grantor, privileges, those with grant option; as `accessList` writes them. */
export type AccessEntry = readonly [grantee: string, grantor: string, privileges: string[], grantable: string[]];

const DATABASE = `select pg_encoding_to_char(d.encoding) as encoding, d.datcollate as collate, d.datctype as ctype,
    d.datlocprovider as provider, coalesce(${maybe('d', 'datlocale')}, ${maybe('d', 'daticulocale')}) as locale,
    ${maybe('d', 'daticurules')} as "icu rules", pg_get_userbyid(d.datdba)::text as owner,
    case when d.datconnlimit >= 0 then d.datconnlimit::text end as "connection limit",
    ${accessList("coalesce(d.datacl, acldefault('d', d.datdba))", 'd', 'd.datdba')} as acl,
    shobj_description(d.oid, 'pg_database') as comment
  from pg_database d where d.datname = current_database()`;

const SETTINGS = `select case when s.setrole = 0 then 'setting ' else 'role setting ' || pg_get_userbyid(s.setrole) || ' ' end
      || split_part(c, '=', 1) as name, substr(c, strpos(c, '=') + 1) as value
  from pg_db_role_setting s cross join lateral unnest(s.setconfig) c
  where s.setdatabase = (select oid from pg_database where datname = current_database())`;

const LABELS = `select 'security label ' || provider as name, label as value from pg_seclabels
  where objtype = 'database' and objoid = (select oid from pg_database where datname = current_database())`;

/** Facts of the database as a whole, in clear: what pg_dump leaves out and `create` or the end of a restore brings back. */
export async function readFacts(session: Session): Promise<Record<string, string>> {
  const [database] = await session.rows(DATABASE);
  const facts: Record<string, string> = {};
  for (const [name, value] of Object.entries(database ?? {})) if (value !== null) facts[name] = value;
  for (const row of [...(await session.rows(SETTINGS)), ...(await session.rows(LABELS))]) addSetting(facts, row);
  return facts;
}

function addSetting(facts: Record<string, string>, { name, value }: Row): void {
  if (typeof name === 'string') facts[name] = value ?? '';
}

/** The access list of a fact, for applying it. Anything that is not one counts as empty. */
export function readAccess(fact: string | undefined): AccessEntry[] {
  const parsed: unknown = fact === undefined ? [] : JSON.parse(fact);
  return Array.isArray(parsed) ? (parsed as AccessEntry[]) : [];
}
