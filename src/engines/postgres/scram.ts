import { createHash, createHmac, pbkdf2, randomBytes, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const derive = promisify(pbkdf2);
const MOST_ITERATIONS = 10_000_000;
const MECHANISM = 'SCRAM-SHA-256';

/**
 * Characters that make the server keep a password as it is instead of preparing it: controls, private use, surrogates and
 * the like. The driver prepares every password, and would be refused with such a one.
 */
const KEPT_AS_IT_IS = /[\p{Cc}\p{Co}\p{Cn}\u200e\u200f\u202a-\u202e\u2060-\u206f\ufff9-\ufffd\u2ff0-\u2ffb]/u;

/** What preparation turns into a space or into nothing (RFC 3454, tables C.1.2 and B.1). */
const MAPPED =
  /[\u00a0\u00ad\u1680\u1806\u2000-\u200c\u202f\u205f\u2060\u3000\ufeff]|\u034f|\u200d|[\u180b-\u180d]|[\ufe00-\ufe0f]/u;

/** Whether the driver sends another password than this one. */
export function isChangedByDriver(password: string): boolean {
  return MAPPED.test(password) || password.normalize('NFKC') !== password;
}

/**
 * Whether the server certainly kept the password as it is. It may have kept others too: it prepares none with a character
 * that is newer than Unicode 3.2, such as an emoji, and none that mixes directions of writing.
 */
export function isKeptByServer(password: string): boolean {
  return KEPT_AS_IT_IS.test(password);
}

/** One SCRAM-SHA-256 exchange, without channel binding, with the password exactly as it is. */
export function scramExchange(password: string, nonce = randomBytes(18).toString('base64')) {
  const firstBare = `n=*,r=${nonce}`;
  let expected: Buffer | undefined;
  return {
    mechanism: MECHANISM,
    first: `n,,${firstBare}`,
    /** The answer to the server's challenge. */
    async final(challenge: string): Promise<string> {
      const fields = readFields(challenge);
      const iterations = Number(fields.i);
      const serverNonce = fields.r ?? '';
      if (
        !serverNonce.startsWith(nonce) ||
        serverNonce === nonce ||
        !(iterations >= 1 && iterations <= MOST_ITERATIONS)
      ) {
        throw new Error('SASL: the server’s challenge is not one');
      }
      const salted = await derive(password, Buffer.from(fields.s ?? '', 'base64'), iterations, 32, 'sha256');
      const withoutProof = `c=biws,r=${serverNonce}`;
      const signed = `${firstBare},${challenge},${withoutProof}`;
      const clientKey = hmac(salted, 'Client Key');
      const signature = hmac(createHash('sha256').update(clientKey).digest(), signed);
      const proof = Buffer.from(clientKey.map((byte, at) => byte ^ (signature[at] ?? 0)));
      expected = hmac(hmac(salted, 'Server Key'), signed);
      return `${withoutProof},p=${proof.toString('base64')}`;
    },
    /** Throws unless the server proves that it knows the password too. */
    check(outcome: string): void {
      const proof = Buffer.from(readFields(outcome).v ?? '', 'base64');
      if (expected === undefined || proof.length !== expected.length || !timingSafeEqual(proof, expected)) {
        throw new Error('SASL: the server did not prove that it knows the password');
      }
    },
  };
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function readFields(message: string): Record<string, string> {
  return Object.fromEntries(message.split(',').map((field) => [field.slice(0, 1), field.slice(2)]));
}
