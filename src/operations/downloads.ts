import { randomUUID } from 'node:crypto';
import { type BackupRow, getBackup } from '../catalog/repositories/backups.ts';
import { clock, found } from '../catalog/repositories/changing.ts';
import { holdBackup } from '../catalog/repositories/holds.ts';
import { slug } from '../domain/backup.ts';
import { Failure } from '../domain/failure.ts';
import { ManifestBody } from '../domain/manifest.ts';
import { folderOf } from '../pipeline/layout.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { change, look, ShownOnce } from './change.ts';
import type { Asker, Operation } from './operation.ts';

/** A link's life (F77). */
const LINK_SECONDS = 300;
/** The hold outlives the link, for a download that has begun. */
const HOLD_SECONDS = 3600;

/**
 * Links of five minutes to the stored objects, with what to check them by. The backup is held, then the links are made, then
 * the grant is written into the audit chain, and only then given: no link leaves that the chain does not tell of. A link
 * itself is neither kept nor logged.
 */
export const grantDownload: Operation<'backups.download', 'catalog' | 'downloads'> = async (
  runtime,
  asker,
  { params },
) => {
  const runId = randomUUID();
  const { row, now } = await look(runtime, asker, async (trx) => {
    const backup = found(await getBackup(trx, params.backupId), 'backup');
    requireReadable(backup);
    await holdBackup(trx, { tenantId: asker.tenantId, backupId: backup.id, runId, seconds: HOLD_SECONDS });
    return { row: backup, now: await clock(trx) };
  });
  const grant = await grantFor(runtime, asker, { row, runId });
  const expiresAt = new Date(now.getTime() + LINK_SECONDS * 1000).toISOString();
  const { answer } = await change(runtime, asker, async (_trx, told) => {
    await told({ action: 'backups.download', object: `backup ${row.id}`, after: { grant: runId, expiresAt } });
    return new ShownOnce({ ...grant, expiresAt });
  });
  return answer;
};

/** One that a person may rely on, or at least look at: nothing that is gone, and nothing that must be thawed first. */
export function requireReadable({ state }: Pick<BackupRow, 'state'>): void {
  if (state === 'lost')
    throw new Failure('backup_lost', 'The objects of the backup are gone.', { remedy: 'Use another backup.' });
  if (state === 'archived') {
    throw new Failure('backup_archived', 'The backup lies in an archive class and must be thawed first.', {
      remedy: 'Restore it from the archive class in the store, then ask again.',
    });
  }
}

async function grantFor(
  { downloads }: Pick<Runtime, 'downloads'>,
  asker: Asker,
  { row, runId }: { readonly row: BackupRow; readonly runId: string },
) {
  const manifest = ManifestBody.parse(row.manifest);
  const time = manifest.snapshotAt.replace(/[^0-9TZ]/g, '');
  const fileName = `${slug(manifest.database.name)}-${time}${endingOf(manifest)}`;
  const volumes = [];
  for (const [index, { name, versionId, bytes, sha256 }] of manifest.volumes.entries()) {
    const number = manifest.volumes.length === 1 ? '' : `.${String(index).padStart(4, '0')}`;
    const volumeName = `${fileName}${number}`;
    const url = await downloads.link({
      tenantId: asker.tenantId,
      destinationId: row.destination_id,
      runId,
      key: `${folderOf(row.key)}/${name}`,
      versionId,
      fileName: volumeName,
      bytes,
      seconds: LINK_SECONDS,
    });
    volumes.push({ url, fileName: volumeName, bytes, sha256 });
  }
  const { bytes, sha256 } = manifest.stored;
  return { url: volumes[0]?.url ?? '', fileName, bytes, sha256, sha256sum: `${sha256}  ${fileName}`, volumes };
}

/** `.pgc.zst.age`: what has to be undone to read it, as the stored objects say; their numbers are not of the whole. */
function endingOf({ volumes: [first], extension }: ManifestBody): string {
  return /\..*?(?=(?:\.\d+)?$)/.exec(first?.name ?? '')?.[0] ?? `.${extension}`;
}
