import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Failure } from '../../src/domain/failure.ts';
import type {
  CompleteOptions,
  ListedObject,
  PutOptions,
  ReadOptions,
  Stat,
  Storage,
  UnfinishedUpload,
  Upload,
} from '../../src/storage/storage.ts';

interface Kept {
  body: Buffer;
  etag: string;
  versionId: string | undefined;
  modifiedAt: Date;
  metadata: Readonly<Record<string, string>>;
  crc32: string;
}

interface Open {
  readonly key: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly startedAt: Date;
  readonly parts: Map<number, Buffer>;
}

/** Called before every effect and every answer of the store; what it throws is what the caller meets. */
export type Hook = (call: {
  readonly name: string;
  readonly key: string;
  readonly when: 'before' | 'after';
}) => unknown;

export interface MemoryOptions {
  readonly partBytes?: number;
  readonly partsPerObject?: number;
  readonly versioned?: boolean;
  readonly hook?: Hook;
  now?(): number;
}

const conflict = (key: string) => new Failure('storage_conflict', `${key} is not what was expected.`);

/** A store in memory that keeps the promises of `Storage`: fast enough for thousands of faults. */
export class MemoryStorage implements Storage {
  readonly kind = 'memory';
  readonly url = 'memory:';
  readonly limits: Storage['limits'];
  readonly objects = new Map<string, Kept>();
  readonly uploads = new Map<string, Open>();
  /** Names of all calls so far. */
  readonly calls: string[] = [];
  hook: Hook | undefined;
  offsetMs = 0;
  readonly #options: MemoryOptions;
  #count = 0;

  constructor(options: MemoryOptions = {}) {
    this.#options = options;
    this.hook = options.hook;
    this.limits = { partBytes: options.partBytes ?? 64 * 1024, partsPerObject: options.partsPerObject ?? 8192 };
  }

  /** The same objects and uploads through another, faultless door. */
  twin(): MemoryStorage {
    const { hook: _, ...options } = this.#options;
    const twin = new MemoryStorage(options);
    Object.assign(twin, { objects: this.objects, uploads: this.uploads });
    return twin;
  }

  async #call<T>(name: string, key: string, effect: () => T): Promise<T> {
    this.calls.push(name);
    await this.hook?.({ name, key, when: 'before' });
    const result = effect();
    await this.hook?.({ name, key, when: 'after' });
    return result;
  }

  #now(): Date {
    return new Date((this.#options.now?.() ?? Date.now()) + this.offsetMs);
  }

  probe() {
    return this.#call('probe', '', () => ({
      conditionalWrites: true,
      checksums: true,
      versioned: this.#options.versioned === true,
    }));
  }

  put(key: string, body: Uint8Array, options: PutOptions = {}): Promise<Stat> {
    return this.#call('put', key, () => {
      const existing = this.objects.get(key);
      if (options.ifAbsent && existing !== undefined) throw conflict(key);
      if (options.ifMatch !== undefined && existing?.etag !== options.ifMatch) throw conflict(key);
      return this.#keep(key, Buffer.from(body), options.metadata ?? {});
    });
  }

  #keep(key: string, body: Buffer, metadata: Readonly<Record<string, string>>): Stat {
    this.#count += 1;
    const kept: Kept = {
      body,
      metadata,
      etag: `${createHash('md5').update(body).digest('hex')}-${this.#count}`,
      versionId: this.#options.versioned ? `v${this.#count}` : undefined,
      modifiedAt: this.#now(),
      crc32: crcOf(body),
    };
    this.objects.set(key, kept);
    return this.#stat(key, kept);
  }

  #stat(key: string, kept: Kept): Stat {
    const { etag, modifiedAt, metadata, versionId } = kept;
    const version = versionId === undefined ? {} : { versionId };
    return { key, bytes: kept.body.length, etag, modifiedAt, metadata, crc32: kept.crc32, ...version };
  }

  get(key: string) {
    return this.#call('get', key, () => {
      const kept = this.objects.get(key);
      return kept === undefined ? undefined : { body: Buffer.from(kept.body), stat: this.#stat(key, kept) };
    });
  }

  head(key: string) {
    return this.#call('head', key, () => {
      const kept = this.objects.get(key);
      return kept === undefined ? undefined : this.#stat(key, kept);
    });
  }

  async *read(key: string, options: ReadOptions = {}): AsyncGenerator<Uint8Array> {
    const kept = await this.#call('read', key, () => this.objects.get(key));
    if (kept === undefined) throw new Failure('backup_lost', `${key} is not there.`);
    if (options.ifMatch !== undefined && options.ifMatch !== kept.etag) throw conflict(key);
    if (options.versionId !== undefined && options.versionId !== kept.versionId) {
      throw new Failure('backup_lost', `${key} is not there in that version.`);
    }
    for (let start = 0; start < kept.body.length; start += 65_536) {
      yield kept.body.subarray(start, start + 65_536);
    }
  }

  async *list(prefix: string): AsyncGenerator<ListedObject> {
    const keys = await this.#call('list', prefix, () => [...this.objects.keys()].filter((k) => k.startsWith(prefix)));
    for (const key of keys.sort()) {
      const kept = this.objects.get(key);
      if (kept !== undefined) yield { key, bytes: kept.body.length, modifiedAt: kept.modifiedAt };
    }
  }

  remove(key: string, options: { versionId?: string; ifMatch?: string } = {}): Promise<void> {
    return this.#call('remove', key, () => {
      const kept = this.objects.get(key);
      if (kept === undefined) return;
      if (options.ifMatch !== undefined && options.ifMatch !== kept.etag) throw conflict(key);
      if (options.versionId !== undefined && options.versionId !== kept.versionId) return;
      this.objects.delete(key);
    });
  }

  async upload(key: string, metadata: Readonly<Record<string, string>>): Promise<Upload> {
    const id = await this.#call('upload', key, () => {
      this.#count += 1;
      const uploadId = `u${this.#count}`;
      this.uploads.set(uploadId, { key, metadata, startedAt: this.#now(), parts: new Map() });
      return uploadId;
    });
    return {
      key,
      part: (number, body) =>
        this.#call('part', key, () => {
          const open = this.uploads.get(id);
          if (open === undefined) throw new Failure('storage_conflict', 'The upload is gone.');
          open.parts.set(number, Buffer.from(body));
        }),
      complete: (options) => this.#call('complete', key, () => this.#complete(id, options)),
      abort: () => this.#call('abort', key, () => void this.uploads.delete(id)),
    };
  }

  #complete(id: string, { bytes, crc32: crc }: CompleteOptions): Stat {
    const open = this.uploads.get(id);
    if (open === undefined) throw new Failure('storage_conflict', 'The upload is gone.');
    if (this.objects.has(open.key)) throw conflict(open.key);
    const body = Buffer.concat([...open.parts.entries()].sort(([a], [b]) => a - b).map(([, part]) => part));
    if (body.length !== bytes || crcOf(body) !== crc)
      throw new Failure('backup_damaged', 'Length or checksum is wrong.');
    this.uploads.delete(id);
    return this.#keep(open.key, body, open.metadata);
  }

  async *unfinishedUploads(prefix: string): AsyncGenerator<UnfinishedUpload> {
    const open = await this.#call('unfinished', prefix, () => [...this.uploads]);
    for (const [uploadId, { key, startedAt }] of open) {
      if (key.startsWith(prefix)) yield { key, uploadId, startedAt };
    }
  }

  abortUpload({ key, uploadId }: UnfinishedUpload): Promise<void> {
    return this.#call('abortUpload', key, () => void this.uploads.delete(uploadId));
  }

  clockOffsetMs(): number {
    return this.offsetMs;
  }

  async close(): Promise<void> {}
}

function crcOf(body: Buffer): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(crc32(body));
  return bytes.toString('base64');
}
