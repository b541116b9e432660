import type { TenantTransaction } from '../../catalog/catalog.ts';
import { getBackup, judgeBackup } from '../../catalog/repositories/backups.ts';
import { clock } from '../../catalog/repositories/changing.ts';
import { getDatabase } from '../../catalog/repositories/databases.ts';
import { tell } from '../../catalog/repositories/notices.ts';
import { insertReport } from '../../catalog/repositories/reports.ts';
import { finishRun, type RunEnd, renewLease, requireLease } from '../../catalog/repositories/run-lease.ts';
import type { RunRow } from '../../catalog/repositories/runs.ts';
import { Failure } from '../../domain/failure.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { claim } from '../claim.ts';
import { concludeRun } from '../ending.ts';
import { fail } from '../fail.ts';
import { reportOf } from '../report.ts';
import { type Claimed, LEASE_SECONDS, type RunInput } from '../workflow.ts';
import { VerifyResult } from './check.ts';
import { verifyDefinition } from './definition.ts';

/** In one transaction: what the backup is now, the report, the run's end and who is told. */
async function record({ catalog }: Pick<Runtime, 'catalog'>, input: Claimed): Promise<Claimed> {
  const { tenantId, runId, lease, attempt } = input;
  const ref = { runId, lease };
  await catalog.withTenant(tenantId, async (trx) => {
    await renewLease(trx, ref, LEASE_SECONDS);
    const run = await requireLease(trx, ref);
    const result = VerifyResult.safeParse(reportOf(run, attempt)?.result);
    if (!result.success) throw new Failure('internal', 'The task left no result.', { remedy: 'Verify it again.' });
    await judge(trx, run, result.data);
    await concludeRun(trx, await finishRun(trx, ref, endOf(result.data)));
  });
  return input;
}

async function judge(trx: TenantTransaction, run: RunRow, result: VerifyResult): Promise<void> {
  const { backup_id: backupId, tenant_id: tenantId } = run;
  const { status, reached } = result;
  if (backupId === null || status === 'deleted') return;
  const state = status === 'sealed' ? 'suspect' : status;
  if (!(await judgeBackup(trx, { id: backupId, state, level: reached }))) return;
  const at = await clock(trx);
  await insertReport(trx, { tenantId, id: run.id, backupId, body: { ...result, at: at.toISOString(), runId: run.id } });
  if (state === 'stored' || state === 'good') return;
  const databaseId = (await getBackup(trx, backupId))?.database_id ?? undefined;
  const database = databaseId === undefined ? undefined : await getDatabase(trx, databaseId);
  if (database === undefined) return;
  const data = { databaseId: database.id, databaseName: database.name, backupId, state, backups: 1 };
  await tell(trx, { event: 'verification.failed', tenantId, key: `run ${run.id}`, at, data });
}

const CODES = { suspect: 'backup_damaged', lost: 'backup_lost', archived: 'backup_archived' } as const;

/** A backup that is wrong is bad news; a level that could not be reached here says nothing against it. */
function endOf({ status, reached, asked, reason, ...rest }: VerifyResult): RunEnd {
  const report = { asked, reached, status, ...(reason === undefined ? {} : { reason }), ...rest };
  if (status === 'good' || status === 'stored') {
    if (reached >= asked) return { state: 'succeeded', report };
    const remedy = 'See what this machine lacks: dbdump doctor.';
    return { state: 'partly', code: 'level_not_reached', cause: reason, remedy, report };
  }
  const code = status === 'lost' || status === 'archived' ? CODES[status] : CODES.suspect;
  return { state: 'failed', code, cause: reason ?? `It is ${status}.`, remedy: 'Take another backup now.', report };
}

/** The functions of the workflow, by the names of its steps. */
export const verifySteps = {
  claim: (runtime: Pick<Runtime, 'catalog'>, input: RunInput) => claim(runtime, verifyDefinition, input),
  record,
  fail: (runtime: Pick<Runtime, 'catalog'>, input: Parameters<typeof fail>[2]) =>
    fail(runtime, verifyDefinition, input),
};
