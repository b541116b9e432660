import type { Connection, Privilege, Probe, Workbench } from '../engine.ts';
import { isOurs } from './inventory/sql.ts';
import { readTables } from './inventory/tables.ts';
import { quoted, shownName } from './names.ts';
import { hasOneBackend, POOLED } from './pooler.ts';
import { readVersion } from './server-version.ts';
import { applicationName, type Session, withSession } from './session.ts';

/** How many names a sentence lists. */
const NAMED = 5;

/** A first look: what is there, what may be read, and what stands in the way of a whole dump. */
export async function probe(bench: Workbench, source: Connection): Promise<Probe> {
  const at = { ...source, database: source.database === '' ? 'postgres' : source.database };
  return withSession(at, { applicationName: applicationName(bench, ' look'), signal: bench.signal }, (session) =>
    look(session, at),
  );
}

async function look(session: Session, source: Connection): Promise<Probe> {
  const { version, major } = await readVersion(session);
  const pooled = !(await hasOneBackend(session));
  const [size] = await session.rows('select pg_database_size(current_database())::text as bytes');
  const tables = await readTables(session);
  const limited = await rowSecurity(session);
  return {
    flavour: 'PostgreSQL',
    version,
    major,
    bytes: Number(size?.bytes),
    tables: tables.map(({ shown }) => shown),
    privileges: await privileges(session, source),
    warnings: await warnings(session, source),
    obstacles: [...(pooled ? [POOLED] : []), ...(limited === undefined ? [] : [limited])],
  };
}

/** pg_dump refuses to dump a table of which it would see a part; better said before (F6). */
async function rowSecurity(session: Session): Promise<string | undefined> {
  const rows = await session.rows(
    `select c.oid::regclass::text as name, current_user::text as role from pg_class c
      where c.relrowsecurity and c.relkind in ('r', 'p') and ${isOurs('pg_class', 'c.oid')} and row_security_active(c.oid) order by 1`,
  );
  const role = rows[0]?.role;
  if (role === undefined || role === null) return undefined;
  return `Row-level security hides rows of ${names(rows.map((row) => row.name ?? ''))} from ${role}. Dump as the tables’ owner, or run: ALTER ROLE ${shownName(role)} BYPASSRLS`;
}

async function privileges(session: Session, source: Connection): Promise<Privilege[]> {
  const role = quoted(source.user);
  const [row] = await session.rows(PRIVILEGES);
  return [
    {
      name: `connect to ${source.database}`,
      granted: row?.connect === 't',
      remedy: `GRANT CONNECT ON DATABASE ${quoted(source.database)} TO ${role}`,
    },
    {
      name: `use every schema${listed(row?.schemas)}`,
      granted: row?.schemas === null,
      remedy: `GRANT pg_read_all_data TO ${role}`,
    },
    {
      name: `read every table and sequence${listed(row?.relations)}`,
      granted: row?.relations === null,
      remedy: `GRANT pg_read_all_data TO ${role}`,
    },
    {
      name: `read every large object${listed(row?.objects)}`,
      granted: row?.objects === null,
      remedy: `ALTER ROLE ${role} SET lo_compat_privileges = on`,
    },
  ];
}

const PRIVILEGES = `select has_database_privilege(current_database(), 'connect') as connect,
  (select string_agg(n.nspname, ', ') from pg_namespace n
    where n.nspname !~ '^pg_' and n.nspname <> 'information_schema' and not has_schema_privilege(n.oid, 'usage')) as schemas,
  (select string_agg(x.name, ', ') from (select c.oid::regclass::text as name from pg_class c
    where c.relkind in ('r', 'p', 'S') and ${isOurs('pg_class', 'c.oid')} and c.relpersistence <> 't'
      and not case c.relkind when 'S' then has_sequence_privilege(c.oid, 'select') else has_table_privilege(c.oid, 'select') end
    order by 1 limit ${NAMED}) x) as relations,
  (select string_agg(x.oid::text, ', ') from (select l.oid from pg_largeobject_metadata l
    where not pg_has_role(l.lomowner, 'usage') and current_setting('lo_compat_privileges') <> 'on'
      and not exists (select from aclexplode(l.lomacl) a where a.privilege_type = 'SELECT' and (a.grantee = 0 or pg_has_role(a.grantee, 'usage')))
      and not (select rolsuper from pg_roles where rolname = current_user)
    order by 1 limit ${NAMED}) x) as objects`;

/** What will be missing from a dump, or is worth knowing before one. */
async function warnings(session: Session, source: Connection): Promise<string[]> {
  const [row] = await session.rows(WARNINGS);
  const found: string[] = [];
  const say = (value: string | null | undefined, sentence: (value: string) => string) => {
    if (value !== null && value !== undefined) found.push(sentence(value));
  };
  say(row?.standby, () => 'This is a standby: a long dump may be ended by changes it must replay (F12).');
  say(row?.subscriptions, (n) => `${n} subscription(s) are left out: only a superuser may read them.`);
  say(
    row?.mappings,
    (n) => `The options of ${n} user mapping(s) are left out: only their owners and superusers may read them.`,
  );
  say(row?.invalid, (text) => `Invalid indexes are not dumped: ${text}. Rebuild or drop them.`);
  say(
    row?.foreign_tables,
    (n) => `${n} foreign table(s): their definition is dumped, their rows stay on their own server.`,
  );
  say(
    row?.prepared,
    (n) => `${n} prepared transaction(s) hold locks and old rows; what they changed is not in a dump.`,
  );
  if (source.tls.mode === 'disable' && !isLocal(source))
    found.push('The connection is not encrypted (sslmode=disable).');
  if (source.tls.mode === 'require') found.push('The server’s certificate is not checked (sslmode=require).');
  if (source.options.require_auth !== undefined) {
    found.push(`The server may ask for the password by ${source.options.require_auth}, as the URL consents.`);
  }
  return found;
}

const WARNINGS = `select case when pg_is_in_recovery() then 'yes' end as standby,
  (select nullif(count(*), 0)::text from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())
    and not (select rolsuper from pg_roles where rolname = current_user)) as subscriptions,
  (select nullif(count(*), 0)::text from pg_user_mappings where umoptions is null
    and not (select rolsuper from pg_roles where rolname = current_user)) as mappings,
  (select string_agg(x.name, ', ') from (select i.indexrelid::regclass::text as name from pg_index i join pg_class t on t.oid = i.indrelid
    where not i.indisvalid and t.relkind <> 'p' and ${isOurs('pg_class', 't.oid')} order by 1 limit ${NAMED}) x) as invalid,
  (select nullif(count(*), 0)::text from pg_foreign_table) as foreign_tables,
  (select nullif(count(*), 0)::text from pg_prepared_xacts where database = current_database()) as prepared`;

function isLocal({ host }: Connection): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.') || host.startsWith('/');
}

function listed(missing: string | null | undefined): string {
  return typeof missing === 'string' ? ` (not ${missing})` : '';
}

function names(all: readonly string[]): string {
  const more = all.length > NAMED ? ` and ${all.length - NAMED} more` : '';
  return `${all.slice(0, NAMED).join(', ')}${more}`;
}
