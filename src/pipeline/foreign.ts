import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { Failure } from '../domain/failure.ts';
import type { Secret } from '../domain/secret.ts';
import type { Plain, Workbench } from '../engines/engine.ts';
import { decoded, decodedInto } from './decoder.ts';
import { decrypted } from './encrypt.ts';
import type { Compression } from './pipeline.ts';

type Bytes = AsyncIterable<Uint8Array>;

export interface ForeignNeeds {
  readonly bench: Workbench;
  readonly identities: readonly Secret[];
}

const READ_CHUNK = 1024 * 1024;
const HEAD_BYTES = 32;
const AGE = Buffer.from('age-encryption.org/v1\n');
const AGE_ARMOR = Buffer.from('-----BEGIN AGE ENCRYPTED FILE---');
const ZSTD = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
const GZIP = Buffer.from([0x1f, 0x8b]);
/** Formats that are recognised only to say what to do about them. */
const UNREAD: readonly (readonly [string, Buffer, string])[] = [
  ['bzip2', Buffer.from('BZh'), 'bzip2 -d'],
  ['xz', Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a]), 'xz -d'],
  ['a zip archive', Buffer.from('PK\u0003\u0004'), 'unzip'],
  ['an armored age file', AGE_ARMOR, 'age -d'],
];

/**
 * A dump file that this product may never have seen, encrypted or compressed or neither, told by its first bytes. Nothing
 * is known of it beforehand: only its decoder and its parser can say that it is whole.
 */
export async function foreignPlain(needs: ForeignNeeds, path: string): Promise<Plain> {
  const facts = await stat(path).catch((cause) => {
    throw new Failure('not_found', `${path} cannot be read.`, { cause, remedy: 'Check the path and its permissions.' });
  });
  if (!facts.isFile()) {
    throw new Failure('usage', `${path} is not a file.`, { remedy: 'Give one dump file, not a folder.' });
  }
  const open = () => opened(needs, path);
  return {
    async *bytes() {
      const { source, algorithm } = await open();
      yield* decoded(needs.bench, source, algorithm);
    },
    async into(command) {
      const { source, algorithm } = await open();
      const { stderr } = await decodedInto(needs.bench, source, { algorithm, command });
      return { stderr };
    },
  };
}

interface Opened {
  readonly source: Bytes;
  readonly algorithm: Compression['algorithm'];
}

async function opened(needs: ForeignNeeds, path: string): Promise<Opened> {
  const file = await peeked(createReadStream(path, { highWaterMark: READ_CHUNK }));
  if (!startsWith(file.head, AGE)) return { source: file.all, algorithm: algorithmOf(file.head) };
  const inner = await peeked(decrypted(file.all, needs.identities));
  return { source: inner.all, algorithm: algorithmOf(inner.head) };
}

function algorithmOf(head: Buffer): Compression['algorithm'] {
  for (const [name, magic, command] of UNREAD) {
    if (startsWith(head, magic)) {
      throw new Failure('usage', `The file is ${name}, which is not read here.`, {
        remedy: `Unpack it first (${command}), then give the result.`,
      });
    }
  }
  if (startsWith(head, ZSTD)) return 'zstd';
  return startsWith(head, GZIP) ? 'gzip' : 'none';
}

function startsWith(head: Buffer, magic: Buffer): boolean {
  return head.subarray(0, magic.length).equals(magic);
}

/** The first bytes of a stream, and all of it. */
async function peeked(source: Bytes): Promise<{ head: Buffer; all: Bytes }> {
  const iterator = source[Symbol.asyncIterator]();
  let head = Buffer.alloc(0);
  let done = false;
  while (head.length < HEAD_BYTES && !done) {
    const next = await iterator.next();
    done = next.done === true;
    if (!next.done) head = Buffer.concat([head, next.value]);
  }
  async function* all() {
    try {
      yield head;
      while (!done) {
        const next = await iterator.next();
        if (next.done) return;
        yield next.value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  return { head, all: all() };
}
