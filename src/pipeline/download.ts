import { type DecodeNeeds, storedPlain } from './decode.ts';
import type { Needs, TrustedManifest } from './pipeline.ts';
import { storedBytes } from './stored-bytes.ts';

export interface DownloadOptions {
  /** The plain dump instead of the stored bytes; encrypted ones need an identity. */
  readonly decompress: boolean;
}

/**
 * A backup's bytes. They are checked while they pass: a stream that ends without a Failure was undamaged, and only then
 * may what was written be kept.
 */
export function download(
  needs: DecodeNeeds & Pick<Needs, 'progress'>,
  manifest: TrustedManifest,
  { decompress }: DownloadOptions,
): AsyncIterable<Uint8Array> {
  const totalBytes = manifest.body.stored.bytes;
  const onBytes = (bytes: number) => needs.progress({ phase: 'fetch', storedBytes: bytes, totalBytes });
  if (decompress) return storedPlain(needs, manifest, { onBytes }).bytes();
  return storedBytes({ storage: needs.storage, manifest, signal: needs.bench.signal, onBytes });
}
