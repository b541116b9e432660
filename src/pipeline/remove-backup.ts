import type { ManifestBody } from '../domain/manifest.ts';
import type { Storage } from '../storage/storage.ts';
import { folderOf } from './layout.ts';
import { exactly } from './volumes.ts';

export interface StoredBackup {
  /** Store key of its manifest. */
  readonly key: string;
  readonly body: ManifestBody;
}

/**
 * Removes every object of a backup, exact versions only (F43). The manifest goes first: what is left after a crash is no
 * backup. Repeating it, or meeting what is already gone, is no error (F64). A Failure `storage_locked` where a lock stands.
 */
export async function removeBackup(storage: Storage, { key, body }: StoredBackup): Promise<void> {
  const folder = folderOf(key);
  await removeExactly(storage, key);
  for (const { name, versionId } of body.volumes) await removeExactly(storage, `${folder}/${name}`, versionId);
  for await (const { key: other } of storage.list(`${folder}/`)) await removeExactly(storage, other);
}

async function removeExactly(storage: Storage, key: string, versionId?: string): Promise<void> {
  if (versionId !== undefined) return storage.remove(key, { versionId });
  const stat = await storage.head(key);
  if (stat !== undefined) await storage.remove(key, exactly(stat));
}
