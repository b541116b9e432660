import { randomUUID } from 'node:crypto';
import type { TenantTransaction } from '../../catalog/catalog.ts';
import { type BackupRow, getBackup } from '../../catalog/repositories/backups.ts';
import { clock } from '../../catalog/repositories/changing.ts';
import { holdBackup } from '../../catalog/repositories/holds.ts';
import { lastLevel3 } from '../../catalog/repositories/run-history.ts';
import { insertRun, liveRuns, type RunRow } from '../../catalog/repositories/runs.ts';
import { BackupFacts, BackupRun, type VerifyRun } from '../../contract/resources/stored.ts';

const DAY_MS = 86_400_000;
const HOLD_SECONDS = 86_400;
/** So that a daily schedule with a weekly cadence does not slip by a day each week. */
const SLACK_MS = 3_600_000;

/**
 * Queues the restore test of a backup of each of the run's databases that is due: the first backup of a database, then one
 * within the cadence, or whenever the run asks for level 3 (T21). None of a database of which one is on its way.
 */
export async function queueLevel3(
  trx: TenantTransaction,
  run: RunRow,
  backups: readonly BackupRow[],
): Promise<readonly string[]> {
  const { database_id: databaseId } = run;
  if (databaseId === null) return [];
  const sound = backups.filter(({ state }) => state === 'good' || state === 'stored');
  const each = [...new Map(sound.toReversed().map((backup) => [backup.identity, backup])).values()].toReversed();
  const tested = await onTheirWay(trx, databaseId);
  const queued: string[] = [];
  for (const backup of each) {
    if (tested.has(backup.identity) || !(await isDue(trx, run, backup))) continue;
    queued.push(await queueOne(trx, run, backup));
  }
  return queued;
}

async function queueOne(trx: TenantTransaction, run: RunRow, backup: BackupRow): Promise<string> {
  const request: VerifyRun = { level: 3 };
  const queued = await insertRun(trx, {
    tenantId: run.tenant_id,
    id: randomUUID(),
    kind: 'verify',
    trigger: 'system',
    databaseId: run.database_id ?? undefined,
    backupId: backup.id,
    request,
  });
  await holdBackup(trx, { tenantId: run.tenant_id, backupId: backup.id, runId: queued.id, seconds: HOLD_SECONDS });
  return queued.id;
}

/** Databases of the entry whose restore test is queued or at work, by identity. */
async function onTheirWay(trx: TenantTransaction, databaseId: string): Promise<ReadonlySet<string>> {
  const live = await liveRuns(trx, { databaseId, kinds: ['verify'] });
  const identities = new Set<string>();
  for (const { request, backup_id: id } of live) {
    const backup = request.level === 3 && id !== null ? await getBackup(trx, id) : undefined;
    if (backup !== undefined) identities.add(backup.identity);
  }
  return identities;
}

async function isDue(trx: TenantTransaction, run: RunRow, backup: BackupRow): Promise<boolean> {
  const { level, level3EveryDays } = BackupRun.parse(run.request);
  const { type } = BackupFacts.parse(backup.facts);
  // Neither can stand alone in a server of its own.
  if (type === 'data' || type === 'globals') return false;
  if (level === 3) return true;
  const last = await lastLevel3(trx, backup);
  if (last === undefined) return true;
  const now = await clock(trx);
  return now.getTime() - last.getTime() > level3EveryDays * DAY_MS - SLACK_MS;
}
