import { hash } from 'node:crypto';
import type { Session } from '../session.ts';

const OBJECTS = `select 'role ' || rolname as entry, jsonb_build_array(rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin,
    rolreplication, rolbypassrls, rolconnlimit, rolvaliduntil, rolconfig)::text as body
  from pg_roles where rolname !~ '^pg_'
  union all
  select 'member ' || pg_get_userbyid(member) || ' of ' || pg_get_userbyid(roleid), jsonb_build_array(admin_option)::text
  from pg_auth_members where pg_get_userbyid(roleid) !~ '^pg_' or pg_get_userbyid(member) !~ '^pg_'
  union all
  select 'tablespace ' || spcname, jsonb_build_array(pg_get_userbyid(spcowner), spcoptions)::text
  from pg_tablespace where spcname !~ '^pg_'`;

/** Roles, memberships and tablespaces of a server, by what they may do; no password takes part. */
export async function readObjects(session: Session): Promise<Record<string, string>> {
  const objects: Record<string, string> = {};
  for (const { entry, body } of await session.rows(OBJECTS)) {
    if (typeof entry === 'string') objects[entry] = hash('sha256', body ?? '', 'hex').slice(0, 16);
  }
  return objects;
}
