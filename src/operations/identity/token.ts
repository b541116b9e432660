import { createHash, randomBytes } from 'node:crypto';

/** Random secrets that prove who asks. The prefix says what was found when one turns up where it should not be. */
const PREFIXES = { apiKey: 'dbd_', session: 'dbs_', signInLink: 'dbl_', invitation: 'dbi_' } as const;
export type TokenKind = keyof typeof PREFIXES;

export interface NewToken {
  /** Shown or sent once, kept nowhere. */
  readonly token: string;
  /** What the catalog keeps. */
  readonly hash: Buffer;
  /** Enough to recognise it in a list: `dbd_Ab3x`. */
  readonly prefix: string;
}

const BYTES = 32;
const SHOWN = 8;

/** 256 random bits behind the kind's prefix. */
export function newToken(kind: TokenKind): NewToken {
  const token = `${PREFIXES[kind]}${randomBytes(BYTES).toString('base64url')}`;
  return { token, hash: tokenHash(token), prefix: token.slice(0, SHOWN) };
}

/** SHA-256 of the whole text; enough for secrets of 256 random bits, and found by an index. */
export function tokenHash(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

const SHAPE = /^(db[dsli]_)[A-Za-z0-9_-]{43}$/;

/** Which kind a text is, by its shape alone; undefined for anything else. */
export function tokenKind(text: string): TokenKind | undefined {
  const prefix = SHAPE.exec(text)?.[1];
  for (const kind of Object.keys(PREFIXES) as TokenKind[]) if (PREFIXES[kind] === prefix) return kind;
  return undefined;
}
