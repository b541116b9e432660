import { isScratch } from '../scratch-mark.ts';
import { readVersion } from '../server-version.ts';
import type { Session } from '../session.ts';

/** What a restore must know of where it goes. */
export interface Target {
  readonly major: number;
  /** The connected role. */
  readonly role: string;
  readonly superuser: boolean;
  readonly bypassesRowSecurity: boolean;
  /** A cloud's administrator, who may do some of what only superusers may elsewhere. */
  readonly managedAdmin: boolean;
  /** A throwaway server of ours. */
  readonly scratch: boolean;
  readonly roles: ReadonlySet<string>;
  readonly superusers: ReadonlySet<string>;
  /** Roles that we are members of, ourselves included. */
  readonly ours: ReadonlySet<string>;
  /** Roles that may create schemas here. */
  readonly creators: ReadonlySet<string>;
  readonly tablespaces: ReadonlySet<string>;
  /** Extension → who may install it. */
  readonly extensions: ReadonlyMap<string, 'anyone' | 'superuser'>;
  readonly installed: ReadonlySet<string>;
  /** Installed extensions that we may comment on. */
  readonly ownExtensions: ReadonlySet<string>;
  readonly languages: ReadonlySet<string>;
}

const MANAGED_ADMINS = "('rds_superuser', 'cloudsqlsuperuser', 'azure_pg_admin', 'alloydbsuperuser')";

export async function readTarget(session: Session): Promise<Target> {
  const { major } = await readVersion(session);
  const names = async (query: string) => new Set((await session.rows(query)).map(({ name }) => name ?? ''));
  const [self] = await session.rows(
    `select current_user::text as role, rolsuper as super, rolbypassrls or rolsuper as bypasses, exists (select from pg_roles m where m.rolname in ${MANAGED_ADMINS}
      and pg_has_role(m.oid, 'member')) as managed from pg_roles where rolname = current_user`,
  );
  const available = await session.rows(
    `select name, bool_or(trusted or not superuser) as anyone from pg_available_extension_versions
      where version = (select default_version from pg_available_extensions e where e.name = pg_available_extension_versions.name) group by name`,
  );
  return {
    major,
    role: self?.role ?? '',
    superuser: self?.super === 't',
    bypassesRowSecurity: self?.bypasses === 't',
    managedAdmin: self?.managed === 't',
    scratch: await isScratch(session),
    roles: await names('select rolname as name from pg_roles'),
    superusers: await names('select rolname as name from pg_roles where rolsuper'),
    ours: await names("select rolname as name from pg_roles where pg_has_role(oid, 'member')"),
    creators: await names(
      "select rolname as name from pg_roles where has_database_privilege(oid, current_database(), 'create')",
    ),
    tablespaces: await names('select spcname as name from pg_tablespace'),
    extensions: new Map(available.map(({ name, anyone }) => [name ?? '', anyone === 't' ? 'anyone' : 'superuser'])),
    installed: await names('select extname as name from pg_extension'),
    ownExtensions: await names("select extname as name from pg_extension where pg_has_role(extowner, 'usage')"),
    languages: await names('select lanname as name from pg_language'),
  };
}
