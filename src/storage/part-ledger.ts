import { crc32 } from 'node:zlib';
import { crc32Combine } from '../domain/crc32.ts';
import { Failure } from '../domain/failure.ts';
import { toBase64 } from './crc32.ts';
import type { CompleteOptions, Storage } from './storage.ts';

export interface PartNote {
  readonly number: number;
  readonly bytes: number;
  /** CRC-32 of the part, as a number and as S3 writes it. */
  readonly crc: number;
  readonly crc32: string;
}

/** What was sent so far, kept by every kind of upload: numbers, sizes and checksums, never bytes. */
export class PartLedger {
  readonly #limits: Storage['limits'];
  readonly #notes = new Map<number, PartNote>();

  constructor(limits: Storage['limits']) {
    this.#limits = limits;
  }

  /**
   * Checks a part before it is sent: numbers within the limit (F31), no part larger than the part size. A CRC-32 that is
   * given is believed: only for parts that somebody else will compare with it.
   */
  describe(number: number, body: Uint8Array, given?: number): PartNote {
    const { partBytes, partsPerObject } = this.#limits;
    if (!Number.isInteger(number) || number < 1 || number > partsPerObject) {
      throw new Failure(
        'storage_unsupported',
        `Part ${number} is outside the ${partsPerObject} parts an object may have here.`,
        {
          remedy: 'Begin another volume before the limit is reached.',
        },
      );
    }
    if (body.byteLength > partBytes) {
      throw new Failure('usage', `Part ${number} has ${body.byteLength} bytes; a part has at most ${partBytes}.`, {
        remedy: 'Send equal parts of the size the store names.',
      });
    }
    const crc = given ?? crc32(body);
    return { number, bytes: body.byteLength, crc, crc32: toBase64(crc) };
  }

  /** Notes a part the store has acknowledged. */
  acknowledge(note: PartNote): void {
    this.#notes.set(note.number, note);
  }

  get size(): number {
    return this.#notes.size;
  }

  /** All parts in order, after checking that they are without gaps, equal but for the last, and what the caller says they are. */
  finish({ bytes, crc32: expected }: CompleteOptions): readonly PartNote[] {
    const notes = [...this.#notes.values()].sort((a, b) => a.number - b.number);
    const sound = notes.every(
      (note, i) => note.number === i + 1 && (i === notes.length - 1 || note.bytes === this.#limits.partBytes),
    );
    if (!sound)
      throw new Failure('usage', 'The parts of an upload have gaps or unequal sizes.', {
        remedy: 'Send every part from 1 on.',
      });
    const sum = notes.reduce((total, note) => total + note.bytes, 0);
    const crc = toBase64(notes.reduce((whole, note) => crc32Combine(whole, note.crc, note.bytes), 0));
    if (sum === bytes && crc === expected) return notes;
    throw new Failure(
      'backup_damaged',
      `The parts sent are ${sum} bytes with CRC-32 ${crc}; announced were ${bytes} and ${expected}.`,
      {
        remedy: 'Run the backup again; if it repeats, test the memory of this machine.',
      },
    );
  }
}
