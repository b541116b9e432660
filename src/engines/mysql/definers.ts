import { Buffer } from 'node:buffer';
import { splitAccount } from './sql-text.ts';
import { nameOf } from './statement.ts';

const ACCOUNT = String.raw`(\`(?:[^\`]|\`\`)*\`|"(?:[^"]|"")*"|[\w$\x80-\xff]+)`;
/** Where tools write it: between CREATE and the kind, in a conditional comment of its own or not. */
const CLAUSE = new RegExp(
  String.raw`^(\s*(?:/\*!\d+\s+)?CREATE\s*(?:\*/)?(?:\s*OR\s+REPLACE\s)?(?:\s*ALGORITHM\s*=\s*\w+\s*(?:\*/)?)?\s*(?:/\*!\d+\s+)?)` +
    String.raw`DEFINER\s*=\s*${ACCOUNT}(?:\s*@\s*${ACCOUNT})?(\s*)`,
  'i',
);

/** The account that an object of a dump runs as: `user@host`, or a role's name. */
export function definerIn(text: string): string | undefined {
  const match = CLAUSE.exec(text);
  if (match === null) return undefined;
  const [, , user = '', host] = match;
  return host === undefined ? nameOf(user) : `${nameOf(user)}@${nameOf(host)}`;
}

/** The same statement with another definer; with none, the object belongs to whoever restores it. */
export function withDefiner(text: string, account: string | undefined): string {
  const match = CLAUSE.exec(text);
  if (match === null) return text;
  const [whole, before = '', , , space = ''] = match;
  const clause = account === undefined ? '' : `DEFINER=${latinAccount(account)}${space}`;
  return `${before}${clause}${text.slice(whole.length)}`;
}

/** Old account → new one: exactly named first, then by user name alone, which keeps the host unless the new one names its own. */
export function mappedDefiner(account: string, roles: Readonly<Record<string, string>>): string {
  if (Object.hasOwn(roles, account)) return roles[account] ?? account;
  const { user, host } = splitAccount(account);
  if (!Object.hasOwn(roles, user)) return account;
  const mapped = roles[user] ?? user;
  return mapped.includes('@') ? mapped : `${mapped}@${host}`;
}

/** Quoted for every sql_mode: a name in backticks is one in ANSI_QUOTES too. One character a byte. */
function latinAccount(account: string): string {
  const { user, host } = splitAccount(account);
  const quote = (name: string) => `\`${Buffer.from(name, 'utf8').toString('latin1').replaceAll('`', '``')}\``;
  return `${quote(user)}@${quote(host)}`;
}
