import { randomUUID } from 'node:crypto';
import type { TenantTransaction } from '../catalog/catalog.ts';
import { type BackupSummaryRow, dueForVerification } from '../catalog/repositories/backups.ts';
import { clock, lockName } from '../catalog/repositories/changing.ts';
import { holdBackup, sweepHolds } from '../catalog/repositories/holds.ts';
import { sweepKeys } from '../catalog/repositories/idempotency.ts';
import { insertRun, liveRuns, type NewRun, type RunRow } from '../catalog/repositories/runs.ts';
import { sweepTokens } from '../catalog/repositories/sessions.ts';
import { countReadable, destinationsInUse, upkeepSince } from '../catalog/repositories/upkeep.ts';
import type { ReconcileRun, RetentionRun, VerifyRun } from '../contract/resources/stored.ts';
import { messageOf } from '../domain/failure.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { startQueued } from './start-queued.ts';

type Needs = Pick<Runtime, 'catalog' | 'launcher' | 'log'>;

/** A little less than a day, so that the hour of the work does not drift. */
const HOURS = 23;
/** Every stored backup is read again about this often. */
const DAYS_BETWEEN_READINGS = 30;
const DAY_MS = 86_400_000;
const HOLD_SECONDS = 86_400;

/**
 * Queues what every tenant is owed once a day, however often and by however many it is called: retention by the rules of all
 * schedules, a comparison of each destination with the catalog, and a reading of the backups that were read longest ago.
 * Returns how many runs were queued.
 */
export async function queueUpkeep(runtime: Needs): Promise<number> {
  let queued = 0;
  for (const tenantId of await runtime.catalog.find.tenants()) {
    try {
      const runs = await runtime.catalog.withTenant(tenantId, (trx) => queueFor(trx, tenantId));
      for (const { id: runId, kind } of runs) await startQueued(runtime, { tenantId, runId, kind });
      queued += runs.length;
    } catch (error) {
      runtime.log('error', { tenantId, cause: messageOf(error) }, 'the daily work of a tenant could not be queued');
    }
  }
  return queued;
}

async function queueFor(trx: TenantTransaction, tenantId: string): Promise<readonly RunRow[]> {
  await lockName(trx, ' upkeep');
  if (await upkeepSince(trx, HOURS)) return [];
  await sweepTokens(trx);
  await sweepKeys(trx);
  await sweepHolds(trx);
  const queue = (run: Pick<NewRun, 'kind' | 'request' | 'databaseId' | 'backupId'>) =>
    insertRun(trx, { ...run, tenantId, id: randomUUID(), trigger: 'system' });
  const retention: RetentionRun = { zone: 'UTC' };
  const runs = [await queue({ kind: 'retention', request: retention })];
  for (const destinationId of await destinationsInUse(trx)) {
    const request: ReconcileRun = { destinationId };
    runs.push(await queue({ kind: 'reconcile', request }));
  }
  for (const { id: backupId, database_id: databaseId } of await readingsDue(trx)) {
    const request: VerifyRun = { level: 1 };
    const run = await queue({ kind: 'verify', request, backupId, databaseId: databaseId ?? undefined });
    await holdBackup(trx, { tenantId, backupId, runId: run.id, seconds: HOLD_SECONDS });
    runs.push(run);
  }
  return runs;
}

/** So many a day that all have their turn within the month. */
async function readingsDue(trx: TenantTransaction): Promise<readonly BackupSummaryRow[]> {
  const most = Math.ceil((await countReadable(trx)) / DAYS_BETWEEN_READINGS);
  if (most === 0) return [];
  const before = new Date((await clock(trx)).getTime() - DAY_MS);
  const due = await dueForVerification(trx, { column: 'last_read_at', before, most });
  const busy = new Set((await liveRuns(trx, { kinds: ['verify'] })).map((run) => run.backup_id));
  return due.filter(({ id }) => !busy.has(id));
}
