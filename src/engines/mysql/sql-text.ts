/** A name as SQL takes it, whatever it holds. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A string as SQL takes it in a session whose sql_mode is empty. */
export function quoteText(text: string): string {
  return `'${text.replace(/[\\']/g, (character) => (character === "'" ? "''" : '\\\\'))}'`;
}

/** An account, `user@host`, as SQL takes it. The host is what follows the last @; without one it is any host. */
export function quoteAccount(account: string): string {
  const { user, host } = splitAccount(account);
  return `${quoteName(user)}@${quoteName(host)}`;
}

export function splitAccount(account: string): { readonly user: string; readonly host: string } {
  const at = account.lastIndexOf('@');
  return at < 0 ? { user: account, host: '%' } : { user: account.slice(0, at), host: account.slice(at + 1) };
}

/** Whether a name matches a shell-like pattern: `*` any run of characters, `?` one character, all else itself. */
export function matchesPattern(name: string, pattern: string): boolean {
  if (name === pattern) return true;
  const parts = pattern.split(/([*?])/).map((part) => {
    if (part === '*') return '.*';
    if (part === '?') return '.';
    return part.replace(/[\\^$.|+()[\]{}]/g, '\\$&');
  });
  return new RegExp(`^${parts.join('')}$`, 'su').test(name);
}
