import { crc32 } from 'node:zlib';
import { Failure } from '../domain/failure.ts';
import { toBase64 } from './crc32.ts';
import type { ReadOptions, Stat } from './storage.ts';

/** The bytes a read will give: first and last, both included, and the checksum they must have where that is known. */
export interface Span {
  readonly start: number;
  readonly end: number;
  readonly bytes: number;
  readonly crc32: string | undefined;
}

/** Fits a range to an object. The end is cut to the object's; a start behind it means the object is too short: `backup_damaged`. */
export function spanOf(stat: Stat, range: ReadOptions['range']): Span {
  const start = range?.start ?? 0;
  const last = stat.bytes - 1;
  if (range !== undefined && start > last)
    throw damaged(stat.key, `ends after ${stat.bytes} bytes, before those asked for`);
  const end = Math.min(range?.end ?? last, last);
  const bytes = Math.max(0, end - start + 1);
  return { start, end, bytes, crc32: bytes === stat.bytes ? stat.crc32 : undefined };
}

/** Passes chunks on; at the end their number and, for a whole object, their CRC-32 must be right, or it fails as `backup_damaged` (F39, F40). */
export async function* checked(key: string, span: Span, chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  let bytes = 0;
  let crc = 0;
  for await (const chunk of chunks) {
    bytes += chunk.byteLength;
    if (span.crc32 !== undefined) crc = crc32(chunk, crc);
    yield chunk;
  }
  if (bytes !== span.bytes) throw damaged(key, `gave ${bytes} of ${span.bytes} bytes`);
  if (span.crc32 !== undefined && toBase64(crc) !== span.crc32)
    throw damaged(key, 'has another checksum than when it was stored');
}

/** Refuses an object that is not the one the caller knows (F40). */
export function demandSame(stat: Stat, ifMatch: string | undefined): void {
  if (ifMatch !== undefined && ifMatch !== stat.etag) throw damaged(stat.key, 'is not the one that was stored');
}

export function damaged(key: string, what: string): Failure {
  return new Failure('backup_damaged', `The object ${key} ${what}.`, {
    remedy: 'Use another backup, and find out what changes objects there.',
  });
}
