import { Failure } from '../../../domain/failure.ts';

/** Thrown by a read past the bytes that have arrived; caught by whoever can wait for more. */
export const NEED_MORE = Symbol('need more bytes');

/** Longer texts than this are no definitions but damaged lengths. */
const LONGEST_TEXT = 64 * 1024 * 1024;

/** Reads the fields of an archive's table of contents: integers are a sign byte and little-endian bytes. */
export class Fields {
  #buffer: Buffer;
  #at = 0;
  intSize = 4;
  offsetSize = 8;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  get position(): number {
    return this.#at;
  }

  byte(): number {
    const value = this.#buffer[this.#at];
    if (value === undefined) throw NEED_MORE;
    this.#at += 1;
    return value;
  }

  bytes(length: number): Buffer {
    if (this.#at + length > this.#buffer.length) throw NEED_MORE;
    this.#at += length;
    return this.#buffer.subarray(this.#at - length, this.#at);
  }

  int(): number {
    const sign = this.byte();
    const value = this.bytes(this.intSize).readUIntLE(0, this.intSize);
    if (sign > 1) throw damaged('an integer has no sign');
    return sign === 0 ? value : -value;
  }

  /** Undefined where the archive holds none. */
  text(): string | undefined {
    const length = this.int();
    if (length < 0) return undefined;
    if (length > LONGEST_TEXT) throw damaged('a text is impossibly long');
    return this.bytes(length).toString('utf8');
  }

  /** A position inside the archive: known, unknown, or no data at all. */
  offset(): 'unknown' | 'known' | 'none' {
    const state = this.byte();
    this.bytes(this.offsetSize);
    if (state === 1) return 'unknown';
    if (state === 2) return 'known';
    if (state === 3) return 'none';
    throw damaged('an entry does not say where its data are');
  }
}

export function intBytes(value: number, intSize: number): Buffer {
  const bytes = Buffer.alloc(intSize + 1);
  bytes[0] = value < 0 ? 1 : 0;
  bytes.writeUIntLE(Math.abs(value), 1, intSize);
  return bytes;
}

export function textBytes(text: string | undefined, intSize: number): Buffer {
  if (text === undefined) return intBytes(-1, intSize);
  const bytes = Buffer.from(text, 'utf8');
  return Buffer.concat([intBytes(bytes.length, intSize), bytes]);
}

export function damaged(why: string): Failure {
  return new Failure('backup_damaged', `The archive is damaged: ${why}.`, {
    remedy: 'Use another backup; if the stored bytes hash right, the dump was already written like this.',
  });
}

export function cutShort(what: string): Failure {
  return new Failure('dump_incomplete', `The archive ends early: ${what}.`, {
    remedy: 'Use another backup, and make a new one.',
  });
}
