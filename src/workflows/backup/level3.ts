import { randomUUID } from 'node:crypto';
import type { TenantTransaction } from '../../catalog/catalog.ts';
import type { BackupRow } from '../../catalog/repositories/backups.ts';
import { clock } from '../../catalog/repositories/changing.ts';
import { holdBackup } from '../../catalog/repositories/holds.ts';
import { lastLevel3 } from '../../catalog/repositories/run-history.ts';
import { insertRun, liveRuns, type RunRow } from '../../catalog/repositories/runs.ts';
import { BackupRun, type VerifyRun } from '../../contract/resources/stored.ts';

const DAY_MS = 86_400_000;
const HOLD_SECONDS = 86_400;
/** So that a daily schedule with a weekly cadence does not slip by a day each week. */
const SLACK_MS = 3_600_000;

/**
 * Queues the restore test of one of the run's backups when it is due: the first backup of a database, then one within the
 * cadence, or whenever the run asks for level 3 (T21). Undefined when none is due, or one is on its way.
 */
export async function queueLevel3(
  trx: TenantTransaction,
  run: RunRow,
  backups: readonly BackupRow[],
): Promise<string | undefined> {
  const backup = backups.find(({ state }) => state === 'good' || state === 'stored');
  if (backup === undefined || run.database_id === null || !(await isDue(trx, run, run.database_id))) return undefined;
  const request: VerifyRun = { level: 3 };
  const queued = await insertRun(trx, {
    tenantId: run.tenant_id,
    id: randomUUID(),
    kind: 'verify',
    trigger: 'system',
    databaseId: run.database_id,
    backupId: backup.id,
    request,
  });
  await holdBackup(trx, { tenantId: run.tenant_id, backupId: backup.id, runId: queued.id, seconds: HOLD_SECONDS });
  return queued.id;
}

async function isDue(trx: TenantTransaction, run: RunRow, databaseId: string): Promise<boolean> {
  const { level, level3EveryDays, type } = BackupRun.parse(run.request);
  if (type === 'data') return false;
  const onItsWay = (await liveRuns(trx, { databaseId, kinds: ['verify'] })).some(({ request }) => request.level === 3);
  if (onItsWay) return false;
  if (level === 3) return true;
  const last = await lastLevel3(trx, databaseId);
  if (last === undefined) return true;
  const now = await clock(trx);
  return now.getTime() - last.getTime() > level3EveryDays * DAY_MS - SLACK_MS;
}
