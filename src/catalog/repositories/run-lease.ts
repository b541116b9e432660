import { randomUUID } from 'node:crypto';
import { sql } from 'kysely';
import { Failure } from '../../domain/failure.ts';
import type { TenantTransaction } from '../catalog.ts';
import { lockName } from './changing.ts';
import { lockRun, type RunRow } from './runs.ts';

/** One attempt's right to speak for a run: whoever claims after it makes its token worthless (F51, F52). */
export interface LeaseRef {
  readonly runId: string;
  readonly lease: string;
}

export interface ClaimRequest {
  readonly runId: string;
  /** Seconds without a sign of life after which another may claim. */
  readonly leaseSeconds: number;
  /** Attempts that are allowed in all. */
  readonly attempts: number;
  /** Runs of the tenant that may run at once. */
  readonly concurrent: number;
}

export type Claim =
  | { readonly outcome: 'claimed'; readonly run: RunRow; readonly lease: string; readonly attempt: number }
  /** Over, cancelled, unknown, or held by a live attempt. */
  | { readonly outcome: 'nothing-to-do' }
  /** All attempts are used up; the caller ends it with `endWithoutLease`. */
  | { readonly outcome: 'exhausted'; readonly run: RunRow }
  /** Another backup or restore of the same database is running, or the tenant runs as many as it may: ask again later. */
  | { readonly outcome: 'busy'; readonly because: 'database' | 'tenant' };

/** Kinds of which one at a time may touch a database. */
const EXCLUSIVE = ['backup', 'restore'];
const LIVE = sql<boolean>`lease_until > clock_timestamp()`;

/** Takes a queued run, or one whose holder gave no sign of life, by the catalog's clock. Of any number who try, one gets it. */
export async function claimRun(trx: TenantTransaction, request: ClaimRequest): Promise<Claim> {
  // One claim of a tenant at a time: what is counted below stays true until this one is committed.
  await lockName(trx, ' claim');
  const run = await lockRun(trx, request.runId);
  if (run === undefined || !(await isFree(trx, run))) return { outcome: 'nothing-to-do' };
  if (run.attempt >= request.attempts) return { outcome: 'exhausted', run };
  const because = await whyBusy(trx, run, request.concurrent);
  if (because !== undefined) return { outcome: 'busy', because };
  const lease = randomUUID();
  const claimed = await trx
    .updateTable('runs')
    .set((eb) => ({
      state: 'running',
      attempt: eb('attempt', '+', 1),
      lease_token: lease,
      lease_until: until(request.leaseSeconds),
      started_at: sql<Date>`coalesce(started_at, clock_timestamp())`,
      version: eb('version', '+', 1),
    }))
    .where('id', '=', run.id)
    .returningAll()
    .executeTakeFirstOrThrow();
  return { outcome: 'claimed', run: claimed, lease, attempt: claimed.attempt };
}

function until(seconds: number) {
  return sql<Date>`clock_timestamp() + make_interval(secs => ${seconds})`;
}

async function isFree(trx: TenantTransaction, run: RunRow): Promise<boolean> {
  if (run.cancel_requested && run.state === 'queued') return false;
  if (run.state === 'queued') return true;
  if (run.state !== 'running') return false;
  const live = await trx.selectFrom('runs').select('id').where('id', '=', run.id).where(LIVE).executeTakeFirst();
  return live === undefined;
}

async function whyBusy(
  trx: TenantTransaction,
  run: RunRow,
  concurrent: number,
): Promise<'database' | 'tenant' | undefined> {
  // A run whose lease is over still holds its database until it is claimed again or ended: its tool may yet be alive.
  const others = await trx
    .selectFrom('runs')
    .select(['kind', 'database_id'])
    .where('state', '=', 'running')
    .where('id', '<>', run.id)
    .execute();
  const same = others.some((other) => EXCLUSIVE.includes(other.kind) && other.database_id === run.database_id);
  if (EXCLUSIVE.includes(run.kind) && run.database_id !== null && same) return 'database';
  return others.length >= concurrent ? 'tenant' : undefined;
}

/** A sign of life. `held: false`: another attempt took over, or the run was ended; stop at once. */
export async function renewLease(
  trx: TenantTransaction,
  { runId, lease }: LeaseRef,
  seconds: number,
): Promise<{ readonly held: boolean; readonly cancelRequested: boolean }> {
  const row = await trx
    .updateTable('runs')
    .set({ lease_until: until(seconds) })
    .where('id', '=', runId)
    .where('lease_token', '=', lease)
    .where('state', '=', 'running')
    .returning('cancel_requested')
    .executeTakeFirst();
  return { held: row !== undefined, cancelRequested: row?.cancel_requested ?? false };
}

/** The end of a lease whose holder is known to be gone. Who holds the token may still renew it until another claims the run. */
export async function abandonLease(trx: TenantTransaction, runId: string): Promise<void> {
  await trx
    .updateTable('runs')
    // The column rounds to milliseconds: this instant may come to lie a little ahead.
    .set({ lease_until: sql<Date>`clock_timestamp() - interval '1 millisecond'` })
    .where('id', '=', runId)
    .where('state', '=', 'running')
    .execute();
}

/** The run, locked, when the lease is this attempt's and not over; else a Failure `lease_lost`. What follows in the transaction is fenced. */
export async function requireLease(trx: TenantTransaction, { runId, lease }: LeaseRef): Promise<RunRow> {
  const row = await trx
    .selectFrom('runs')
    .selectAll()
    .where('id', '=', runId)
    .where('lease_token', '=', lease)
    .where('state', '=', 'running')
    .where(LIVE)
    .forNoKeyUpdate()
    .executeTakeFirst();
  if (row !== undefined) return row;
  throw lost(runId);
}

function lost(runId: string): Failure {
  return new Failure('lease_lost', `Run ${runId} is no longer held by this attempt.`, {
    remedy: 'Nothing: another attempt has taken over, or the run was ended.',
  });
}

export async function setProgress(
  trx: TenantTransaction,
  { runId, lease }: LeaseRef,
  progress: Readonly<Record<string, unknown>>,
): Promise<void> {
  await trx
    .updateTable('runs')
    .set({ progress: JSON.stringify(progress) })
    .where('id', '=', runId)
    .where('lease_token', '=', lease)
    .where('state', '=', 'running')
    .execute();
}

/** What an attempt leaves for the steps after it; false when the attempt does not hold the run any more. */
export async function setReport(
  trx: TenantTransaction,
  { runId, lease }: LeaseRef,
  report: Readonly<Record<string, unknown>>,
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('runs')
    .set({ report: JSON.stringify(report) })
    .where('id', '=', runId)
    .where('lease_token', '=', lease)
    .where('state', '=', 'running')
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export interface RunEnd {
  readonly state: 'succeeded' | 'partly' | 'failed' | 'cancelled' | 'interrupted';
  readonly outcomes?: readonly unknown[] | undefined;
  readonly backupId?: string | undefined;
  readonly code?: string | undefined;
  readonly cause?: string | undefined;
  readonly remedy?: string | undefined;
  readonly report?: Readonly<Record<string, unknown>> | undefined;
}

const ended = (end: RunEnd) => ({
  state: end.state,
  ...(end.outcomes === undefined ? {} : { outcomes: JSON.stringify(end.outcomes) }),
  ...(end.backupId === undefined ? {} : { backup_id: end.backupId }),
  ...(end.report === undefined ? {} : { report: JSON.stringify(end.report) }),
  code: end.code ?? null,
  cause: end.cause ?? null,
  remedy: end.remedy ?? null,
  lease_token: null,
  lease_until: null,
  finished_at: sql<Date>`clock_timestamp()`,
});

/** Ends the run as the attempt that holds it; a Failure `lease_lost` when it does not. */
export async function finishRun(trx: TenantTransaction, { runId, lease }: LeaseRef, end: RunEnd): Promise<RunRow> {
  const row = await trx
    .updateTable('runs')
    .set((eb) => ({ ...ended(end), version: eb('version', '+', 1) }))
    .where('id', '=', runId)
    .where('lease_token', '=', lease)
    .where('state', '=', 'running')
    .returningAll()
    .executeTakeFirst();
  if (row !== undefined) return row;
  throw lost(runId);
}

/** Gives the run back to the queue for another attempt, one failure older; the lease is gone with it. */
export async function releaseRun(trx: TenantTransaction, { runId, lease }: LeaseRef, why: RunEnd): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('runs')
    .set((eb) => ({
      state: 'queued',
      failures: eb('failures', '+', 1),
      lease_token: null,
      lease_until: null,
      code: why.code ?? null,
      cause: why.cause ?? null,
      remedy: why.remedy ?? null,
      version: eb('version', '+', 1),
    }))
    .where('id', '=', runId)
    .where('lease_token', '=', lease)
    .where('state', '=', 'running')
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Ends a run that nobody holds: queued, or without a sign of life. Undefined when somebody does, or it is over. */
export async function endWithoutLease(trx: TenantTransaction, runId: string, end: RunEnd): Promise<RunRow | undefined> {
  return trx
    .updateTable('runs')
    .set((eb) => ({ ...ended(end), version: eb('version', '+', 1) }))
    .where('id', '=', runId)
    .where(sql<boolean>`(state = 'queued' or (state = 'running' and lease_until <= clock_timestamp()))`)
    .returningAll()
    .executeTakeFirst();
}
