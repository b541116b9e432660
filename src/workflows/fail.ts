import type { TenantTransaction } from '../catalog/catalog.ts';
import {
  endWithoutLease,
  finishRun,
  type LeaseRef,
  type RunEnd,
  releaseRun,
  renewLease,
} from '../catalog/repositories/run-lease.ts';
import { lockRun, type RunRow } from '../catalog/repositories/runs.ts';
import type { FailureCode } from '../domain/failure.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { concludeRun } from './ending.ts';
import { type Why, whyOf } from './failed.ts';
import { reportedFailure } from './report.ts';
import {
  type Claimed,
  type Failed,
  LEASE_SECONDS,
  type RunInput,
  type Settled,
  type WorkflowDefinition,
} from './workflow.ts';

type Input = RunInput & Partial<Claimed> & Partial<Failed>;

const OVER: Settled = { again: false, waitSeconds: 0 };

/**
 * The failure step of every workflow: another attempt where one may help and is left, else the end of the run with its cause,
 * its audit event and its notices. Of a run that this attempt does not hold any more it says nothing. Safe to repeat.
 */
export async function fail(
  { catalog }: Pick<Runtime, 'catalog'>,
  definition: WorkflowDefinition,
  input: Input,
): Promise<Settled> {
  return catalog.withTenant(input.tenantId, async (trx) => {
    const run = await lockRun(trx, input.runId);
    if (run === undefined || !['queued', 'running'].includes(run.state)) return OVER;
    if (input.outcome === 'exhausted') return endExhausted(trx, run);
    // The claim itself failed: the run is as it was, and is swept up later.
    if (input.lease === undefined || input.lease === '') return OVER;
    return endHeld(trx, { definition, run, input, lease: { runId: run.id, lease: input.lease } });
  });
}

interface Held {
  readonly definition: WorkflowDefinition;
  readonly run: RunRow;
  readonly input: Input;
  readonly lease: LeaseRef;
}

async function endHeld(trx: TenantTransaction, { definition, run, input, lease }: Held): Promise<Settled> {
  if (!(await renewLease(trx, lease, LEASE_SECONDS)).held) return OVER;
  const { attempt = 1, attempts = 1, failed } = input;
  const seen = whyOf(failed ?? { Error: 'internal' });
  // What is stopped for being late says that it was stopped.
  const why = seen.final ? seen : (reportedFailure(run, attempt) ?? seen);
  const end = endOf(run, why);
  // Attempts whose worker died said nothing of the run, and have an allowance of their own.
  const failures = run.failures + 1;
  if (end.state !== 'cancelled' && mayRetry(definition, why) && failures < attempts) {
    await releaseRun(trx, lease, end);
    return { again: true, waitSeconds: backoff(failures) };
  }
  await concludeRun(trx, await finishRun(trx, lease, end));
  return OVER;
}

function mayRetry({ retry }: WorkflowDefinition, { code, final }: Why): boolean {
  return !final && retry.includes(code);
}

/** A process that is told to stop fails as `cancelled`, whoever told it; only where a person wished it is the run cancelled. */
function endOf({ cancel_requested: wished }: RunRow, { code, cause, remedy }: Why): RunEnd {
  if (wished) return { state: 'cancelled', code: 'cancelled', cause: 'It was cancelled.', report: {} };
  return { state: code === 'cancelled' ? 'interrupted' : 'failed', code, cause, remedy, report: {} };
}

const FIRST_WAIT = 15;
const LONGEST_WAIT = 900;

/** 15 s, 30 s, 60 s … and up to as much again, so that many who failed together do not return together. */
function backoff(failures: number): number {
  const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (failures - 1));
  return Math.round(wait * (1 + Math.random()));
}

/** No attempt is left, and the last one gave no sign of life. */
async function endExhausted(trx: TenantTransaction, run: RunRow): Promise<Settled> {
  const cancelled = run.cancel_requested;
  const ended = await endWithoutLease(trx, run.id, {
    state: cancelled ? 'cancelled' : 'interrupted',
    code: cancelled ? 'cancelled' : (run.code ?? 'lease_lost'),
    cause: cancelled ? 'It was cancelled.' : (run.cause ?? 'Whoever did it gave no sign of life any more.'),
    remedy: cancelled ? undefined : (run.remedy ?? afterDeath(run)),
  });
  if (ended !== undefined) await concludeRun(trx, ended);
  return OVER;
}

function afterDeath({ kind }: RunRow): string {
  if (kind !== 'restore') return 'Start it again; see why the machine or the task ended.';
  return 'Look whether the target server holds an unfinished copy, drop it, then start the restore again.';
}

/** Codes that another attempt may get past by itself. */
export const PASSING: readonly FailureCode[] = [
  'not_ready',
  'rate_limited',
  'cancelled',
  'lease_lost',
  'database_unreachable',
  'dump_blocked',
  'schema_changed',
  'standby_conflict',
  'stalled',
  'storage_unreachable',
  'storage_conflict',
  'session_expired',
];
