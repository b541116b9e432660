import { cutShort, damaged, Fields, intBytes, NEED_MORE } from './fields.ts';
import { type ArchiveHead, MAGIC, readEntry, readHead, type TocEntry } from './toc.ts';

/** Told of an archive's parts in their order. */
export interface ArchiveListener {
  /** The table of contents is whole. */
  contents?(head: ArchiveHead, entries: readonly TocEntry[]): void;
  /** Data of an entry begin: rows, or large objects one by one. */
  begin?(entry: TocEntry): void;
  largeObject?(id: number): void;
  /** Data, from `start` up to `end`; the bytes may be reused afterwards. */
  piece?(bytes: Buffer, start: number, end: number): void;
  largeObjectEnd?(): void;
  finish?(entry: TocEntry): void;
}

const ROWS_BLOCK = 1;
const LARGE_OBJECTS_BLOCK = 3;

type State = 'contents' | 'block' | 'length' | 'bytes' | 'object';

/**
 * Reads an archive in custom format as it arrives and checks its structure to the last byte: every entry that has data
 * is followed by them exactly once, every length adds up, nothing is left over. Independent of pg_restore, which stops
 * reading where it has what it wants.
 */
export class ArchiveScanner {
  readonly #listener: ArchiveListener;
  #state: State = 'contents';
  #rest: Buffer = Buffer.alloc(0);
  #head: ArchiveHead | undefined;
  readonly #entries: TocEntry[] = [];
  readonly #byId = new Map<number, TocEntry>();
  readonly #seen = new Set<number>();
  #current: TocEntry | undefined;
  #inObject = false;
  #left = 0;
  /** Bytes of the head and table of contents together, once they have been read. */
  contentsLength = 0;
  /** Where the first entry begins. */
  headLength = 0;

  constructor(listener: ArchiveListener) {
    this.#listener = listener;
  }

  get head(): ArchiveHead | undefined {
    return this.#head;
  }

  get entries(): readonly TocEntry[] {
    return this.#entries;
  }

  /** Whether the table of contents is whole. */
  get hasContents(): boolean {
    return this.#state !== 'contents';
  }

  /** The next bytes; they may be reused afterwards. */
  push(chunk: Uint8Array): void {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length);
    let buffer = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    if (this.#state === 'contents') buffer = this.#readContents(buffer);
    const used = this.#state === 'contents' ? 0 : this.#readBlocks(buffer);
    this.#rest = Buffer.from(buffer.subarray(used));
  }

  /** No more bytes come. Throws unless the archive ended exactly here. */
  end(): void {
    if (this.#state === 'contents') throw cutShort('its table of contents is not whole');
    if (this.#state !== 'block' || this.#rest.length > 0)
      throw cutShort(`inside the data of ${this.#current?.tag ?? 'an entry'}`);
    const missing = this.#entries.filter((entry) => entry.hasData && !this.#seen.has(entry.id));
    if (missing.length > 0)
      throw cutShort(`the data of ${missing.length} entries are missing, first ${missing[0]?.tag}`);
  }

  /** Reads as many entries as are whole; returns what is left. */
  #readContents(buffer: Buffer): Buffer {
    // A few bytes tell whether it is an archive at all; a long wait for more would hide that.
    if (
      buffer.length >= MAGIC.length &&
      buffer.toString('latin1', 0, MAGIC.length) !== MAGIC &&
      this.#head === undefined
    ) {
      throw damaged('it does not begin like one');
    }
    let start = 0;
    try {
      start = this.#readHead(buffer);
      while (this.#head !== undefined && this.#entries.length < this.#head.entries) {
        start += this.#readOneEntry(this.#head, buffer.subarray(start));
      }
    } catch (error) {
      if (error !== NEED_MORE) throw error;
      this.contentsLength += start;
      return buffer.subarray(start);
    }
    this.contentsLength += start;
    this.#state = 'block';
    if (this.#head !== undefined) this.#listener.contents?.(this.#head, this.#entries);
    return buffer.subarray(start);
  }

  #readHead(buffer: Buffer): number {
    if (this.#head !== undefined) return 0;
    const fields = new Fields(buffer);
    this.#head = readHead(fields);
    this.headLength = fields.position;
    return fields.position;
  }

  #readOneEntry(head: ArchiveHead, buffer: Buffer): number {
    const fields = new Fields(buffer);
    fields.intSize = head.intSize;
    fields.offsetSize = head.offsetSize;
    const entry = readEntry(fields, head);
    if (this.#byId.has(entry.id)) throw damaged('two entries have one number');
    this.#byId.set(entry.id, entry);
    this.#entries.push(entry);
    return fields.position;
  }

  /** Goes through as much as is whole; returns how many bytes were used. */
  #readBlocks(buffer: Buffer): number {
    let at = 0;
    for (;;) {
      const step = this.#state === 'bytes' ? this.#readBytes(buffer, at) : this.#readNumber(buffer, at);
      if (step === 0) return at;
      at += step;
    }
  }

  #readBytes(buffer: Buffer, at: number): number {
    const length = Math.min(this.#left, buffer.length - at);
    if (length === 0) return 0;
    this.#listener.piece?.(buffer, at, at + length);
    this.#left -= length;
    if (this.#left === 0) this.#state = 'length';
    return length;
  }

  /** One of the numbers between data: the start of a block, an object's id, the length of a piece. */
  #readNumber(buffer: Buffer, at: number): number {
    const intLength = (this.#head?.intSize ?? 4) + 1;
    const length = this.#state === 'block' ? intLength + 1 : intLength;
    if (buffer.length - at < length) return 0;
    const numberAt = this.#state === 'block' ? at + 1 : at;
    const value = buffer.readUInt32LE(numberAt + 1);
    if (buffer[numberAt] !== 0) throw damaged('a length is negative');
    if (this.#state === 'block') this.#beginBlock(buffer[at], value);
    else if (this.#state === 'object') this.#beginObject(value);
    else this.#beginPiece(value);
    return length;
  }

  #beginBlock(type: number | undefined, id: number): void {
    const entry = this.#byId.get(id);
    if (type !== ROWS_BLOCK && type !== LARGE_OBJECTS_BLOCK) throw damaged('there are bytes that belong to nothing');
    if (entry === undefined || !entry.hasData) throw damaged('there are data that belong to no entry');
    if (this.#seen.has(id)) throw damaged(`the data of ${entry.tag} come twice`);
    this.#seen.add(id);
    this.#current = entry;
    this.#inObject = false;
    this.#listener.begin?.(entry);
    this.#state = type === ROWS_BLOCK ? 'length' : 'object';
  }

  #beginObject(id: number): void {
    if (id === 0) {
      this.#finishBlock();
      return;
    }
    this.#inObject = true;
    this.#listener.largeObject?.(id);
    this.#state = 'length';
  }

  #beginPiece(length: number): void {
    if (length > 0) {
      this.#left = length;
      this.#state = 'bytes';
    } else if (this.#inObject) {
      this.#inObject = false;
      this.#listener.largeObjectEnd?.();
      this.#state = 'object';
    } else {
      this.#finishBlock();
    }
  }

  #finishBlock(): void {
    if (this.#current !== undefined) this.#listener.finish?.(this.#current);
    this.#state = 'block';
  }
}

/** The head of an archive with another number of entries. */
export function headBytes(original: Buffer, head: ArchiveHead, entries: number): Buffer {
  return Buffer.concat([original.subarray(0, original.length - head.intSize - 1), intBytes(entries, head.intSize)]);
}
