import { randomUUID } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from '../../domain/failure.ts';
import type { Stat } from '../storage.ts';
import { etagOfStream } from './content-hash.ts';
import { codeOf, ifThere } from './file-failure.ts';
import { sidePath } from './place.ts';

export const PRIVATE_FILE = 0o600;
const CHUNK = 256 * 1024;

/** What is kept beside an object. `bytes` and `mtime` tell whether it still speaks of the file that is there. */
interface SideFile {
  readonly bytes: number;
  readonly mtime: string;
  readonly etag: string;
  readonly crc32: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export type Kept = Pick<SideFile, 'etag' | 'crc32' | 'metadata'>;

/** What is known of the object at a path, or undefined. Reads the whole file only where someone else has changed it. */
export async function statObject(key: string, path: string, blockBytes: number): Promise<Stat | undefined> {
  const handle = await openObject(path);
  if (handle === undefined) return undefined;
  try {
    return await statOpen({ key, path, handle, blockBytes });
  } finally {
    await handle.close();
  }
}

export interface OpenObject {
  readonly key: string;
  readonly path: string;
  readonly handle: FileHandle;
  readonly blockBytes: number;
}

export async function statOpen({ key, path, handle, blockBytes }: OpenObject): Promise<Stat> {
  const facts = await handle.stat({ bigint: true });
  const side = await readSide(path);
  const base = { key, bytes: Number(facts.size), modifiedAt: facts.mtime };
  if (side !== undefined && speaksOf(side, facts)) {
    return { ...base, etag: side.etag, crc32: side.crc32, metadata: side.metadata };
  }
  const etag = await etagOfStream(
    handle.createReadStream({ start: 0, autoClose: false, highWaterMark: CHUNK }),
    blockBytes,
  );
  // A copied store has new times but the same content: then what was kept still holds.
  if (side?.etag === etag) return { ...base, etag, crc32: side.crc32, metadata: side.metadata };
  return { ...base, etag, metadata: {} };
}

/** Opens an object for reading; undefined where there is none. A symbolic link in its place is refused. */
export async function openObject(path: string): Promise<FileHandle | undefined> {
  const handle = await ifThere(open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0))).catch((error: unknown) => {
    if (codeOf(error) !== 'ELOOP' && codeOf(error) !== 'EMLINK') throw error;
    throw new Failure('storage_denied', `${path} is a symbolic link, not an object of the store.`, {
      remedy: 'Remove the link.',
    });
  });
  if (handle === undefined || (await handle.stat()).isFile()) return handle;
  await handle.close();
  return undefined;
}

/** Writes the side file of an object whose bytes are in place; it is on disk when this resolves. */
export async function writeSide(path: string, kept: Kept): Promise<void> {
  const facts = await lstat(path, { bigint: true });
  const side: SideFile = { ...kept, bytes: Number(facts.size), mtime: String(facts.mtimeNs) };
  const temporary = join(dirname(path), `.${randomUUID()}.new`);
  try {
    await writeDurably(temporary, Buffer.from(JSON.stringify(side)));
    await rename(temporary, sidePath(path));
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}

/** A new file with these bytes, on disk when this resolves. */
export async function writeDurably(path: string, body: Uint8Array): Promise<void> {
  const handle = await open(path, 'wx', PRIVATE_FILE);
  try {
    await handle.writeFile(body);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readSide(path: string): Promise<SideFile | undefined> {
  const text = await ifThere(readFile(sidePath(path), 'utf8'));
  if (text === undefined) return undefined;
  try {
    const side: unknown = JSON.parse(text);
    return isSide(side) ? side : undefined;
  } catch {
    return undefined;
  }
}

function isSide(value: unknown): value is SideFile {
  if (typeof value !== 'object' || value === null) return false;
  const side: Partial<Record<keyof SideFile, unknown>> = value;
  const strings = [side.mtime, side.etag, side.crc32];
  if (typeof side.bytes !== 'number' || !strings.every((text) => typeof text === 'string')) return false;
  if (typeof side.metadata !== 'object' || side.metadata === null) return false;
  return Object.values(side.metadata).every((text) => typeof text === 'string');
}

function speaksOf(side: SideFile, facts: BigIntStats): boolean {
  return BigInt(side.bytes) === facts.size && side.mtime === String(facts.mtimeNs);
}
