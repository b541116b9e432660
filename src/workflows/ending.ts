import type { TenantTransaction } from '../catalog/catalog.ts';
import { appendAudit } from '../catalog/repositories/audit.ts';
import { clock } from '../catalog/repositories/changing.ts';
import { getDatabase } from '../catalog/repositories/databases.ts';
import { getDestination } from '../catalog/repositories/destinations.ts';
import { dropHolds } from '../catalog/repositories/holds.ts';
import { tell } from '../catalog/repositories/notices.ts';
import { badBackupsInARow } from '../catalog/repositories/run-history.ts';
import type { RunEnd } from '../catalog/repositories/run-lease.ts';
import type { RunRow } from '../catalog/repositories/runs.ts';
import { Run } from '../contract/resources/work.ts';
import { copyName } from '../domain/backup.ts';
import { queueReconcile } from './reconcile/queue.ts';

/**
 * Everything that goes with the end of a run, in the transaction that ends it: its event in the audit chain, its holds, and
 * who is told. Last of all in the transaction: the chain is locked until the commit.
 */
export async function concludeRun(trx: TenantTransaction, run: RunRow): Promise<void> {
  await dropHolds(trx, run.id);
  await queueReconcile(trx, run);
  await tellOfEnd(trx, run);
  await appendAudit(trx, {
    tenantId: run.tenant_id,
    actor: `run ${run.id}`,
    origin: null,
    action: `runs.${run.state}`,
    object: objectOf(run),
    before: null,
    after: { kind: run.kind, attempt: run.attempt, code: run.code, backup: run.backup_id },
    requestId: run.id,
  });
}

function objectOf({ id, database_id: database, backup_id: backup }: RunRow): string {
  if (database !== null) return `database ${database}`;
  return backup === null ? `run ${id}` : `backup ${backup}`;
}

async function tellOfEnd(trx: TenantTransaction, run: RunRow): Promise<void> {
  if (run.kind === 'restore') return tellOfRestore(trx, run);
  if (run.kind === 'retention') return tellOfRetention(trx, run);
  const good = run.state === 'succeeded';
  if (run.kind === 'backup' && good) return tellOfRecovery(trx, run);
  // A level that could not be reached is told when it has been missed for too long.
  if (run.kind === 'verify' && (run.state === 'partly' || isVerdict(run))) return;
  if (!good && run.state !== 'cancelled' && ['backup', 'verify'].includes(run.kind)) return tellOfFailure(trx, run);
}

/** What is wrong with a backup is told as such, by whoever found it. */
function isVerdict({ code }: RunRow): boolean {
  return code !== null && VERDICTS.includes(code);
}

const VERDICTS = ['backup_damaged', 'backup_lost', 'backup_archived'];

async function tellOfFailure(trx: TenantTransaction, run: RunRow): Promise<void> {
  const { n } =
    run.kind === 'backup' && run.database_id !== null
      ? await badBackupsInARow(trx, { databaseId: run.database_id, besides: run.id })
      : { n: 0 };
  await tell(trx, {
    event: 'run.failed',
    at: await clock(trx),
    tenantId: run.tenant_id,
    key: `run ${run.id}`,
    data: {
      runId: run.id,
      kind: run.kind,
      state: run.state as 'failed' | 'partly' | 'interrupted',
      ...(await maybeDatabase(trx, run)),
      ...(run.schedule_id === null ? {} : { scheduleId: run.schedule_id }),
      ...(run.slot === null ? {} : { slot: run.slot.toISOString() }),
      ...whyOf(run),
      failing: await failingOf(trx, run),
      inARow: n + 1,
    },
  });
}

async function failingOf(trx: TenantTransaction, run: RunRow) {
  const failing = [];
  for (const { destinationId, databaseName, ok, code, detail } of Run.shape.outcomes.parse(run.outcomes)) {
    if (ok) continue;
    const name = copyName((await getDestination(trx, destinationId))?.name ?? destinationId, databaseName);
    failing.push({
      destinationId,
      name,
      ...(code === undefined ? {} : { code }),
      ...(detail === undefined ? {} : { detail }),
    });
  }
  return failing;
}

function whyOf({ code, cause, remedy, state }: RunRow) {
  return { code: code ?? 'internal', cause: cause ?? `It is ${state}.`, ...(remedy === null ? {} : { remedy }) };
}

async function tellOfRecovery(trx: TenantTransaction, run: RunRow): Promise<void> {
  const database = await maybeDatabase(trx, run);
  if (database === undefined) return;
  const { n, since } = await badBackupsInARow(trx, { databaseId: database.databaseId, besides: run.id });
  if (n === 0 || since === undefined) return;
  const data = { runId: run.id, ...database, failedRuns: n, since: since.toISOString() };
  const ends = { event: 'run.failed', severity: 'critical' } as const;
  const about = { tenantId: run.tenant_id, key: `run ${run.id}`, at: await clock(trx) };
  await tell(trx, { event: 'run.recovered', ...about, data, ends });
}

async function tellOfRestore(trx: TenantTransaction, run: RunRow): Promise<void> {
  const database = await maybeDatabase(trx, run);
  if (database === undefined) return;
  const { started_at: from, finished_at: to } = run;
  const seconds = from === null || to === null ? undefined : (to.getTime() - from.getTime()) / 1000;
  await tell(trx, {
    event: 'restore.finished',
    at: await clock(trx),
    tenantId: run.tenant_id,
    key: `run ${run.id}`,
    data: {
      runId: run.id,
      ...database,
      state: run.state as Exclude<RunEnd['state'], 'queued'>,
      ...(seconds === undefined ? {} : { seconds }),
      ...(run.state === 'succeeded' ? {} : whyOf(run)),
    },
  });
}

async function tellOfRetention(trx: TenantTransaction, run: RunRow): Promise<void> {
  if (run.state === 'succeeded' || run.state === 'cancelled') return;
  const data = { runId: run.id, ...(await maybeDatabase(trx, run)), ...whyOf(run) };
  const about = { tenantId: run.tenant_id, key: `run ${run.id}`, at: await clock(trx) };
  await tell(trx, { event: 'retention.blocked', ...about, data });
}

async function maybeDatabase(trx: TenantTransaction, { database_id: id }: RunRow) {
  const database = id === null ? undefined : await getDatabase(trx, id);
  return database === undefined ? undefined : { databaseId: database.id, databaseName: database.name };
}
