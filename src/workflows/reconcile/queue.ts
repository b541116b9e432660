import { randomUUID } from 'node:crypto';
import type { TenantTransaction } from '../../catalog/catalog.ts';
import { getBackup } from '../../catalog/repositories/backups.ts';
import { insertRun, liveRuns, type RunRow } from '../../catalog/repositories/runs.ts';
import { BackupRun, type ReconcileRun, RestoreRun } from '../../contract/resources/stored.ts';

/** Failures that can only come before anything is sealed: no store needs to be looked at after them. */
const BEFORE_SEAL = [
  ...['database_unreachable', 'authentication_failed', 'tls_refused', 'privilege_missing', 'server_unsupported'],
  ...['tool_missing', 'tool_too_old', 'dump_failed', 'dump_incomplete', 'dump_blocked', 'schema_changed'],
  ...['standby_conflict', 'compressor_failed', 'size_cap_exceeded', 'usage', 'not_verified'],
];

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
  return state !== 'succeeded' && (code === null || !BEFORE_SEAL.includes(code));
}
