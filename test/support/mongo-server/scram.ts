/** The server's half of SCRAM-SHA-256 (RFC 5802, RFC 7677). */
import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { Refusal } from './refusal.ts';

const ITERATIONS = 4096;

export interface User {
  readonly name: string;
  readonly password: string;
  /** The database that authenticates the user; `admin` unless said otherwise. */
  readonly database?: string;
  readonly roles?: readonly { readonly role: string; readonly db: string }[];
}

export interface Account {
  readonly user: User;
  readonly salt: Buffer;
  readonly storedKey: Buffer;
  readonly serverKey: Buffer;
}

export function accountOf(user: User): Account {
  const salt = randomBytes(28);
  const salted = pbkdf2Sync(prepared(user.password), salt, ITERATIONS, 32, 'sha256');
  const clientKey = hmac(salted, 'Client Key');
  const storedKey = createHash('sha256').update(clientKey).digest();
  return { user, salt, storedKey, serverKey: hmac(salted, 'Server Key') };
}

/** SASLprep (RFC 4013) without its prohibitions: clients refuse those by themselves. */
function prepared(password: string): string {
  return password
    .replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, ' ')
    .replace(/\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g, '')
    .normalize('NFKC');
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

export interface Conversation {
  readonly account: Account;
  readonly authMessage: string;
  readonly nonce: string;
  readonly serverFirst: string;
  verified: boolean;
}

const failed = (): Refusal => new Refusal(18, 'AuthenticationFailed', 'Authentication failed.');

/** The first exchange: who is it, here is a salt. An unknown user fails like a wrong password. */
export function startConversation(accounts: readonly Account[], database: string, payload: Buffer): Conversation {
  const text = payload.toString('utf8');
  const bare = /^n,[^,]*,(n=([^,]*),r=([^,]+))$/.exec(text);
  const [, clientBare = '', name = '', clientNonce = ''] = bare ?? [];
  const plainName = name.replaceAll('=2C', ',').replaceAll('=3D', '=');
  const account = accounts.find(({ user }) => user.name === plainName && (user.database ?? 'admin') === database);
  if (account === undefined) throw failed();
  const nonce = clientNonce + randomBytes(24).toString('base64');
  const serverFirst = `r=${nonce},s=${account.salt.toString('base64')},i=${ITERATIONS}`;
  return { account, nonce, serverFirst, authMessage: `${clientBare},${serverFirst}`, verified: false };
}

/** The second exchange: checks the proof; answers the server's own. */
export function finishConversation(conversation: Conversation, payload: Buffer): string {
  const text = payload.toString('utf8');
  const match = /^(c=[^,]*,r=([^,]*)),p=(.*)$/.exec(text);
  const [, withoutProof = '', nonce = '', proof = ''] = match ?? [];
  if (nonce !== conversation.nonce) throw failed();
  const authMessage = `${conversation.authMessage},${withoutProof}`;
  const signature = hmac(conversation.account.storedKey, authMessage);
  const given = Buffer.from(proof, 'base64');
  if (given.length !== signature.length) throw failed();
  const clientKey = Buffer.from(given.map((byte, index) => byte ^ signature.readUInt8(index)));
  const storedKey = createHash('sha256').update(clientKey).digest();
  if (!timingSafeEqual(storedKey, conversation.account.storedKey)) throw failed();
  conversation.verified = true;
  return `v=${hmac(conversation.account.serverKey, authMessage).toString('base64')}`;
}
