import type { Pool } from 'pg';
import { Failure } from '../domain/failure.ts';

/** Roles without which the catalog does not start. `queue` owns the job library's schema and sees no tenant table. */
const LOGINS = ['migrator', 'app', 'queue'] as const;

/**
 * What an administrator runs once on an empty server; on one machine the service does it itself. Passwords are bound as
 * literals by the server's own quoting function, never by text of ours.
 */
export function roleStatements(database: string): string[] {
  const name = `"${database.replaceAll('"', '""')}"`;
  return [
    'CREATE ROLE finder NOLOGIN NOSUPERUSER NOBYPASSRLS',
    ...LOGINS.map((role) => `CREATE ROLE ${role} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOBYPASSRLS`),
    'GRANT finder TO migrator',
    `ALTER DATABASE ${name} OWNER TO migrator`,
    `REVOKE ALL ON DATABASE ${name} FROM PUBLIC`,
    `GRANT CONNECT ON DATABASE ${name} TO app, queue`,
    'ALTER SCHEMA public OWNER TO migrator',
    'REVOKE ALL ON SCHEMA public FROM PUBLIC',
    'GRANT USAGE ON SCHEMA public TO app',
    'CREATE SCHEMA queue AUTHORIZATION queue',
  ];
}

const TOO_POWERFUL = `
  SELECT CASE
    WHEN rolsuper THEN 'is a superuser'
    WHEN rolbypassrls THEN 'bypasses row security'
    WHEN rolcreaterole THEN 'may create roles'
    WHEN EXISTS (SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = 'public' AND c.relowner = r.oid) THEN 'owns tables'
    WHEN EXISTS (SELECT FROM pg_roles o WHERE o.oid <> r.oid AND pg_has_role(r.oid, o.oid, 'MEMBER')) THEN 'is a member of another role'
  END AS why
  FROM pg_roles r WHERE rolname = current_user`;

const UNPROTECTED = `
  SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND c.relname NOT LIKE 'kysely_%'
    AND NOT (c.relrowsecurity AND c.relforcerowsecurity)`;

/** Refuses to start with a role that row security does not bind, or with a table it does not cover (F92). */
export async function requireHarmlessRole(pool: Pool): Promise<void> {
  const { rows } = await pool.query<{ why: string | null }>(TOO_POWERFUL);
  const why = rows[0]?.why;
  if (why) {
    throw new Failure(
      'privilege_missing',
      `The catalog's application role ${why}, so tenants would not be kept apart.`,
      {
        remedy: 'Give CATALOG_URL the role "app" as docs/security.md describes it.',
      },
    );
  }
  const bare = await pool.query<{ relname: string }>(UNPROTECTED);
  if (bare.rows.length > 0) {
    throw new Failure('privilege_missing', `The catalog's table ${bare.rows[0]?.relname} is not under row security.`, {
      remedy: 'Run the migrations of this release with CATALOG_OWNER_URL.',
    });
  }
}
