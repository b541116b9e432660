import { createHash, type Hash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { Failure } from '../domain/failure.ts';
import type { ManifestBody } from '../domain/manifest.ts';
import type { Stat, Storage } from '../storage/storage.ts';
import { folderOf } from './layout.ts';
import type { TrustedManifest } from './pipeline.ts';
import { untilStopped } from './stop.ts';
import { base64Crc } from './volumes.ts';

type StoredVolume = ManifestBody['volumes'][number];

export interface StoredSource {
  readonly storage: Storage;
  readonly manifest: Pick<TrustedManifest, 'body' | 'key'>;
  readonly signal: AbortSignal;
  /** Told of stored bytes read so far. */
  readonly onBytes?: (bytes: number) => void;
}

/**
 * A backup's stored bytes, volume after volume. Ends without a Failure only when every length, SHA-256 and CRC-32 is the
 * one the manifest states: `backup_lost`, `backup_damaged`, `backup_archived` (F39–F41). A wrong length is found before
 * the first byte; everything else before the end is seen.
 */
export async function* storedBytes(source: StoredSource): AsyncGenerator<Uint8Array> {
  const total = createHash('sha256');
  const { volumes, stored } = source.manifest.body;
  let bytes = 0;
  for (const volume of volumes) {
    for await (const chunk of volumeBytes(source, volume, total)) {
      bytes += chunk.length;
      source.onBytes?.(bytes);
      yield chunk;
    }
  }
  if (bytes !== stored.bytes || total.digest('hex') !== stored.sha256) {
    throw damaged('the whole of its volumes', 'does not hash to what was sealed');
  }
}

async function* volumeBytes(source: StoredSource, volume: StoredVolume, total: Hash): AsyncGenerator<Uint8Array> {
  const key = `${folderOf(source.manifest.key)}/${volume.name}`;
  const stat = await source.storage.head(key, volume.versionId);
  requirePresent(volume, stat);
  const own = source.manifest.body.volumes.length === 1 ? total : createHash('sha256');
  let crc = 0;
  let bytes = 0;
  const pinned = volume.versionId === undefined ? { ifMatch: stat.etag } : { versionId: volume.versionId };
  for await (const chunk of untilStopped(source.signal, source.storage.read(key, pinned))) {
    bytes += chunk.length;
    if (bytes > volume.bytes) throw damaged(volume.name, `goes on after its ${volume.bytes} bytes`);
    crc = crc32(chunk, crc);
    own.update(chunk);
    if (own !== total) total.update(chunk);
    yield chunk;
  }
  if (bytes !== volume.bytes) throw damaged(volume.name, `ends after ${bytes} of ${volume.bytes} bytes`);
  if (own.copy().digest('hex') !== volume.sha256 || base64Crc(crc) !== volume.crc32) {
    throw damaged(volume.name, 'does not hash to what was sealed');
  }
}

function requirePresent(volume: StoredVolume, stat: Stat | undefined): asserts stat is Stat {
  if (stat === undefined) {
    throw new Failure('backup_lost', `${volume.name} is no longer in the store.`, {
      remedy: 'Restore from another backup; look for a lifecycle rule or a person that removed it.',
    });
  }
  if (stat.archivedAs !== undefined) {
    throw new Failure('backup_archived', `${volume.name} was moved to ${stat.archivedAs} and must be thawed first.`, {
      remedy: 'Have the store restore the object, then try again.',
    });
  }
  if (stat.bytes !== volume.bytes) throw damaged(volume.name, `has ${stat.bytes} bytes instead of ${volume.bytes}`);
}

/** A Failure `backup_damaged` about one thing of a backup. */
export function damaged(what: string, how: string, cause?: unknown): Failure {
  return new Failure('backup_damaged', `The backup is damaged: ${what} ${how}.`, {
    remedy: 'Restore from another backup, or fetch an older version of the object.',
    ...(cause === undefined ? {} : { cause }),
  });
}
