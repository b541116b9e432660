import { setRestoreResult } from '../../catalog/repositories/restores.ts';
import { finishRun, renewLease, requireLease } from '../../catalog/repositories/run-lease.ts';
import { RestoreResult, RestoreRun } from '../../contract/resources/stored.ts';
import { Failure } from '../../domain/failure.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { claim } from '../claim.ts';
import { concludeRun } from '../ending.ts';
import { fail } from '../fail.ts';
import { reportOf } from '../report.ts';
import { type Claimed, LEASE_SECONDS, type RunInput } from '../workflow.ts';
import { restoreDefinition } from './definition.ts';

/** In one transaction: what was restored where, the run's end, and who is told. */
async function record({ catalog }: Pick<Runtime, 'catalog'>, input: Claimed): Promise<Claimed> {
  const { tenantId, runId, lease, attempt } = input;
  const ref = { runId, lease };
  await catalog.withTenant(tenantId, async (trx) => {
    await renewLease(trx, ref, LEASE_SECONDS);
    const run = await requireLease(trx, ref);
    const result = RestoreResult.safeParse(reportOf(run, attempt)?.result);
    if (!result.success) {
      throw new Failure('internal', 'The restore was done, but what it did is not known.', {
        remedy: 'Look at the target before it is put to use.',
      });
    }
    await setRestoreResult(trx, RestoreRun.parse(run.request).restoreId, result.data);
    await concludeRun(trx, await finishRun(trx, ref, { state: 'succeeded', report: {} }));
  });
  return input;
}

/** The functions of the workflow, by the names of its steps. */
export const restoreSteps = {
  claim: (runtime: Pick<Runtime, 'catalog'>, input: RunInput) => claim(runtime, restoreDefinition, input),
  record,
  fail: (runtime: Pick<Runtime, 'catalog'>, input: Parameters<typeof fail>[2]) =>
    fail(runtime, restoreDefinition, input),
};
