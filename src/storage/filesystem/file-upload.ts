import { randomUUID } from 'node:crypto';
import { type FileHandle, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../domain/failure.ts';
import { PartLedger } from '../part-ledger.ts';
import type { CompleteOptions, Stat, Storage, UnfinishedUpload, Upload } from '../storage.ts';
import { commitNew } from './commit.ts';
import { blockHash, etagOf } from './content-hash.ts';
import { guarded, ifThere } from './file-failure.ts';
import { PRIVATE_FILE, statObject, writeDurably } from './object-file.ts';
import { makeFolder, type Place } from './place.ts';

const ID = /^[0-9a-f-]{36}$/;
const HALF_MADE = '.new-';
const HALF_MADE_MS = 86_400_000;

export interface UploadPlan {
  readonly key: string;
  readonly target: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly limits: Storage['limits'];
  readonly check: () => void;
  /** Uploads under way: what they hold open is closed with the store. */
  readonly open: Set<{ release(): Promise<void> }>;
}

/** Begins an upload: one file in the hidden area, into which parts are written at their places in any order. */
export async function beginUpload(place: Place, plan: UploadPlan): Promise<Upload> {
  const id = randomUUID();
  const half = join(place.uploads, HALF_MADE + id);
  const folder = join(place.uploads, id);
  await makeFolder(half);
  await writeDurably(
    join(half, 'upload.json'),
    Buffer.from(JSON.stringify({ key: plan.key, startedAt: new Date().toISOString() })),
  );
  await rename(half, folder);
  return new FileUpload(place, plan, { folder, handle: await open(join(folder, 'data'), 'wx', PRIVATE_FILE) });
}

class FileUpload implements Upload {
  readonly key: string;
  readonly #place: Place;
  readonly #plan: UploadPlan;
  readonly #folder: string;
  readonly #handle: FileHandle;
  readonly #ledger: PartLedger;
  readonly #hashes = new Map<number, Buffer>();
  readonly #writing = new Set<Promise<void>>();
  #state: 'open' | 'done' | 'aborted' = 'open';

  constructor(place: Place, plan: UploadPlan, { folder, handle }: { folder: string; handle: FileHandle }) {
    this.key = plan.key;
    this.#place = place;
    this.#plan = plan;
    this.#folder = folder;
    this.#handle = handle;
    this.#ledger = new PartLedger(plan.limits);
    plan.open.add(this);
  }

  /** Closes the file; what was written stays as an unfinished upload. */
  async release(): Promise<void> {
    await this.#handle.close();
    this.#plan.open.delete(this);
  }

  async part(number: number, body: Uint8Array): Promise<void> {
    this.#demandOpen();
    const note = this.#ledger.describe(number, body);
    const writing = guarded(this.#folder, () =>
      writeAt(this.#handle, body, (number - 1) * this.#plan.limits.partBytes),
    );
    const settled = writing.catch(() => undefined);
    this.#writing.add(settled);
    try {
      await writing;
    } finally {
      this.#writing.delete(settled);
    }
    this.#hashes.set(number, blockHash(body));
    this.#ledger.acknowledge(note);
  }

  async complete(options: CompleteOptions): Promise<Stat> {
    this.#demandOpen();
    const notes = this.#ledger.finish(options);
    const blocks = notes
      .filter((note) => note.bytes > 0)
      .map((note) => this.#hashes.get(note.number) ?? Buffer.alloc(0));
    const kept = { etag: etagOf(blocks), crc32: options.crc32, metadata: this.#plan.metadata };
    const { key, target } = this.#plan;
    return guarded(target, async () => {
      await this.#settle(options.bytes);
      await commitNew(this.#place, { key, temporary: join(this.#folder, 'data'), target, kept });
      this.#state = 'done';
      await rm(this.#folder, { recursive: true, force: true });
      return demandStat(key, await statObject(key, target, this.#plan.limits.partBytes));
    });
  }

  async abort(): Promise<void> {
    if (this.#state === 'done') return;
    this.#state = 'aborted';
    await Promise.all(this.#writing);
    await this.release();
    await guarded(this.#folder, () => rm(this.#folder, { recursive: true, force: true }));
  }

  // An error of fsync is never tried again: the kernel may have dropped the pages it could not write.
  async #settle(bytes: number): Promise<void> {
    await this.#handle.truncate(bytes);
    await this.#handle.sync();
    await this.release();
  }

  #demandOpen(): void {
    this.#plan.check();
    if (this.#state === 'open') return;
    throw new Failure('usage', `The upload of ${this.key} has ended.`, { remedy: 'Begin another one.' });
  }
}

async function writeAt(handle: FileHandle, body: Uint8Array, position: number): Promise<void> {
  for (let written = 0; written < body.byteLength; ) {
    const { bytesWritten } = await handle.write(body, written, body.byteLength - written, position + written);
    written += bytesWritten;
  }
}

function demandStat(key: string, found: Stat | undefined): Stat {
  if (found !== undefined) return found;
  throw new Failure('backup_lost', `The object ${key} was removed at the moment it was written.`, {
    remedy: 'Find out who deletes files there.',
  });
}

/** Uploads that were begun and neither completed nor aborted, oldest names first. */
export async function* unfinished(place: Place, prefix: string): AsyncIterable<UnfinishedUpload> {
  for (const name of ((await ifThere(readdir(place.uploads))) ?? []).sort()) {
    if (name.startsWith(HALF_MADE)) await removeOld(join(place.uploads, name));
    const found = ID.test(name) ? await describe(join(place.uploads, name)) : undefined;
    if (found?.key.startsWith(prefix) === true) yield { ...found, uploadId: name };
  }
}

/** Removes one unfinished upload; one that is gone already is no error. */
export async function abortUnfinished(place: Place, { uploadId }: UnfinishedUpload): Promise<void> {
  if (!ID.test(uploadId))
    throw new Failure('usage', 'That is not the id of an upload.', { remedy: 'Take it from the list of uploads.' });
  await rm(join(place.uploads, uploadId), { recursive: true, force: true });
}

async function describe(folder: string): Promise<{ key: string; startedAt: Date } | undefined> {
  const text = await ifThere(readFile(join(folder, 'upload.json'), 'utf8'));
  if (text === undefined) return undefined;
  const { key, startedAt }: { key?: unknown; startedAt?: unknown } = JSON.parse(text);
  return { key: String(key), startedAt: new Date(String(startedAt)) };
}

async function removeOld(folder: string): Promise<void> {
  const facts = await ifThere(stat(folder));
  if (facts === undefined || Date.now() - facts.mtimeMs < HALF_MADE_MS) return;
  await rm(folder, { recursive: true, force: true });
}
