import { retentionScopes } from '../../catalog/repositories/backup-deletion.ts';
import { finishRun, renewLease, requireLease } from '../../catalog/repositories/run-lease.ts';
import { policiesOf } from '../../catalog/repositories/schedules.ts';
import { RetentionRun } from '../../contract/resources/stored.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { claim } from '../claim.ts';
import { concludeRun } from '../ending.ts';
import { fail } from '../fail.ts';
import { type Claimed, LEASE_SECONDS, type RunInput } from '../workflow.ts';
import { applyRetention, removeMarked } from './apply.ts';
import { retentionDefinition } from './definition.ts';

type Needs = Pick<Runtime, 'catalog' | 'openStorage'>;

const LEASES = 12;

/** Marks by the run's policy, in the scopes that it names; removes what is due; ends the run with what stood in the way. */
async function retention(runtime: Needs, input: Claimed): Promise<Claimed> {
  const { tenantId, runId, lease } = input;
  const ref = { runId, lease };
  const { request, scopes } = await runtime.catalog.withTenant(tenantId, async (trx) => {
    await renewLease(trx, ref, LEASE_SECONDS * LEASES);
    const wanted = RetentionRun.parse((await requireLease(trx, ref)).request);
    return { request: wanted, scopes: (await retentionScopes(trx)).filter((scope) => isWanted(scope, wanted)) };
  });
  let marked = 0;
  for (const scope of scopes) {
    const rules = await rulesOf(runtime, { tenantId, scope, request });
    if (rules !== undefined) marked += (await applyRetention(runtime, { tenantId, runId, ...scope, ...rules })).length;
  }
  const { removed, blocked } = await removeMarked(runtime, { tenantId, runId });
  const [first] = blocked;
  const report = { marked, removed, blocked: blocked.length };
  await runtime.catalog.withTenant(tenantId, async (trx) => {
    // Longer than a lease is no harm as long as nobody else has claimed the run.
    await renewLease(trx, ref, LEASE_SECONDS);
    await requireLease(trx, ref);
    const end = first === undefined ? { state: 'succeeded' as const } : { state: 'partly' as const, ...first };
    await concludeRun(trx, await finishRun(trx, ref, { ...end, backupId: undefined, report }));
  });
  return input;
}

interface Wish {
  readonly tenantId: string;
  readonly scope: Scope;
  readonly request: RetentionRun;
}

/** The run's own rules, else those of a schedule that writes there; the others have their say where backups are judged. */
async function rulesOf({ catalog }: Pick<Needs, 'catalog'>, { tenantId, scope, request }: Wish) {
  if (request.retention !== undefined) return { retention: request.retention, zone: request.zone };
  const [first] = await catalog.withTenant(tenantId, (trx) => policiesOf(trx, scope));
  return first;
}

interface Scope {
  readonly databaseId: string;
  readonly destinationId: string;
}

function isWanted(scope: Scope, wanted: RetentionRun): boolean {
  const { databaseId = scope.databaseId, destinationId = scope.destinationId } = wanted;
  return scope.databaseId === databaseId && scope.destinationId === destinationId;
}

/** The functions of the workflow, by the names of its steps. */
export const retentionSteps = {
  claim: (runtime: Pick<Runtime, 'catalog'>, input: RunInput) => claim(runtime, retentionDefinition, input),
  retention,
  fail: (runtime: Pick<Runtime, 'catalog'>, input: Parameters<typeof fail>[2]) =>
    fail(runtime, retentionDefinition, input),
};
