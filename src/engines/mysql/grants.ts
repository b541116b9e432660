import type { Privilege } from '../engine.ts';
import type { Server } from './server.ts';
import { quoteName } from './sql-text.ts';

/** What an account may do, as SHOW GRANTS says it. */
export interface Grants {
  /** On the whole server or on this database. */
  has(privilege: string): boolean;
  /** On the whole server: ALL on one database does not hold rights that only exist there. */
  hasOnServer(privilege: string): boolean;
  readonly account: string;
}

const GRANT = /^GRANT (.*?) ON (?:PROCEDURE |FUNCTION |PACKAGE (?:BODY )?)?(\S.*?) TO /s;

/** Reads the grants of the session's own account, its active roles included. */
export async function readGrants(server: Server, database: string): Promise<Grants> {
  const [who] = await server.rows('SELECT CURRENT_USER() AS account');
  const rows = await server.rows('SHOW GRANTS');
  const grants = rows.flatMap((row) => grantedIn(Object.values(row)[0] ?? ''));
  const held = new Set(grants.filter(({ scope }) => coversDatabase(scope, database)).map(({ name }) => name));
  const onServer = new Set(grants.filter(({ scope }) => scope === '*.*').map(({ name }) => name));
  const isHeld = (set: ReadonlySet<string>, privilege: string) => set.has('ALL PRIVILEGES') || set.has(privilege);
  return {
    has: (privilege) => isHeld(held, privilege),
    hasOnServer: (privilege) => isHeld(onServer, privilege),
    account: who?.account ?? '',
  };
}

/** The privileges of one line, and what they are on. Column lists count for nothing. */
function grantedIn(line: string): { name: string; scope: string }[] {
  const [, privileges = '', scope = ''] = GRANT.exec(line) ?? [];
  return privileges.split(/,(?![^(]*\))/).map((name) => ({ name: name.trim().toUpperCase(), scope }));
}

/** `*.*`, `db`.*, or a pattern with % and _ that a backslash makes literal. */
function coversDatabase(scope: string, database: string): boolean {
  if (scope === '*.*') return true;
  const pattern = /^`((?:[^`]|``)+)`\.\*$/.exec(scope)?.[1]?.replaceAll('``', '`');
  if (pattern === undefined) return false;
  return new RegExp(`^${pattern.replace(PATTERN_TOKEN, patternSource)}$`, 'u').test(database);
}

const PATTERN_TOKEN = /\\[\\%_]|[%_]|[\^$.|?*+()[\]{}\\]/g;

function patternSource(token: string): string {
  if (token === '%') return '[\\s\\S]*';
  if (token === '_') return '[\\s\\S]';
  if (token.length === 1) return `\\${token}`;
  return token === '\\\\' ? token : token.slice(1);
}

interface Need {
  readonly privilege: string;
  readonly scope: 'database' | 'server' | 'mysql.proc';
  /** Why a dump without it would be wrong; undefined where it only helps. */
  readonly because: string | undefined;
}

/** What a whole dump needs. Without the first five, objects would be missing without a word (F5, F15). */
function needs(server: Server): readonly Need[] {
  return [
    { privilege: 'SELECT', scope: 'database', because: 'tables without it are left out' },
    { privilege: 'SHOW VIEW', scope: 'database', because: 'views cannot be read' },
    { privilege: 'TRIGGER', scope: 'database', because: 'triggers are left out' },
    { privilege: 'EVENT', scope: 'database', because: 'events cannot be read' },
    routineNeed(server),
    { privilege: 'PROCESS', scope: 'server', because: undefined },
  ];
}

/** The right to read other people's routines has another name on nearly every server. */
function routineNeed({ flavour, numbers: [major = 0, minor = 0, patch = 0] }: Server): Need {
  const because = 'routines of other accounts are left out';
  const after = (a: number, b: number, c = 0) =>
    major > a || (major === a && (minor > b || (minor === b && patch >= c)));
  if (flavour === 'MySQL' && after(8, 0, 20)) return { privilege: 'SHOW_ROUTINE', scope: 'server', because };
  if (flavour === 'MariaDB' && after(11, 3)) return { privilege: 'SHOW CREATE ROUTINE', scope: 'database', because };
  return { privilege: 'SELECT', scope: 'mysql.proc', because };
}

export interface JudgedPrivilege extends Privilege {
  /** One sentence where the lack of it refuses a dump. */
  readonly obstacle: string | undefined;
}

/** Every right a dump wants, with the exact statement that grants it. */
export async function judgePrivileges(server: Server, database: string): Promise<readonly JudgedPrivilege[]> {
  const grants = await readGrants(server, database);
  const result: JudgedPrivilege[] = [];
  for (const need of needs(server)) {
    const granted = await isGranted(server, grants, need);
    result.push(judge(need, granted, { database, account: grants.account }));
  }
  return result;
}

async function isGranted(server: Server, grants: Grants, { privilege, scope }: Need): Promise<boolean> {
  if (scope === 'database') return grants.has(privilege);
  return scope === 'server' ? grants.hasOnServer(privilege) : mayReadProc(server);
}

async function mayReadProc(server: Server): Promise<boolean> {
  return server.rows('SELECT 1 FROM mysql.proc LIMIT 1').then(
    () => true,
    () => false,
  );
}

function judge(
  { privilege, scope, because }: Need,
  granted: boolean,
  at: { database: string; account: string },
): JudgedPrivilege {
  const place = scope === 'database' ? `${escapedDatabase(at.database)}.*` : scope === 'server' ? '*.*' : 'mysql.proc';
  const remedy = `GRANT ${privilege} ON ${place} TO ${quotedAccount(at.account)};`;
  const name = scope === 'mysql.proc' ? 'SELECT ON mysql.proc' : privilege;
  const obstacle = granted || because === undefined ? undefined : `${name} is missing, so ${because}: ${remedy}`;
  return { name, granted, remedy, obstacle };
}

/** In GRANT a database name is a pattern. */
function escapedDatabase(name: string): string {
  return quoteName(name.replace(/[\\%_]/g, '\\$&'));
}

function quotedAccount(account: string): string {
  const at = account.lastIndexOf('@');
  return `${quoteName(account.slice(0, at))}@${quoteName(account.slice(at + 1))}`;
}
