/**
 * An independent reader of `mongodump --archive`. The format has no end mark of its own: it is complete when every
 * collection its prelude announces has been closed by an end-of-file block with the right checksum, so a cut anywhere
 * leaves at least one open. The prelude itself carries no checksum; the hash over the stored bytes guards that part.
 */
import {
  type ArchivedCollection,
  type ArchiveHeader,
  parseCollection,
  parseHeader,
  parseNamespace,
} from './archive-format.ts';
import { cutShort, damaged, UnitCutter } from './archive-units.ts';
import { ContentDigest } from './content-digest.ts';
import { Crc64 } from './crc64.ts';

const MAGIC = 0x8199e26d;
/** Collection metadata is kept in memory; more than this is no archive of ours. */
const MAX_PRELUDE_BYTES = 256 * 1024 * 1024;

/** A collection read to its end, its checksum right. */
export interface ClosedCollection extends ArchivedCollection {
  readonly documents: number;
  readonly bytes: number;
  /** Independent of order: see ContentDigest. Absent where none was asked for. */
  readonly digest?: string;
  /** CRC-64 of the documents in the order of the dump, 16 hex digits. */
  readonly crc: string;
}

export interface ArchiveSummary extends ArchiveHeader {
  /** In the prelude's order. */
  readonly collections: readonly ClosedCollection[];
}

export interface ArchiveListener {
  /** False: documents are checked and counted, and not digested one by one. */
  readonly digests?: boolean;
  readonly collection?: (collection: ArchivedCollection) => void;
  /** `raw` is valid until the call returns. */
  readonly document?: (collection: ArchivedCollection, raw: Uint8Array) => void;
  readonly closed?: (collection: ClosedCollection) => void;
}

/**
 * Reads an archive to its end and checks all there is to check. Throws `dump_incomplete` where bytes are missing at the
 * end, `backup_damaged` for everything else. Memory: one document, one chunk and the prelude.
 */
export async function readArchive(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  listener: ArchiveListener = {},
): Promise<ArchiveSummary> {
  const reader = new ArchiveReader(listener);
  for await (const chunk of stream) reader.push(chunk);
  return reader.end();
}

/** What an archive announces, read without its documents. Says nothing about whether the rest is whole. */
export async function readPrelude(
  stream: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<ArchivedCollection[]> {
  const announced: ArchivedCollection[] = [];
  const reader = new ArchiveReader({ collection: (collection) => announced.push(collection) });
  for await (const chunk of stream) {
    reader.push(chunk);
    if (reader.preludeIsRead) return announced;
  }
  reader.end();
  return announced;
}

interface OpenCollection {
  readonly facts: ArchivedCollection;
  readonly crc: Crc64;
  readonly digest: ContentDigest | undefined;
  documents: number;
  bytes: number;
  closed: ClosedCollection | undefined;
}

type Phase = 'magic' | 'header' | 'prelude' | 'between' | 'block' | 'after eof' | 'done';

class ArchiveReader {
  readonly #listener: ArchiveListener;
  readonly #units = new UnitCutter((unit) => this.#unit(unit));
  readonly #collections = new Map<string, OpenCollection>();
  #phase: Phase = 'magic';
  #magic = Buffer.alloc(0);
  #header: ArchiveHeader | undefined;
  #preludeBytes = 0;
  #current: OpenCollection | undefined;
  #open = 0;

  constructor(listener: ArchiveListener) {
    this.#listener = listener;
  }

  get preludeIsRead(): boolean {
    return !['magic', 'header', 'prelude'].includes(this.#phase);
  }

  push(chunk: Uint8Array): void {
    const rest = this.#phase === 'magic' ? this.#readMagic(chunk) : chunk;
    if (rest.length === 0) return;
    if (this.#phase === 'done') throw damaged('bytes follow its end');
    this.#units.push(rest);
    if (this.#isDone() && this.#units.held > 0) throw damaged('bytes follow its end');
  }

  end(): ArchiveSummary {
    if (this.#header === undefined) throw cutShort('its header is not complete');
    if (this.#phase !== 'done') throw cutShort(this.#whatIsMissing());
    const closed = [...this.#collections.values()].map((one) => one.closed);
    return { ...this.#header, collections: closed.filter((one) => one !== undefined) };
  }

  #whatIsMissing(): string {
    if (!this.preludeIsRead) return 'its list of collections is not complete';
    const open = [...this.#collections.values()].find(({ closed }) => closed === undefined);
    return open === undefined ? 'its last block is not complete' : `the collection ${quoted(open.facts)} has no end`;
  }

  #isDone(): boolean {
    return this.#phase === 'done';
  }

  #readMagic(chunk: Uint8Array): Uint8Array {
    const missing = 4 - this.#magic.length;
    this.#magic = Buffer.concat([this.#magic, chunk.subarray(0, missing)]);
    if (this.#magic.length === 4) {
      if (this.#magic.readUInt32LE(0) !== MAGIC) throw damaged('it does not begin like an archive of mongodump');
      this.#phase = 'header';
    }
    return chunk.subarray(missing);
  }

  #unit(unit: Buffer | undefined): void {
    switch (this.#phase) {
      case 'header':
        this.#header = parseHeader(required(unit));
        this.#phase = 'prelude';
        return;
      case 'prelude':
        this.#announce(unit);
        return;
      case 'between':
        this.#beginBlock(required(unit));
        return;
      case 'block':
        this.#inBlock(unit);
        return;
      case 'after eof':
        if (unit !== undefined) throw damaged('documents follow the end of a collection');
        this.#phase = this.#open === 0 ? 'done' : 'between';
        return;
      default:
        throw damaged('bytes follow its end');
    }
  }

  #announce(unit: Buffer | undefined): void {
    if (unit === undefined) {
      this.#phase = this.#open === 0 ? 'done' : 'between';
      return;
    }
    this.#preludeBytes += unit.length;
    if (this.#preludeBytes > MAX_PRELUDE_BYTES) throw damaged('its list of collections is larger than 256 MiB');
    const facts = parseCollection(unit);
    const key = dataKey(facts);
    if (this.#collections.has(key)) throw damaged(`the collection ${quoted(facts)} is announced twice`);
    const digest = this.#listener.digests === false ? undefined : new ContentDigest();
    const fresh = { facts, crc: new Crc64(), digest, documents: 0, bytes: 0, closed: undefined };
    this.#collections.set(key, fresh);
    this.#open += 1;
    this.#listener.collection?.(facts);
  }

  #beginBlock(unit: Buffer): void {
    const header = parseNamespace(unit);
    const current = this.#collections.get(`${header.database}\0${header.collection}`);
    if (current === undefined) throw damaged(`the collection ${quoted(header)} was not announced`);
    if (current.closed !== undefined) throw damaged(`the collection ${quoted(header)} goes on after its end`);
    if (header.eof) {
      this.#close(current, header.crc);
      this.#phase = 'after eof';
      return;
    }
    if (header.crc !== 0n) throw damaged('a block has a checksum where none belongs');
    this.#current = current;
    this.#phase = 'block';
  }

  #inBlock(unit: Buffer | undefined): void {
    if (unit === undefined) {
      this.#phase = 'between';
      return;
    }
    const current = this.#current as OpenCollection;
    current.crc.update(unit);
    current.digest?.add(unit);
    current.documents += 1;
    current.bytes += unit.length;
    this.#listener.document?.(current.facts, unit);
  }

  #close(current: OpenCollection, crc: bigint): void {
    const { facts, documents, bytes, digest } = current;
    const actual = current.crc.value();
    if (actual !== crc) throw damaged(`the checksum of the collection ${quoted(facts)} is wrong`);
    current.closed = {
      ...facts,
      documents,
      bytes,
      ...(digest === undefined ? {} : { digest: digest.hex() }),
      crc: actual.toString(16).padStart(16, '0'),
    };
    this.#open -= 1;
    this.#listener.closed?.(current.closed);
  }
}

function required(unit: Buffer | undefined): Buffer {
  if (unit === undefined) throw damaged('a block has no header');
  return unit;
}

/** Time-series data travels under the name of its bucket collection. */
function dataKey({ database, collection, type }: ArchivedCollection): string {
  return `${database}\0${type === 'timeseries' ? 'system.buckets.' : ''}${collection}`;
}

function quoted(name: { readonly database: string; readonly collection: string }): string {
  return JSON.stringify(`${name.database}.${name.collection}`);
}
