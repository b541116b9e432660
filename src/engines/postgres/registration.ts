import type { EngineRegistration } from '../engine.ts';

/** How a PostgreSQL is registered: always with a user and a password, best one that may read and nothing else. */
export const registration: EngineRegistration = {
  login: 'user-and-password',
  tls: ['verify-full', 'verify-ca', 'require', 'disable'],
  tools: ['pg_dump', 'pg_restore', 'pg_dumpall', 'psql'],
  guide: `-- As a superuser, once on the server. Choose a long random password.
CREATE ROLE backup LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '...';
-- Everything there is and will be may be read, nothing written. That includes the hashes of passwords in pg_authid: guard
-- this login as you would an administrator's.
GRANT pg_read_all_data TO backup;
-- Large objects that belong to others.
ALTER ROLE backup SET lo_compat_privileges = on;
-- For each database that is to be backed up:
GRANT CONNECT ON DATABASE "your database" TO backup;
-- Only where tables have row-level security: without it their rows would be missing, and a backup is refused.
-- ALTER ROLE backup BYPASSRLS;
`,
};
