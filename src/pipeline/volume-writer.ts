import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { volumeName } from '../domain/backup.ts';
import { crc32Combine } from '../domain/crc32.ts';
import type { ManifestBody } from '../domain/manifest.ts';
import type { Storage } from '../storage/storage.ts';
import { BufferPool } from './buffer-pool.ts';
import { abortUploads, completeVolumes, discardVolumes, type Volume } from './volumes.ts';

export interface WriterOptions {
  readonly storage: Storage;
  /** Key folder of the backup. */
  readonly folder: string;
  /** Name of the first volume. */
  readonly base: string;
  /** Kept with each volume; `backup` tells ours from another's. */
  readonly metadata: { readonly backup: string; readonly run: string; readonly attempt: string };
  /** Parts under way at once; one more buffer is being filled. */
  readonly inFlight?: number;
}

export interface StoredBytes {
  readonly bytes: number;
  readonly sha256: string;
}

const IN_FLIGHT = 2;

/** Cuts a stream into parts and volumes. Nothing it writes is visible before `complete`. */
export class VolumeWriter {
  readonly #options: WriterOptions;
  readonly #volumes: Volume[] = [];
  readonly #pool: BufferPool;
  readonly #flying = new Set<Promise<void>>();
  readonly #total = createHash('sha256');
  /** Of the volume being written; the first one's equals the total so far. */
  #own = createHash('sha256');
  #bytes = 0;
  #buffer: Buffer | undefined;
  #used = 0;
  #failed: { readonly error: unknown } | undefined;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#pool = new BufferPool(options.storage.limits.partBytes, (options.inFlight ?? IN_FLIGHT) + 1);
  }

  /** Copies the chunk; a promise means that every buffer is on its way: wait (F23). Throws once a part has failed. */
  write(chunk: Uint8Array): Promise<void> | undefined {
    let rest = chunk;
    while (rest.length > 0) {
      if (this.#failed !== undefined) throw this.#failed.error;
      this.#buffer ??= this.#pool.take();
      if (this.#buffer === undefined) return this.#writeLater(rest);
      rest = this.#fill(this.#buffer, rest);
    }
    return undefined;
  }

  /** Sends the last part and waits for all of them. */
  async finish(): Promise<StoredBytes> {
    if (this.#buffer !== undefined) this.#send(this.#buffer);
    await Promise.all(this.#flying);
    if (this.#failed !== undefined) throw this.#failed.error;
    this.#closeVolume();
    return { bytes: this.#bytes, sha256: this.#total.copy().digest('hex') };
  }

  /** Makes the volumes visible in order and looks at each of them. */
  complete(): Promise<ManifestBody['volumes']> {
    return completeVolumes(this.#options.storage, this.#volumes);
  }

  /** Aborts and removes whatever was written; names what could not be removed. */
  async discard(): Promise<readonly string[]> {
    this.#failed ??= { error: new Error('The backup was given up.') };
    // Ends the parts under way; what one of them still brought is gone with the second abort.
    await abortUploads(this.#volumes);
    await Promise.all(this.#flying);
    return discardVolumes(this.#options.storage, this.#volumes, this.#options.metadata.backup);
  }

  async #writeLater(rest: Uint8Array): Promise<void> {
    await this.#pool.freed();
    await this.write(rest);
  }

  #fill(into: Buffer, from: Uint8Array): Uint8Array {
    const length = Math.min(into.length - this.#used, from.length);
    into.set(from.subarray(0, length), this.#used);
    this.#used += length;
    if (this.#used === into.length) this.#send(into);
    return from.subarray(length);
  }

  /** Starts a part; its buffer comes back when the store has it, and not before: a replay needs it (F25). */
  #send(buffer: Buffer): void {
    const body = buffer.subarray(0, this.#used);
    this.#buffer = undefined;
    this.#used = 0;
    const crc = crc32(body);
    const volume = this.#volumeFor(body, crc);
    const number = volume.parts;
    const flight = volume.upload
      .then((upload) => upload.part(number, body, crc))
      .catch((error: unknown) => {
        this.#failed ??= { error };
      })
      .finally(() => {
        this.#flying.delete(flight);
        this.#pool.give(buffer);
      });
    this.#flying.add(flight);
  }

  #volumeFor(body: Uint8Array, crc: number): Volume {
    const last = this.#volumes.at(-1);
    const full = last === undefined || last.parts === this.#options.storage.limits.partsPerObject;
    const volume = full ? this.#nextVolume() : last;
    this.#total.update(body);
    if (this.#volumes.length > 1) this.#own.update(body);
    volume.crc = crc32Combine(volume.crc, crc, body.length);
    volume.parts += 1;
    volume.bytes += body.length;
    this.#bytes += body.length;
    return volume;
  }

  #nextVolume(): Volume {
    this.#closeVolume();
    this.#own = createHash('sha256');
    const { storage, folder, base, metadata } = this.#options;
    const name = volumeName(base, this.#volumes.length);
    const key = `${folder}/${name}`;
    const upload = storage.upload(key, metadata);
    // Its failure is met by the part that waits for it.
    upload.catch(() => undefined);
    const volume: Volume = { name, key, upload, parts: 0, bytes: 0, crc: 0, sha256: '' };
    this.#volumes.push(volume);
    return volume;
  }

  #closeVolume(): void {
    const last = this.#volumes.at(-1);
    if (last === undefined) return;
    const hash = this.#volumes.length === 1 ? this.#total : this.#own;
    last.sha256 = hash.copy().digest('hex');
  }
}
