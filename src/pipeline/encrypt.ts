import type { Encrypter } from 'age-encryption';
import { Failure } from '../domain/failure.ts';
import type { Secret } from '../domain/secret.ts';

type Bytes = AsyncIterable<Uint8Array>;

/** Its curves are big, and most backups need none. */
const age = () => import('age-encryption');

/** Encrypts a stream to age recipients (`age1…`). A Failure `usage` names a recipient that is none. */
export async function* encrypted(source: Bytes, recipients: readonly string[]): AsyncGenerator<Uint8Array> {
  const { Encrypter } = await age();
  const encrypter = new Encrypter();
  for (const recipient of recipients) addRecipient(encrypter, recipient);
  yield* iterate(await encrypter.encrypt(webStream(source)));
}

/**
 * Decrypts an age stream with whichever identity fits. A Failure `decryption_failed` when none does, or when the
 * ciphertext was changed, cut or reordered; an error of the source stays itself.
 */
export async function* decrypted(source: Bytes, identities: readonly Secret[]): AsyncGenerator<Uint8Array> {
  const watched = rememberError(source);
  try {
    const { Decrypter } = await age();
    const decrypter = new Decrypter();
    for (const identity of identities) decrypter.addIdentity(identity.reveal());
    yield* iterate(await decrypter.decrypt(webStream(watched.bytes)));
  } catch (error) {
    throw watched.error() ?? undecryptable(error);
  }
}

/** Whether one of the identities can read what is encrypted to these recipients. */
export async function canDecrypt(recipients: readonly string[], identities: readonly Secret[]): Promise<boolean> {
  const own = await Promise.all(identities.map((identity) => recipientOf(identity)));
  return own.some((recipient) => recipients.includes(recipient));
}

/** The public half of an age identity. A Failure `usage` when it is none; its text is never repeated. */
export async function recipientOf(identity: Secret): Promise<string> {
  try {
    const { identityToRecipient } = await age();
    return await identityToRecipient(identity.reveal());
  } catch {
    throw new Failure('usage', 'An age identity that was given cannot be read.', {
      remedy: 'Give a file with one AGE-SECRET-KEY-1… line, as age-keygen writes it.',
    });
  }
}

function addRecipient(encrypter: Encrypter, recipient: string): void {
  try {
    encrypter.addRecipient(recipient);
  } catch (error) {
    throw new Failure('usage', `${recipient} is not an age recipient.`, {
      cause: error,
      remedy: 'Give a public key that starts with age1, as age-keygen prints it.',
    });
  }
}

function webStream(source: Bytes): ReadableStream<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const next = await iterator.next();
        if (next.done) controller.close();
        else controller.enqueue(next.value);
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
}

async function* iterate(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* stream;
}

/** age wraps errors of its source; the source's own says more. */
function rememberError(source: Bytes): { bytes: Bytes; error: () => unknown } {
  let seen: unknown;
  async function* bytes() {
    try {
      yield* source;
    } catch (error) {
      seen = error;
      throw error;
    }
  }
  return { bytes: bytes(), error: () => seen };
}

function undecryptable(cause: unknown): Failure {
  return new Failure('decryption_failed', 'The backup cannot be decrypted with the identities that were given.', {
    cause,
    remedy: 'Give the identity file that belongs to one of its recipients with --identity.',
  });
}
