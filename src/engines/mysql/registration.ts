import type { EngineRegistration } from '../engine.ts';

/** How a MySQL or MariaDB is registered: with a user; the password may come from elsewhere, or there is none. */
export const registration: EngineRegistration = {
  login: 'user',
  tls: ['verify-full', 'verify-ca', 'require', 'disable'],
  // One name serves its programs for dialling and for TLS.
  tunnelTls: ['require', 'disable'],
  tools: ['mariadb-dump', 'mariadb', 'mysqldump', 'mysql'],
  guide: `-- As an administrator. Choose a long random password, and the host the dumps come from instead of %.
CREATE USER 'backup'@'%' IDENTIFIED BY '...' REQUIRE SSL;
-- For each database that is to be backed up:
GRANT SELECT, SHOW VIEW, TRIGGER, EVENT ON \`your database\`.* TO 'backup'@'%';
-- To see what holds a dump up:
GRANT PROCESS ON *.* TO 'backup'@'%';
-- Routines of other accounts; one of these, by the server's version:
--   MySQL 8.0.20 and newer
GRANT SHOW_ROUTINE ON *.* TO 'backup'@'%';
--   MariaDB 11.3 and newer
-- GRANT SHOW CREATE ROUTINE ON \`your database\`.* TO 'backup'@'%';
--   older ones
-- GRANT SELECT ON mysql.proc TO 'backup'@'%';
-- Only where accounts and grants are saved too, which a backup of all databases does:
-- GRANT SELECT ON mysql.* TO 'backup'@'%';
`,
};
