import { Failure, messageOf } from '../../../domain/failure.ts';
import type { Server } from '../server.ts';
import { quoteName } from '../sql-text.ts';
import { grantedBy } from './account-of.ts';
import { splitDefaultRoles, withoutHashes, withoutLogin } from './login-clause.ts';

/** An account or role of a server, as statements that make it. */
export interface Account {
  /** `user a@%`, `role readers`. */
  readonly name: string;
  readonly create: string;
  /** Rights, roles and default roles, each given to this account alone. */
  readonly grants: readonly string[];
}

export interface ServerAccounts {
  readonly accounts: readonly Account[];
  /** Accounts that the server itself would not show, one sentence each. */
  readonly warnings: readonly string[];
}

/** Accounts that a server makes for itself at set-up, each version its own. */
const OF_THE_SERVER = new Set([
  'mariadb.sys@localhost',
  'mysql.sys@localhost',
  'mysql.session@localhost',
  'mysql.infoschema@localhost',
]);

/** Every account and role of a server by what SHOW CREATE USER and SHOW GRANTS say; hashes only where asked for. */
export async function readAccounts(server: Server, passwordHashes: boolean): Promise<ServerAccounts> {
  const isMaria = server.flavour === 'MariaDB';
  // A hash may hold any byte; in hexadecimal it travels as text. Older servers do not know the setting.
  if (!isMaria) await server.run('SET SESSION print_identified_with_as_hex = ON').catch(() => undefined);
  const accounts: Account[] = [];
  const warnings: string[] = [];
  for (const who of await listAccounts(server, isMaria)) {
    try {
      accounts.push(await readAccount(server, who, passwordHashes));
    } catch (error) {
      warnings.push(`The server does not show ${who.name}, so it is not saved: ${messageOf(error)}.`);
    }
  }
  return { accounts, warnings };
}

interface Who {
  readonly name: string;
  readonly quoted: string;
  readonly isRole: boolean;
}

async function listAccounts(server: Server, isMaria: boolean): Promise<Who[]> {
  const columns = isMaria ? 'User AS user, Host AS host, is_role' : 'User AS user, Host AS host';
  const rows = await server.rows(`SELECT ${columns} FROM mysql.user ORDER BY User, Host`).catch(refuseBlindness);
  const all = rows.map(({ user, host, is_role }) => {
    const isRole = is_role === 'Y';
    const quoted = isRole ? quoteName(user ?? '') : `${quoteName(user ?? '')}@${quoteName(host ?? '')}`;
    return { name: isRole ? `role ${user}` : `user ${user}@${host}`, quoted, isRole };
  });
  return all.filter(({ name }) => !OF_THE_SERVER.has(name.replace(/^user /, '')));
}

function refuseBlindness(error: unknown): never {
  throw new Failure('privilege_missing', `The accounts of the server cannot be read: ${messageOf(error)}`, {
    remedy:
      'Grant it: GRANT SELECT ON mysql.* TO …, and on MySQL SELECT ON *.* or SYSTEM_USER for accounts that have it.',
    cause: error,
  });
}

async function readAccount(server: Server, { name, quoted, isRole }: Who, hashes: boolean): Promise<Account> {
  const shown = await server.rows(`SHOW GRANTS FOR ${quoted}`);
  // MariaDB shows with a role what it inherits from others.
  const own = shown.map((row) => Object.values(row)[0] ?? '').filter((grant) => grantedBy(grant) === name);
  const grants = own.map(withoutLogin);
  if (isRole) return { name, create: `CREATE ROLE ${quoted}`, grants };
  const [row = {}] = await server.rows(`SHOW CREATE USER ${quoted}`);
  const { create, roles } = splitDefaultRoles(Object.values(row)[0] ?? '');
  const { flavour: family, numbers } = server;
  return {
    name,
    create: hashes ? create : withoutHashes(create, { family, numbers }),
    grants: roles === '' ? grants : [...grants, `SET DEFAULT ROLE ${roles} TO ${quoted}`],
  };
}
