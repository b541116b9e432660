import { Failure, messageOf } from '../../../domain/failure.ts';
import type { GlobalsItem, GlobalsJob, Plain, Workbench } from '../../engine.ts';
import { readGrants } from '../grants.ts';
import { openServer, type Server } from '../server.ts';
import { type Account, readAccounts } from './accounts.ts';
import { readAccountsScript } from './script.ts';

/**
 * Makes the accounts and roles that a server lacks, and gives those, and only those, what they had. These statements cannot
 * be taken back, so a plan says what would be tried; a server may still refuse a grant, and the restore then says so.
 */
export async function restoreGlobals(bench: Workbench, plain: Plain, job: GlobalsJob): Promise<readonly GlobalsItem[]> {
  const { accounts, unknown } = await readAccountsScript(plain);
  const server = await openServer({ ...job.target, database: '' }, bench.signal);
  try {
    requireFamily(server, job);
    const work = await workOn(bench, server, job);
    const items: GlobalsItem[] = [];
    for (const account of inOrder(accounts)) items.push(await makeAccount(work, account));
    for (const account of accounts) items.push(...(await giveRights(work, account)));
    return [...items, ...unknown.map((head) => refused(head, 'It makes no account; it was not run.'))];
  } finally {
    await server.close();
  }
}

function requireFamily({ flavour }: Server, { origin }: GlobalsJob): void {
  if (origin.flavour === flavour) return;
  throw new Failure('restore_refused', `The accounts are ${origin.flavour}'s, and the target is ${flavour}.`, {
    remedy: `Restore them into ${origin.flavour}: the two word accounts and rights in ways that the other does not take.`,
  });
}

interface Work {
  readonly bench: Workbench;
  readonly server: Server;
  readonly apply: boolean;
  readonly before: ReadonlyMap<string, Account>;
  readonly mayCreate: boolean;
  readonly made: Set<string>;
}

async function workOn(bench: Workbench, server: Server, { apply }: GlobalsJob): Promise<Work> {
  // Where a grant may make an account, a wrong name would make an open one. Only MariaDB still knows the mode.
  if (server.flavour === 'MariaDB') await server.run("SET SESSION sql_mode = 'NO_AUTO_CREATE_USER'");
  const { accounts } = await readAccounts(server, false);
  const grants = await readGrants(server, 'mysql');
  const before = new Map(accounts.map((account) => [account.name, account]));
  return { bench, server, apply, before, mayCreate: grants.hasOnServer('CREATE USER'), made: new Set() };
}

/** Roles first: making one may be what an account's default role waits for. */
function inOrder(accounts: readonly Account[]): Account[] {
  const isRole = ({ name }: Account) => name.startsWith('role ');
  return [...accounts.filter(isRole), ...accounts.filter((account) => !isRole(account))];
}

async function makeAccount(work: Work, { name, create, grants }: Account): Promise<GlobalsItem> {
  const { bench, server, apply, before, mayCreate, made } = work;
  bench.signal.throwIfAborted();
  if (before.has(name)) return { name, outcome: 'exists', detail: '' };
  if (!mayCreate)
    return refused(name, 'It takes the right CREATE USER on the whole server: GRANT CREATE USER ON *.* TO …');
  if (!apply) {
    made.add(name);
    return { name, outcome: 'missing', detail: lockedDetail(name, create) };
  }
  try {
    await server.run(create);
    made.add(name);
    return { name, outcome: 'restored', detail: lockedDetail(name, create) };
  } catch (error) {
    const lost = grants.filter((grant) => !isEmptyGrant(grant)).length;
    return refused(name, `${messageOf(error)}${lost === 0 ? '' : ` Its ${lost} grants are not given either.`}`);
  }
}

/** Only what this program wrote in place of a hash; an account that was locked before stays so without a word. */
function lockedDetail(name: string, create: string): string {
  const stands = /IDENTIFIED (?:VIA mysql_native_password USING 'invalid'|BY RANDOM PASSWORD)/.test(create);
  if (!stands) return '';
  return `It is locked, since the backup has no password: ALTER USER ${name.slice(5)} IDENTIFIED BY '…' ACCOUNT UNLOCK`;
}

async function giveRights(
  { bench, server, apply, before, made }: Work,
  { name, grants }: Account,
): Promise<GlobalsItem[]> {
  bench.signal.throwIfAborted();
  const had = before.get(name);
  const item = `grants of ${name.replace(/^user /, '')}`;
  if (had !== undefined) {
    const lacking = grants.filter((grant) => !isEmptyGrant(grant) && !had.grants.includes(grant));
    const words = `It was there before and gets nothing by itself. If it should: ${lacking.join('; ')}`;
    return lacking.length === 0 ? [] : [refused(item, words)];
  }
  if (!made.has(name) || !apply) return [];
  const failed: GlobalsItem[] = [];
  for (const grant of grants) {
    await server.run(grant).catch((error: unknown) => {
      failed.push(refused(item, `${messageOf(error)} in: ${grant}`));
    });
  }
  return failed;
}

/** Says that an account exists, and gives nothing. */
function isEmptyGrant(grant: string): boolean {
  return /^GRANT USAGE ON \*\.\* TO \S+$/.test(grant);
}

function refused(name: string, detail: string): GlobalsItem {
  return { name, outcome: 'refused', detail };
}
