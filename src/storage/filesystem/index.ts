import { randomUUID } from 'node:crypto';
import { type FileHandle, rm } from 'node:fs/promises';
import { isAbsolute, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Failure } from '../../domain/failure.ts';
import { checked, demandSame, type Span, spanOf } from '../byte-range.ts';
import { toBase64 } from '../crc32.ts';
import { checkKey, checkPrefix } from '../key.ts';
import { checkMetadata } from '../metadata.ts';
import { throwIfCancelled } from '../retrying.ts';
import type * as Room from '../storage.ts';
import { type FilesystemConfig, PART_BYTES, PARTS_PER_OBJECT, type StorageContext } from '../store-config.ts';
import { commitNew, commitOver, otherContent } from './commit.ts';
import { measure } from './content-hash.ts';
import { guarded, guardedStream } from './file-failure.ts';
import { abortUnfinished, beginUpload, unfinished } from './file-upload.ts';
import { withKeyLock } from './key-lock.ts';
import { openObject, statObject, statOpen, writeDurably } from './object-file.ts';
import { makeFolder, Place, sidePath, syncFolder } from './place.ts';
import { probeFolder } from './probe.ts';
import { walk } from './walk.ts';

const CHUNK = 256 * 1024;
/** `get` holds the object in memory; larger ones are read as a stream. */
const MOST_WHOLE = 64 * 1024 * 1024;

/** A folder as a store: objects are plain files, side files and unfinished uploads are hidden, everything is atomic and on disk. */
export function openFilesystem(config: FilesystemConfig, context: StorageContext): Room.Storage {
  if (!isAbsolute(config.root) || config.root.includes('\0')) {
    throw new Failure('usage', 'The folder of a store must be an absolute path.', {
      remedy: 'Write file:///absolute/path.',
    });
  }
  return new FilesystemStorage(config.root, context);
}

class FilesystemStorage implements Room.Storage {
  readonly kind = 'filesystem';
  readonly url: string;
  readonly limits: Room.Storage['limits'];
  readonly #place: Place;
  readonly #signal: AbortSignal | undefined;
  readonly #open = new Set<{ release(): Promise<void> }>();

  constructor(root: string, { signal, partBytes }: StorageContext) {
    this.url = pathToFileURL(root).href;
    this.limits = { partBytes: partBytes ?? PART_BYTES, partsPerObject: PARTS_PER_OBJECT };
    this.#place = new Place(root);
    this.#signal = signal;
  }

  probe(): Promise<Room.Capabilities> {
    return probeFolder(this);
  }

  async put(key: string, body: Uint8Array, options: Room.PutOptions = {}): Promise<Room.Stat> {
    throwIfCancelled(this.#signal);
    const target = await this.#file(key);
    const { etag, crc } = measure(body, this.limits.partBytes);
    const kept = { etag, crc32: toBase64(crc), metadata: checkMetadata(options.metadata ?? {}) };
    return guarded(target, async () => {
      const temporary = join(this.#place.uploads, `${randomUUID()}.put`);
      try {
        await makeFolder(this.#place.uploads);
        await writeDurably(temporary, body);
        await this.#commit({ key, temporary, target, kept }, options);
      } finally {
        await rm(temporary, { force: true });
      }
      const stat = await statObject(key, target, this.limits.partBytes);
      return stat ?? this.#lost(key);
    });
  }

  async get(key: string, options: Room.ReadOptions = {}): ReturnType<Room.Storage['get']> {
    const stat = await this.head(key);
    if (stat === undefined) return undefined;
    const pieces: Uint8Array[] = [];
    let bytes = 0;
    for await (const piece of this.read(key, options)) {
      bytes += piece.byteLength;
      if (bytes > MOST_WHOLE) {
        throw new Failure('storage_unsupported', `The object ${key} is too large to be read at once.`, {
          remedy: 'Read it as a stream.',
        });
      }
      pieces.push(piece);
    }
    return { body: Buffer.concat(pieces), stat };
  }

  async head(key: string): Promise<Room.Stat | undefined> {
    throwIfCancelled(this.#signal);
    const path = await this.#file(key);
    return guarded(path, () => statObject(key, path, this.limits.partBytes));
  }

  async *read(key: string, { range, ifMatch }: Room.ReadOptions = {}): AsyncIterable<Uint8Array> {
    throwIfCancelled(this.#signal);
    const path = await this.#file(key);
    const handle = await guarded(path, () => openObject(path));
    if (handle === undefined) this.#lost(key);
    try {
      const stat = await guarded(path, () => statOpen({ key, path, handle, blockBytes: this.limits.partBytes }));
      demandSame(stat, ifMatch);
      const span = spanOf(stat, range);
      if (span.bytes > 0) yield* guardedStream(path, checked(key, span, this.#chunks(handle, span)));
    } finally {
      await handle.close();
    }
  }

  async *list(prefix: string): AsyncIterable<Room.ListedObject> {
    throwIfCancelled(this.#signal);
    await this.#file(`${checkPrefix(prefix)}x`);
    yield* guardedStream(this.#place.root, walk(this.#place.root, prefix));
  }

  async remove(key: string, { ifMatch }: { readonly ifMatch?: string } = {}): Promise<void> {
    throwIfCancelled(this.#signal);
    const path = await this.#file(key);
    await guarded(path, async () => {
      if ((await statObject(key, path, this.limits.partBytes)) === undefined) return;
      await withKeyLock(this.#place.locks, key, () => this.#removeLocked(key, path, ifMatch));
    });
  }

  async upload(key: string, metadata: Readonly<Record<string, string>>): Promise<Room.Upload> {
    const check = (): void => throwIfCancelled(this.#signal);
    check();
    const target = await this.#file(key);
    const plan = { key, target, metadata: checkMetadata(metadata), limits: this.limits, check, open: this.#open };
    return guarded(target, () => beginUpload(this.#place, plan));
  }

  unfinishedUploads(prefix: string): AsyncIterable<Room.UnfinishedUpload> {
    return guardedStream(this.#place.uploads, unfinished(this.#place, checkPrefix(prefix)));
  }

  async abortUpload(upload: Room.UnfinishedUpload): Promise<void> {
    await guarded(this.#place.uploads, () => abortUnfinished(this.#place, upload));
  }

  clockOffsetMs(): number {
    return 0;
  }

  async close(): Promise<void> {
    for (const upload of [...this.#open]) await upload.release();
  }

  async #commit(finished: Parameters<typeof commitNew>[1], { ifAbsent, ifMatch }: Room.PutOptions): Promise<void> {
    if (ifAbsent === true) return commitNew(this.#place, finished);
    await withKeyLock(this.#place.locks, finished.key, async () => {
      if (ifMatch !== undefined) await this.#demandEtag(finished.key, finished.target, ifMatch);
      await commitOver(this.#place, finished);
    });
  }

  async #removeLocked(key: string, path: string, ifMatch: string | undefined): Promise<void> {
    if (ifMatch !== undefined) await this.#demandEtag(key, path, ifMatch);
    await rm(path, { force: true });
    await rm(sidePath(path), { force: true });
    await syncFolder(join(path, '..'));
    await this.#place.prune(path);
  }

  async #demandEtag(key: string, path: string, etag: string): Promise<void> {
    const stat = await statObject(key, path, this.limits.partBytes);
    if (stat?.etag !== etag) throw otherContent(key);
  }

  async *#chunks(handle: FileHandle, { start, end }: Span): AsyncIterable<Uint8Array> {
    for await (const chunk of handle.createReadStream({ start, end, autoClose: false, highWaterMark: CHUNK })) {
      throwIfCancelled(this.#signal);
      yield chunk;
    }
  }

  #file(key: string): Promise<string> {
    return guarded(this.#place.root, () => this.#place.file(checkKey(key)));
  }

  #lost(key: string): never {
    throw new Failure('backup_lost', `The object ${key} is not in ${this.url}.`, {
      remedy: 'Look whether someone removed it.',
    });
  }
}
