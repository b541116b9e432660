import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { link, open, readFile, rm } from 'node:fs/promises';
import { Failure } from '../../domain/failure.ts';
import { Secret } from '../../domain/secret.ts';
import type { SealPurpose } from '../platform.ts';
import { codeOf } from './error-code.ts';

/** Seals with this machine's key. What was sealed for one purpose of one tenant opens for no other. */
export interface SealingKey {
  seal(secret: Secret, purpose: SealPurpose): Uint8Array;
  /** A Failure `decryption_failed` where another key, tenant or purpose sealed it, or where it was changed. */
  unseal(sealed: Uint8Array, purpose: SealPurpose): Secret;
}

const KEY_BYTES = 32;
/** What lies before the sealed text: version, salt of its own key, nonce, tag. */
const VERSION = 1;
const SALT_BYTES = 16;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const HEAD_BYTES = 1 + SALT_BYTES + NONCE_BYTES + TAG_BYTES;

/**
 * The key in that file (0600), made where there is none; of several processes that make it at once, one wins. To change
 * keys, put a new line before the old: the first one seals, all of them open.
 */
export async function openSealingKey(file: string): Promise<SealingKey> {
  const keys = (await readKeys(file)) ?? (await makeKey(file));
  return {
    seal: (secret, purpose) => seal(keys[0] ?? Buffer.alloc(0), secret, purpose),
    unseal: (sealed, purpose) => unseal(keys, Buffer.from(sealed), purpose),
  };
}

async function readKeys(file: string): Promise<Buffer[] | undefined> {
  const text = await readFile(file, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  const keys = text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [Buffer.from(line.trim(), 'base64')]));
  if (keys.length > 0 && keys.every((key) => key.length === KEY_BYTES)) return keys;
  throw new Failure('decryption_failed', `The key file ${file} holds no key of ${KEY_BYTES} bytes.`, {
    remedy: 'Put back the file that was there before; without it no sealed credential opens.',
  });
}

/** Linked into place whole, so that nobody reads half a key and nobody's key is replaced. */
async function makeKey(file: string): Promise<Buffer[]> {
  const draft = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(`${randomBytes(KEY_BYTES).toString('base64')}\n`);
    await handle.sync();
    await link(draft, file).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
  } finally {
    await handle.close();
    await rm(draft, { force: true });
  }
  return (await readKeys(file)) ?? [];
}

function seal(key: Buffer, secret: Secret, purpose: SealPurpose): Uint8Array {
  const salt = randomBytes(SALT_BYTES);
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', ownKey(key, salt), nonce);
  cipher.setAAD(contextOf(purpose));
  const text = Buffer.concat([cipher.update(secret.reveal(), 'utf8'), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), salt, nonce, cipher.getAuthTag(), text]);
}

function unseal(keys: readonly Buffer[], sealed: Buffer, purpose: SealPurpose): Secret {
  if (sealed.length >= HEAD_BYTES && sealed[0] === VERSION) {
    for (const key of keys) {
      const opened = tryKey(key, sealed, purpose);
      if (opened !== undefined) return opened;
    }
  }
  throw new Failure('decryption_failed', `What was sealed for ${purpose.what} does not open.`, {
    remedy: 'Give the credential again; it was sealed with another key, or for something else.',
  });
}

function tryKey(key: Buffer, sealed: Buffer, purpose: SealPurpose): Secret | undefined {
  const salt = sealed.subarray(1, 1 + SALT_BYTES);
  const nonce = sealed.subarray(1 + SALT_BYTES, 1 + SALT_BYTES + NONCE_BYTES);
  const decipher = createDecipheriv('aes-256-gcm', ownKey(key, salt), nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(contextOf(purpose));
  decipher.setAuthTag(sealed.subarray(HEAD_BYTES - TAG_BYTES, HEAD_BYTES));
  const text = decipher.update(sealed.subarray(HEAD_BYTES));
  try {
    return new Secret(Buffer.concat([text, decipher.final()]).toString('utf8'));
  } catch {
    return undefined;
  }
}

/** Every sealed text has a key of its own, so that no nonce can meet another under the same key. */
function ownKey(key: Buffer, salt: Uint8Array): Buffer {
  return Buffer.from(hkdfSync('sha256', key, salt, 'database-dump sealed credential', KEY_BYTES));
}

/** As JSON, so that no two pairs of tenant and purpose read the same. */
function contextOf({ tenantId, what }: SealPurpose): Buffer {
  return Buffer.from(JSON.stringify([VERSION, tenantId, what]));
}
