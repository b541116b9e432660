import { Failure } from '../domain/failure.ts';
import type { ManifestBody } from '../domain/manifest.ts';
import type { Stat, Storage, Upload } from '../storage/storage.ts';

/** One stored object on its way. */
export interface Volume {
  readonly name: string;
  readonly key: string;
  readonly upload: Promise<Upload>;
  parts: number;
  bytes: number;
  crc: number;
  sha256: string;
  /** `asked` once completion was asked for, whatever came back; then what the store answered. */
  completed?: 'asked' | Stat;
}

/** Completes the volumes in order, then looks at each: the store's word on its own completion is not enough (F27). */
export async function completeVolumes(storage: Storage, volumes: readonly Volume[]): Promise<ManifestBody['volumes']> {
  const result: ManifestBody['volumes'] = [];
  for (const volume of volumes) {
    const { name, bytes, sha256 } = volume;
    const upload = await volume.upload;
    const crc = base64Crc(volume.crc);
    volume.completed = 'asked';
    const stat = await upload.complete({ bytes, crc32: crc });
    volume.completed = stat;
    requireSame(volume, crc, await storage.head(volume.key, stat.versionId));
    const version = stat.versionId === undefined ? {} : { versionId: stat.versionId };
    result.push({ name, bytes, sha256, crc32: crc, ...version });
  }
  return result;
}

/** Aborts every upload, as far as the store answers. */
export async function abortUploads(volumes: readonly Volume[]): Promise<void> {
  await Promise.allSettled(volumes.map(async ({ upload }) => (await upload).abort()));
}

/** Aborts what is unfinished and removes what is complete; the keys of what could not be removed. */
export async function discardVolumes(
  storage: Storage,
  volumes: readonly Volume[],
  backup: string,
): Promise<readonly string[]> {
  const left: string[] = [];
  for (const volume of volumes) {
    try {
      await discard(storage, volume, backup);
    } catch {
      left.push(volume.key);
    }
  }
  return left;
}

/** CRC-32 as stores write it: base64 of its four bytes. */
export function base64Crc(value: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes.toString('base64');
}

function requireSame(volume: Volume, crc: string, seen: Stat | undefined): void {
  if (seen !== undefined && seen.bytes === volume.bytes && (seen.crc32 ?? crc) === crc) return;
  const found = seen === undefined ? 'it is not there' : `it has ${seen.bytes} bytes, checksum ${seen.crc32 ?? 'none'}`;
  throw new Failure('backup_damaged', `The store does not hold ${volume.name} as it was sent: ${found}.`, {
    remedy: 'Run the backup again; if this repeats, the store cannot be trusted.',
  });
}

/** An upload that could not even be begun leaves nothing that we could name; a complete one has nothing to abort. */
async function discard(storage: Storage, volume: Volume, backup: string): Promise<void> {
  const upload = await volume.upload.catch(() => undefined);
  const { completed } = volume;
  try {
    if (completed === undefined || completed === 'asked') await upload?.abort();
  } finally {
    const stat = completed === 'asked' ? await ours(storage, volume, backup) : completed;
    if (stat !== undefined) await storage.remove(volume.key, exactly(stat));
  }
}

/** An object of someone else at that key is the reason we failed, and stays (F30). */
async function ours(storage: Storage, volume: Volume, backup: string): Promise<Stat | undefined> {
  const stat = await storage.head(volume.key);
  return stat?.metadata.backup === backup ? stat : undefined;
}

/** What removes this version and no other (F43, F64). */
export function exactly({ versionId, etag }: Stat): { versionId: string } | { ifMatch: string } {
  return versionId === undefined ? { ifMatch: etag } : { versionId };
}
