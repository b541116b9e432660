import { createHash, randomBytes } from 'node:crypto';
import { Failure } from '../../src/domain/failure.ts';
import { crc32Base64 } from '../../src/storage/crc32.ts';
import type { Stat, Storage, Upload } from '../../src/storage/storage.ts';

export function partsOf(storage: Storage, body: Uint8Array): Uint8Array[] {
  const { partBytes } = storage.limits;
  const count = Math.max(1, Math.ceil(body.byteLength / partBytes));
  return Array.from({ length: count }, (_, i) => body.subarray(i * partBytes, (i + 1) * partBytes));
}

/** Two parts and a half, so that order, equal size and a short end all matter. */
export function severalParts(storage: Storage): Buffer {
  return randomBytes(storage.limits.partBytes * 2 + 12_345);
}

export async function sendParts(upload: Upload, parts: readonly Uint8Array[]): Promise<void> {
  for (const [i, part] of parts.entries()) await upload.part(i + 1, part);
}

/** Uploads a body as the pipeline does; what fails is aborted. */
export async function store(
  storage: Storage,
  { key, body, metadata = { run: 'run-1' } }: { key: string; body: Uint8Array; metadata?: Record<string, string> },
): Promise<Stat> {
  const upload = await storage.upload(key, metadata);
  try {
    await sendParts(upload, partsOf(storage, body));
    return await upload.complete({ bytes: body.byteLength, crc32: crc32Base64(body) });
  } catch (error) {
    await upload.abort();
    throw error;
  }
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

export async function bytesOf(
  storage: Storage,
  key: string,
  options: Parameters<Storage['read']>[1] = {},
): Promise<Buffer> {
  return Buffer.concat(await collect(storage.read(key, options)));
}

/** The Failure a promise ends in; anything else is an error of the test. */
export async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const outcome = await work.then(
    () => 'success',
    (error: unknown) => error,
  );
  if (outcome instanceof Failure) return outcome;
  throw new Error(`expected a Failure, got ${String(outcome)}`, { cause: outcome });
}

export async function codeOf(work: Promise<unknown>): Promise<string> {
  return (await failureOf(work)).code;
}

/** For comparing large buffers: matchers walk them byte by byte. */
export function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
