import { Failure } from '../../domain/failure.ts';

/** mongodump's own limit: the largest document of a server plus room for the server's internal fields. */
export const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024 + 16 * 1024;
const MIN_DOCUMENT_BYTES = 5;
const TERMINATOR = -1;
const LENGTH_BYTES = 4;

/** Called with each document, or with `undefined` for the four bytes that end a block. */
export type UnitHandler = (document: Buffer | undefined) => void;

/**
 * Cuts a byte stream into BSON documents and terminators, whatever the chunks. Holds at most one document and one chunk.
 * A handed-out document is valid until the handler returns.
 */
export class UnitCutter {
  readonly #handle: UnitHandler;
  #pieces: Buffer[] = [];
  #held = 0;
  #wanted = LENGTH_BYTES;

  constructor(handle: UnitHandler) {
    this.#handle = handle;
  }

  /** Bytes of a unit that has begun and is not complete. */
  get held(): number {
    return this.#held;
  }

  push(chunk: Uint8Array): void {
    let rest = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    while (rest.length > 0) {
      if (this.#held === 0) {
        const used = this.#cutWhole(rest);
        rest = rest.subarray(used);
        if (rest.length === 0) return;
      }
      rest = this.#fill(rest);
    }
  }

  /** Cuts the units that lie wholly in `bytes`, without copying; answers how many bytes they take. */
  #cutWhole(bytes: Buffer): number {
    let at = 0;
    while (bytes.length - at >= LENGTH_BYTES) {
      const length = unitLength(bytes.readInt32LE(at));
      if (bytes.length - at < length) break;
      this.#emit(bytes.subarray(at, at + length));
      at += length;
    }
    return at;
  }

  /** Adds to the unit that is being collected; answers what is left over. */
  #fill(bytes: Buffer): Buffer {
    const taken = bytes.subarray(0, this.#wanted - this.#held);
    // Copied: the chunk belongs to the stream, which may use its memory again.
    this.#pieces.push(Buffer.from(taken));
    this.#held += taken.length;
    if (this.#held === this.#wanted) this.#complete();
    return bytes.subarray(taken.length);
  }

  #complete(): void {
    const unit = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces, this.#held);
    const length = unitLength(unit.readInt32LE(0));
    this.#pieces = [unit];
    this.#wanted = length;
    if (this.#held < length) return;
    this.#pieces = [];
    this.#held = 0;
    this.#wanted = LENGTH_BYTES;
    this.#emit(unit);
  }

  #emit(unit: Buffer): void {
    if (unit.length === LENGTH_BYTES) {
      this.#handle(undefined);
      return;
    }
    if (unit[unit.length - 1] !== 0) throw damaged('a document does not end with its zero byte');
    this.#handle(unit);
  }
}

function unitLength(value: number): number {
  if (value === TERMINATOR) return LENGTH_BYTES;
  if (value >= MIN_DOCUMENT_BYTES && value <= MAX_DOCUMENT_BYTES) return value;
  throw damaged(`${value} is neither the length of a document nor the end of a block`);
}

/** The bytes are not what mongodump wrote. */
export function damaged(reason: string): Failure {
  return new Failure('backup_damaged', `The MongoDB archive is damaged: ${reason}.`, {
    remedy: 'Restore another backup, and make a new one of this database now.',
  });
}

/** The bytes stop before mongodump's end. */
export function cutShort(reason: string): Failure {
  return new Failure('dump_incomplete', `The MongoDB archive ends early: ${reason}.`, {
    remedy: 'Run the backup again; this dump cannot be restored completely.',
  });
}
