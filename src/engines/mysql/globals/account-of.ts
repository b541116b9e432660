import { accountAt, isWord, type Token, tokens, withoutSpaces, wordsAt } from './tokens.ts';

/** The account or role that a statement makes, `user a@%` or `role r`; undefined where it makes none. */
export function createdBy(statement: string): string | undefined {
  const list = withoutSpaces(tokens(statement));
  if (wordsAt(list, 0, 'CREATE ROLE') && list.length === 3) return nameAt(list, 2);
  return wordsAt(list, 0, 'CREATE USER') ? nameAt(list, 2) : undefined;
}

/** Who gets or loses something by a statement: the account after the last TO, FROM or FOR. */
export function grantedBy(statement: string): string | undefined {
  const list = withoutSpaces(tokens(statement));
  const isGrant = isWord(list[0], 'GRANT', 'REVOKE') || wordsAt(list, 0, 'SET DEFAULT ROLE');
  const at = list.findLastIndex((token) => isWord(token, 'TO', 'FROM', 'FOR'));
  return isGrant && at > 0 ? nameAt(list, at + 1) : undefined;
}

function nameAt(list: readonly Token[], at: number): string | undefined {
  const found = accountAt(list, at);
  if (found === undefined) return undefined;
  return found.role ? `role ${found.account}` : `user ${found.account}`;
}
