import type { TenantTransaction } from '../catalog/catalog.ts';
import { getDatabase } from '../catalog/repositories/databases.ts';
import { claimRun } from '../catalog/repositories/run-lease.ts';
import { getRun, type RunRow } from '../catalog/repositories/runs.ts';
import { getTenant } from '../catalog/repositories/tenants.ts';
import { DEFAULT_LIMITS, Limits } from '../contract/resources/people.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { type Claimed, LEASE_SECONDS, type RunInput, TASK_GRACE_SECONDS, type WorkflowDefinition } from './workflow.ts';

const DAY_SECONDS = 86_400;

/**
 * The first step of every workflow: takes the run for one attempt, or says why not. Of any number who try at once one gets it,
 * so a start that is delivered many times is one start (F46), and a run whose holder died is taken over (F51, F52).
 */
export async function claim(
  { catalog }: Pick<Runtime, 'catalog'>,
  definition: WorkflowDefinition,
  { tenantId, runId }: RunInput,
): Promise<Claimed> {
  return catalog.withTenant(tenantId, async (trx) => {
    const none: Claimed = { tenantId, runId, ...NOTHING };
    const run = await getRun(trx, runId);
    if (run === undefined || run.kind !== definition.name) return none;
    const { attempts, ...times } = allowance(definition, run);
    const { concurrentRuns: concurrent } = Limits.parse({ ...DEFAULT_LIMITS, ...(await getTenant(trx)).limits });
    // What fails is tried so often and no more; what dies without a word gets a few attempts on top.
    const most = attempts + definition.deaths;
    const answer = await claimRun(trx, { runId, leaseSeconds: LEASE_SECONDS, attempts: most, concurrent });
    if (answer.outcome === 'nothing-to-do') return none;
    const about = { ...none, attempts, ...times, engine: await engineOf(trx, run) };
    if (answer.outcome === 'exhausted') return { ...about, outcome: 'exhausted', attempt: answer.run.attempt };
    if (answer.outcome === 'busy') return { ...about, outcome: 'busy', waitSeconds: waitOf(run) };
    return { ...about, outcome: 'claimed', proceed: true, attempt: answer.attempt, lease: answer.lease };
  });
}

const NOTHING = {
  outcome: 'nothing',
  proceed: false,
  attempt: 0,
  attempts: 0,
  lease: '',
  engine: '',
  timeoutSeconds: DAY_SECONDS,
  deadlineSeconds: DAY_SECONDS,
  waitSeconds: 0,
} as const;

/** What the run's own request says, where it says something. */
function allowance(definition: WorkflowDefinition, { request }: RunRow) {
  const { retries, timeoutMinutes } = request as { readonly retries?: unknown; readonly timeoutMinutes?: unknown };
  const timeoutSeconds = typeof timeoutMinutes === 'number' ? timeoutMinutes * 60 : DAY_SECONDS;
  return {
    attempts: typeof retries === 'number' ? retries + 1 : definition.attempts,
    timeoutSeconds,
    deadlineSeconds: Math.min(timeoutSeconds + TASK_GRACE_SECONDS, longestTask(definition)),
  };
}

function longestTask({ steps }: WorkflowDefinition): number {
  const tasks = steps.filter(({ place }) => place === 'task');
  return Math.min(...tasks.map(({ timeoutSeconds }) => timeoutSeconds), Number.MAX_SAFE_INTEGER);
}

async function engineOf(trx: TenantTransaction, { database_id: id }: RunRow): Promise<string> {
  return id === null ? '' : ((await getDatabase(trx, id))?.engine ?? '');
}

const SHORTEST_WAIT = 5;
const LONGEST_WAIT = 300;
const WAIT_SHARE = 0.25;

/** Longer the longer it has waited already: a day of waiting is a few hundred questions, not thousands (F54). */
function waitOf({ queued_at: queuedAt }: RunRow): number {
  const waited = (Date.now() - queuedAt.getTime()) / 1000;
  return Math.round(Math.min(LONGEST_WAIT, Math.max(SHORTEST_WAIT, waited * WAIT_SHARE)));
}
