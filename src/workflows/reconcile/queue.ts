import { randomUUID } from 'node:crypto';
import type { TenantTransaction } from '../../catalog/catalog.ts';
import { getBackup } from '../../catalog/repositories/backups.ts';
import { insertRun, liveRuns, type RunRow } from '../../catalog/repositories/runs.ts';
import { BackupRun, type ReconcileRun, RestoreRun } from '../../contract/resources/stored.ts';

/** Ends of which the task itself said nothing, so that it may have sealed a backup first. */
const UNSURE = ['internal', 'not_ready', 'lease_lost'];

/**
 * Queues a look at each destination in which a run may have left a sealed backup that no row tells of: a run that ended
 * between seal and record (F57), and a restore in place, which saves what it replaces. The sweep starts it.
 */
export async function queueReconcile(trx: TenantTransaction, run: RunRow): Promise<void> {
  for (const destinationId of await placesOf(trx, run)) {
    if ((await liveRuns(trx, { kinds: ['reconcile'], destinationId })).length > 0) continue;
    const request: ReconcileRun = { destinationId };
    const about = { tenantId: run.tenant_id, id: randomUUID() };
    await insertRun(trx, { ...about, kind: 'reconcile', trigger: 'system', request });
  }
}

async function placesOf(trx: TenantTransaction, run: RunRow): Promise<readonly string[]> {
  if (run.attempt === 0) return [];
  if (run.kind === 'backup') return isUnsure(run) ? BackupRun.parse(run.request).destinationIds : [];
  if (run.kind !== 'restore' || run.backup_id === null) return [];
  if (RestoreRun.parse(run.request).target.kind !== 'in-place') return [];
  const backup = await getBackup(trx, run.backup_id);
  return backup === undefined ? [] : [backup.destination_id];
}

function isUnsure({ state, code }: RunRow): boolean {
  return state === 'interrupted' || (state === 'failed' && UNSURE.includes(code ?? ''));
}
