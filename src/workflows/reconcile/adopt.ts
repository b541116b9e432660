import { randomUUID } from 'node:crypto';
import type { TenantTransaction } from '../../catalog/catalog.ts';
import { appendAudit } from '../../catalog/repositories/audit.ts';
import { type BackupSummaryRow, insertBackup, judgeBackup, lockBackup } from '../../catalog/repositories/backups.ts';
import { clock } from '../../catalog/repositories/changing.ts';
import { getDatabase } from '../../catalog/repositories/databases.ts';
import { tell } from '../../catalog/repositories/notices.ts';
import { getRun } from '../../catalog/repositories/runs.ts';
import type { BackupSummary } from '../../pipeline/pipeline.ts';
import { factsOf, identityOf, rowsByTable } from '../backup/record.ts';

export interface Place {
  readonly tenantId: string;
  readonly destinationId: string;
  /** Whose look it is, for the audit chain. */
  readonly runId: string;
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Takes a sealed backup into the catalog that does not know it: its catalog was restored from an older day, or its run ended
 * between seal and record (F26, F57, F58). False when its run is still at work and will record it, when it is there already,
 * or when there is nothing left to adopt.
 */
export async function adopt(trx: TenantTransaction, place: Place, found: BackupSummary): Promise<boolean> {
  const { manifest, status, level, verifiedAt } = found;
  const { body, key } = manifest;
  const run = UUID.test(body.run) ? await getRun(trx, body.run) : undefined;
  if (status === 'lost' || status === 'deleted' || (run !== undefined && ['queued', 'running'].includes(run.state)))
    return false;
  const database = UUID.test(body.database.id) ? await getDatabase(trx, body.database.id) : undefined;
  const row = await insertBackup(trx, {
    tenantId: place.tenantId,
    id: randomUUID(),
    manifestId: body.backup,
    databaseId: database?.id,
    destinationId: place.destinationId,
    runId: run?.id,
    key,
    name: undefined,
    state: status,
    level,
    identity: identityOf(found),
    plainBytes: body.plain.bytes,
    storedBytes: body.stored.bytes,
    facts: factsOf(found),
    manifest: body,
    tableRows: rowsByTable(found),
    manifestSha256: manifest.sha256,
    snapshotAt: new Date(body.snapshotAt),
    verifiedAt: status === 'good' ? verifiedAt : undefined,
  });
  if (row === undefined) return false;
  await audit(trx, place, { action: 'backups.adopt', id: row.id, before: null, after: { key, state: status } });
  return true;
}

export type Verdict = 'lost' | 'suspect' | 'archived' | 'found';

/** What the store showed of a backup that the catalog knows. */
export interface Shown {
  readonly id: string;
  readonly verdict: Verdict;
  /** For `found`: what its reports say. */
  readonly status?: BackupSummary['status'];
  readonly level?: number;
}

/** Brings a backup's state to what the store showed. False where it was so already, or the backup is on its way out. */
export async function correct(trx: TenantTransaction, place: Place, shown: Shown): Promise<boolean> {
  const row = await lockBackup(trx, shown.id);
  if (row === undefined || row.state === 'deleted' || row.state === 'deleting') return false;
  const state = stateNow(row, shown);
  if (state === row.state) return false;
  const level = shown.verdict === 'found' ? Math.max(shown.level ?? 0, row.level) : row.level;
  await judgeBackup(trx, { id: row.id, state, level: shown.verdict === 'found' ? level : 0 });
  if (state === 'lost' || state === 'suspect' || state === 'archived') await tellOfBad(trx, place, { row, state });
  await audit(trx, place, {
    action: `backups.${state}`,
    id: row.id,
    before: { state: row.state },
    after: { state },
  });
  return true;
}

/** A backup that is back is as good as it was proved to be, and one that was found damaged stays so. */
function stateNow(row: BackupSummaryRow, { verdict, status, level = 0 }: Shown) {
  if (verdict !== 'found') return verdict;
  if (row.state !== 'lost' && row.state !== 'archived') return row.state as 'sealed';
  if (status === 'suspect') return status;
  const proved = Math.max(level, row.level);
  if (proved >= 2) return 'good';
  return proved === 1 ? 'stored' : 'sealed';
}

async function tellOfBad(
  trx: TenantTransaction,
  { tenantId }: Place,
  { row, state }: { readonly row: BackupSummaryRow; readonly state: 'lost' | 'suspect' | 'archived' },
): Promise<void> {
  const { database_id: databaseId, id: backupId, version } = row;
  if (databaseId === null) return;
  const databaseName = (await getDatabase(trx, databaseId))?.name ?? databaseId;
  const data = { databaseId, databaseName, backupId, state, backups: 1 };
  const key = `backup ${backupId} at ${version}`;
  await tell(trx, { event: 'verification.failed', tenantId, key, at: await clock(trx), data });
}

interface Change {
  readonly action: string;
  readonly id: string;
  readonly before: unknown;
  readonly after: unknown;
}

async function audit(trx: TenantTransaction, place: Place, { action, id, before, after }: Change): Promise<void> {
  await appendAudit(trx, {
    tenantId: place.tenantId,
    actor: `run ${place.runId}`,
    origin: null,
    action,
    object: `backup ${id}`,
    before,
    after,
    requestId: place.runId,
  });
}
