import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../domain/failure.ts';
import type { Signer, TrustedKeys } from './pipeline.ts';
import { signerOf } from './seal.ts';

const RAW_KEY_BYTES = 32;
const READABLE_BY_OTHERS = 0o077;

/** Makes a signing key (PEM, PKCS#8, 0600). An existing file is never overwritten: a Failure `usage`. */
export async function makeSigningKey(path: string): Promise<Signer> {
  const { privateKey } = generateKeyPairSync('ed25519');
  await mkdir(dirname(path), { recursive: true });
  try {
    const file = await open(path, 'wx', 0o600);
    try {
      await file.writeFile(privateKey.export({ format: 'pem', type: 'pkcs8' }));
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    throw new Failure('usage', `The signing key ${path} cannot be written.`, {
      cause: error,
      remedy: 'Choose a data folder that you may write to; an existing key is never overwritten.',
    });
  }
  return signerOf(privateKey);
}

/** The signing key in that file; undefined where there is none. One that others may read is refused. */
export async function loadSigningKey(path: string): Promise<Signer | undefined> {
  const facts = await stat(path).catch(() => undefined);
  if (facts === undefined) return undefined;
  if ((facts.mode & READABLE_BY_OTHERS) !== 0) {
    throw new Failure('usage', `The signing key ${path} can be read by other users.`, {
      remedy: `Run: chmod 600 ${path}. If others were on this machine, make a new key.`,
    });
  }
  const key = privateKeyOf(await readFile(path, 'utf8'));
  if (key !== undefined) return signerOf(key);
  throw new Failure('usage', `${path} does not hold an Ed25519 private key.`, {
    remedy: 'Restore the file from a copy, or move it away to have a new key made.',
  });
}

/**
 * Every public key in a text: PEM blocks, `ssh-ed25519` lines, and words of bare base64, as in a recovery kit or given on
 * a command line. Anything else is prose. A Failure `usage` when there is none.
 */
export function parseTrustedKeys(text: string): TrustedKeys {
  const pem = text.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? [];
  const ssh = text.match(/(?<=ssh-ed25519 )[A-Za-z0-9+/=]{68}/g) ?? [];
  const bare = text.match(/(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{43}=(?![A-Za-z0-9+/=])/g) ?? [];
  const keys = [...pem.map(rawOfPem), ...ssh.map(rawOfSsh), ...bare].filter((key) => key !== undefined);
  if (keys.length > 0) return [...new Set(keys)];
  throw new Failure('usage', 'No Ed25519 public key was found in what was given to trust.', {
    remedy: 'Give the recovery kit, a PEM public key, or its 44 characters of base64.',
  });
}

function privateKeyOf(pem: string) {
  try {
    const key = createPrivateKey(pem);
    return key.asymmetricKeyType === 'ed25519' ? key : undefined;
  } catch {
    return undefined;
  }
}

function rawOfPem(pem: string): string | undefined {
  try {
    const key = createPublicKey(pem);
    if (key.asymmetricKeyType !== 'ed25519') return undefined;
    return key.export({ format: 'der', type: 'spki' }).subarray(-RAW_KEY_BYTES).toString('base64');
  } catch {
    return undefined;
  }
}

/** Two length-prefixed fields: the name of the algorithm, then the raw key. */
const SSH_PREFIX = Buffer.from('0000000b7373682d6564323535313900000020', 'hex');

function rawOfSsh(base64: string): string | undefined {
  const blob = Buffer.from(base64, 'base64');
  const raw = blob.subarray(SSH_PREFIX.length);
  return raw.length === RAW_KEY_BYTES && blob.subarray(0, SSH_PREFIX.length).equals(SSH_PREFIX)
    ? raw.toString('base64')
    : undefined;
}
