import { Failure } from '../../../domain/failure.ts';
import type { Origin, ParseReport, Plain } from '../../engine.ts';
import { damaged, incomplete } from '../dump-failures.ts';
import { digestOf } from '../schema.ts';
import { createdBy, grantedBy } from './account-of.ts';
import type { Account } from './accounts.ts';
import { statements } from './tokens.ts';

const HEAD = '-- Accounts of ';
const END = '-- Dump completed\n';
/** Accounts of a server, not rows of a table: more is not one. */
const LARGEST = 64 * 1024 * 1024;

/** Accounts as a script: every account first, then what each may do, since a role must be there to be granted. */
export function writeScript(accounts: readonly Account[], server: string): string {
  const made = [...accounts.filter(isRole), ...accounts.filter((account) => !isRole(account))];
  const lines = [...made.map(({ create }) => create), ...inOrder(made.flatMap(({ grants }) => grants))];
  return `${HEAD}${server}\n${lines.map((line) => `${line};\n`).join('')}${END}`;
}

function isRole({ name }: Account): boolean {
  return name.startsWith('role ');
}

/** Default roles last: each must have been granted. */
function inOrder(grants: readonly string[]): string[] {
  const isDefault = (grant: string) => /^SET DEFAULT ROLE /.test(grant);
  return [...grants.filter((grant) => !isDefault(grant)), ...grants.filter(isDefault)];
}

/** By what it is and may do, not by how it logs in: a hash changes without anyone changing anything. */
export function accountObjects(accounts: readonly Account[]): Record<string, string> {
  return Object.fromEntries(accounts.map(({ name, grants }) => [name, digestOf(...[...grants].sort())]));
}

export interface AccountsScript {
  readonly accounts: readonly Account[];
  /** Statements that this program does not write: never run. */
  readonly unknown: readonly string[];
}

/** Reads such a script to its end marker. Throws `dump_incomplete` where it was cut, `backup_damaged` where it is none. */
export async function readAccountsScript(plain: Plain): Promise<AccountsScript> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of plain.bytes()) {
    bytes += chunk.length;
    if (bytes > LARGEST) throw damaged(bytes, 'it is larger than any list of accounts');
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks).toString('utf8');
  if (!text.startsWith(HEAD)) throw damaged(0, 'it does not begin as a list of accounts');
  if (!text.endsWith(`\n${END}`)) throw incomplete(bytes);
  return sorted(statements(text.slice(text.indexOf('\n') + 1, -END.length)));
}

function sorted(lines: readonly string[]): AccountsScript {
  const accounts = new Map<string, { name: string; create: string; grants: string[] }>();
  const unknown: string[] = [];
  for (const line of lines) {
    const created = createdBy(line);
    const granted = created === undefined ? grantedBy(line) : undefined;
    if (created !== undefined) accounts.set(created, { name: created, create: line, grants: [] });
    else if (granted === undefined || !accounts.has(granted)) unknown.push(line.slice(0, 80));
    else accounts.get(granted)?.grants.push(line);
  }
  return { accounts: [...accounts.values()], unknown };
}

/** Level 2 of accounts: the script is whole, and each account that the server named is in it with the same rights. */
export async function parseAccounts(plain: Plain, origin: Origin): Promise<ParseReport> {
  const { accounts, unknown } = await readAccountsScript(plain);
  const held = accountObjects(accounts);
  const wanted = Object.entries(origin.inventory?.objects ?? {});
  const lacking = wanted.filter(([name, digest]) => held[name] !== digest).map(([name]) => name);
  if (lacking.length > 0) {
    throw new Failure(
      'dump_incomplete',
      `The script does not make ${lacking.slice(0, 5).join(', ')} as the server has it.`,
      {
        remedy: 'Take another backup; this one lacks accounts or rights.',
        details: { lacking: lacking.slice(0, 100) },
      },
    );
  }
  const warnings = unknown.map((head) => `The script holds a statement that makes no account: ${head}`);
  return { tables: {}, values: {}, warnings };
}
