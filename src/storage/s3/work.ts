import { Failure } from '../../domain/failure.ts';
import { checkKey, checkPrefix } from '../key.ts';
import { throwIfCancelled } from '../retrying.ts';
import type * as Room from '../storage.ts';
import type { S3Config, StorageContext } from '../store-config.ts';
import { Calls } from './calls.ts';
import { listObjects, listUploads } from './listing.ts';
import { probeBucket } from './probe.ts';
import { findObject, headObject, readKnown, readObject } from './reading.ts';
import { abortMultipart, beginUpload } from './s3-upload.ts';
import { putObject, type Removal, removeObject } from './writing.ts';

/** `get` holds the object in memory; larger ones are read as a stream. */
const MOST_WHOLE = 64 * 1024 * 1024;

/** A bucket, or the part of one below a prefix, of AWS or of any store that speaks S3. Its face gives address and limits. */
export function openWork(config: S3Config, context: StorageContext, face: Face): Room.Storage {
  return new S3Storage(config, context, face);
}

type Face = Pick<Room.Storage, 'url' | 'limits'>;

class S3Storage implements Room.Storage {
  readonly kind = 's3';
  readonly url: string;
  readonly limits: Room.Storage['limits'];
  readonly #calls: Calls;

  constructor(config: S3Config, context: StorageContext, { url, limits }: Face) {
    this.url = url;
    this.limits = limits;
    this.#calls = new Calls(config, context);
  }

  probe(): Promise<Room.Capabilities> {
    return probeBucket(this.#calls, this);
  }

  async put(key: string, body: Uint8Array, options: Room.PutOptions = {}): Promise<Room.Stat> {
    return putObject(this.#calls, { key: checkKey(key), body, options });
  }

  async get(key: string, options: Room.ReadOptions = {}): ReturnType<Room.Storage['get']> {
    const stat = await findObject(this.#calls, checkKey(key), options);
    if (stat === undefined) return undefined;
    const asked = (options.range?.end ?? stat.bytes) - (options.range?.start ?? 0);
    if (Math.min(asked, stat.bytes) > MOST_WHOLE) {
      throw new Failure('storage_unsupported', `The object ${key} is too large to be read at once.`, {
        remedy: 'Read it as a stream.',
      });
    }
    const pieces: Uint8Array[] = [];
    for await (const piece of readKnown(this.#calls, stat, options.range)) pieces.push(piece);
    return { body: Buffer.concat(pieces), stat };
  }

  async head(key: string, versionId?: string): Promise<Room.Stat | undefined> {
    return headObject(this.#calls, checkKey(key), versionId);
  }

  async *read(key: string, options: Room.ReadOptions = {}): AsyncIterable<Uint8Array> {
    yield* readObject(this.#calls, checkKey(key), options);
  }

  async *list(prefix: string): AsyncIterable<Room.ListedObject> {
    yield* listObjects(this.#calls, checkPrefix(prefix));
  }

  async remove(key: string, options: Removal = {}): Promise<void> {
    await removeObject(this.#calls, checkKey(key), options);
  }

  async upload(key: string, metadata: Readonly<Record<string, string>>): Promise<Room.Upload> {
    throwIfCancelled(this.#calls.signal);
    return beginUpload(this.#calls, { key: checkKey(key), metadata, limits: this.limits });
  }

  async *unfinishedUploads(prefix: string): AsyncIterable<Room.UnfinishedUpload> {
    yield* listUploads(this.#calls, checkPrefix(prefix), { tidying: false });
  }

  async abortUpload({ key, uploadId }: Room.UnfinishedUpload): Promise<void> {
    await abortMultipart(this.#calls, checkKey(key), uploadId);
  }

  clockOffsetMs(): number {
    return this.#calls.clock.offsetMs;
  }

  async close(): Promise<void> {
    this.#calls.close();
  }
}
