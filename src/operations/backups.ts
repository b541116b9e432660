import type { TenantTransaction } from '../catalog/catalog.ts';
import { startDeletion, undoDeletion } from '../catalog/repositories/backup-deletion.ts';
import {
  type BackupSummaryRow,
  getBackup,
  labelBackup,
  listBackupRows,
  lockBackup,
  setPin,
} from '../catalog/repositories/backups.ts';
import { found, requireVersion } from '../catalog/repositories/changing.ts';
import { getDatabase } from '../catalog/repositories/databases.ts';
import { reportsOf } from '../catalog/repositories/reports.ts';
import { Failure } from '../domain/failure.ts';
import { ManifestBody } from '../domain/manifest.ts';
import { GRACE_SECONDS } from '../domain/retention.ts';
import { backupResource, tableCounts } from './backup-resource.ts';
import { change, look } from './change.ts';
import type { Operation } from './operation.ts';
import { conflict } from './refusal.ts';

export const listAllBackups: Operation<'backups.list', 'catalog'> = async (runtime, asker, { query }) => {
  const at = (text: string | undefined) => (text === undefined ? undefined : new Date(text));
  const wanted = { ...query, before: at(query.before), after: at(query.after) };
  const { rows, next } = await look(runtime, asker, (trx) => listBackupRows(trx, wanted));
  return { items: rows.map(backupResource), next };
};

export const getOneBackup: Operation<'backups.get', 'catalog'> = (runtime, asker, { params }) =>
  look(runtime, asker, async (trx) => {
    const row = found(await getBackup(trx, params.backupId), 'backup');
    const reports = await reportsOf(trx, row.id);
    return {
      ...backupResource(row),
      key: row.key,
      manifest: row.manifest,
      reports: reports.map(({ body }) => body),
      tableCounts: tableCounts(row, ManifestBody.parse(row.manifest)),
    };
  });

export const updateBackup: Operation<'backups.update', 'catalog'> = (runtime, asker, { params, body }) =>
  change(runtime, asker, async (trx, told) => {
    const row = await present(trx, params.backupId);
    requireVersion(row, asker.ifMatch);
    const after = await labelBackup(trx, row.id, body);
    const labels = ({ name, tags }: BackupSummaryRow) => ({ name, tags });
    await told({ action: 'backups.update', object: `backup ${row.id}`, before: labels(row), after: labels(after) });
    return backupResource(after);
  });

/** One that is not gone, locked. */
async function present(trx: TenantTransaction, id: string): Promise<BackupSummaryRow> {
  const row = found(await lockBackup(trx, id), 'backup');
  if (row.state === 'deleted') conflict('The backup is deleted.', 'Use another one.');
  return row;
}

export const pinBackup: Operation<'backups.pin', 'catalog'> = (runtime, asker, { params, body }) =>
  change(runtime, asker, async (trx, told) => {
    const row = await present(trx, params.backupId);
    if (row.state === 'deleting') conflict('The backup is about to be deleted.', 'Undo the deletion first.');
    const after = await setPin(trx, row.id, body.reason);
    await told({
      action: 'backups.pin',
      object: `backup ${row.id}`,
      before: { pin: row.pin },
      after: { pin: after.pin },
    });
    return backupResource(after);
  });

export const unpinBackup: Operation<'backups.unpin', 'catalog'> = (runtime, asker, { params }) =>
  change(runtime, asker, async (trx, told) => {
    const row = await present(trx, params.backupId);
    const after = await setPin(trx, row.id, null);
    await told({
      action: 'backups.unpin',
      object: `backup ${row.id}`,
      before: { pin: row.pin },
      after: { pin: null },
    });
    return backupResource(after);
  });

/** The first of two phases; undone within the time of grace. The last verified backup of a managed database stays. */
export const deleteBackup: Operation<'backups.delete', 'catalog'> = (runtime, asker, { params }) =>
  change(runtime, asker, async (trx, told) => {
    const row = await present(trx, params.backupId);
    if (row.state === 'deleting') return backupResource(row);
    if (row.pin !== null) conflict(`The backup is pinned: ${row.pin}.`, 'Unpin it first.');
    const floor = (await isManaged(trx, row)) ? 1 : undefined;
    const [id] = await startDeletion(trx, { ids: [row.id], graceSeconds: GRACE_SECONDS, floor });
    if (id === undefined) throw shielded(row);
    const after = backupResource(found(await lockBackup(trx, row.id), 'backup'));
    await told({
      action: 'backups.delete',
      object: `backup ${row.id}`,
      before: { state: row.state },
      after: { state: after.state, deleteAfter: after.deleteAfter },
    });
    return after;
  });

async function isManaged(trx: TenantTransaction, { database_id: id }: BackupSummaryRow): Promise<boolean> {
  const database = id === null ? undefined : await getDatabase(trx, id);
  return database !== undefined && database.removed_at === null;
}

/** Not pinned, and yet it may not go. */
function shielded({ locked_until: lockedUntil }: BackupSummaryRow): Failure {
  if (lockedUntil !== null && lockedUntil.getTime() > Date.now()) {
    return new Failure('storage_locked', `The backup is locked until ${lockedUntil.toISOString()}.`, {
      remedy: 'Delete it after that.',
    });
  }
  return new Failure('target_in_use', 'The backup is being read by a restore, a verification or a download.', {
    remedy: 'Wait until that is over.',
  });
}

export const undeleteBackup: Operation<'backups.undelete', 'catalog'> = (runtime, asker, { params }) =>
  change(runtime, asker, async (trx, told) => {
    const row = found(await lockBackup(trx, params.backupId), 'backup');
    const after = backupResource(await undoDeletion(trx, row.id));
    await told({
      action: 'backups.undelete',
      object: `backup ${row.id}`,
      before: { state: row.state },
      after: { state: after.state },
    });
    return after;
  });
