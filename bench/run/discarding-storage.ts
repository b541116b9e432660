import { createHash } from 'node:crypto';
import { Failure } from '../../src/domain/failure.ts';
import type { CompleteOptions, PutOptions, Stat, Storage, Upload } from '../../src/storage/storage.ts';

/** Small, since nothing is sent: memory for parts under way belongs to an upload. */
const PART_BYTES = 1024 * 1024;

/** A store that keeps small objects and forgets the bytes of uploads: what a pipeline costs without any destination. */
export class DiscardingStorage implements Storage {
  readonly kind = 'discard';
  readonly url = 'discard:';
  readonly limits = { partBytes: PART_BYTES, partsPerObject: 1_000_000 };
  readonly #objects = new Map<string, { readonly stat: Stat; readonly body: Uint8Array | undefined }>();

  async probe() {
    return { conditionalWrites: true, checksums: true, versioned: false };
  }

  async put(key: string, body: Uint8Array, { ifAbsent, metadata = {} }: PutOptions = {}): Promise<Stat> {
    if (ifAbsent === true && this.#objects.has(key)) throw conflict(key);
    const etag = createHash('sha256').update(body).digest('hex');
    const stat = { key, bytes: body.length, etag, modifiedAt: new Date(), metadata };
    this.#objects.set(key, { stat, body });
    return stat;
  }

  async get(key: string) {
    const { stat, body } = this.#objects.get(key) ?? {};
    return stat === undefined || body === undefined ? undefined : { stat, body };
  }

  async head(key: string): Promise<Stat | undefined> {
    return this.#objects.get(key)?.stat;
  }

  read(key: string): AsyncIterable<Uint8Array> {
    throw new Failure('backup_lost', `${key} was not kept.`, { remedy: 'Use a store that keeps what it is given.' });
  }

  async *list(prefix: string) {
    for (const [key, { stat }] of this.#objects) {
      if (key.startsWith(prefix)) yield { key, bytes: stat.bytes, modifiedAt: stat.modifiedAt };
    }
  }

  async remove(key: string): Promise<void> {
    this.#objects.delete(key);
  }

  async upload(key: string, metadata: Readonly<Record<string, string>>): Promise<Upload> {
    const complete = async ({ bytes, crc32 }: CompleteOptions): Promise<Stat> => {
      const stat = { key, bytes, crc32, etag: crc32, modifiedAt: new Date(), metadata };
      this.#objects.set(key, { stat, body: undefined });
      return stat;
    };
    return { key, part: async () => undefined, complete, abort: async () => undefined };
  }

  async *unfinishedUploads() {}

  async abortUpload(): Promise<void> {}

  clockOffsetMs(): number {
    return 0;
  }

  async close(): Promise<void> {}
}

function conflict(key: string): Failure {
  return new Failure('storage_conflict', `${key} exists already.`, { remedy: 'Use another key.' });
}
