import { type Selectable, sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';
import { behind, cutPage, type Page, type PageRequest } from './page.ts';

export type RunRow = Selectable<CatalogTables['runs']>;

export interface NewRun {
  readonly tenantId: string;
  readonly id: string;
  /** Also the name of the workflow that does it. */
  readonly kind: string;
  readonly trigger: 'manual' | 'schedule' | 'api' | 'system';
  readonly databaseId?: string | undefined;
  readonly scheduleId?: string | undefined;
  readonly slot?: Date | undefined;
  readonly backupId?: string | undefined;
  /** Ids and settings, never a secret. */
  readonly request: Readonly<Record<string, unknown>>;
  /** `missed` for a slot that is only recorded (F68). */
  readonly state?: 'queued' | 'missed';
  /** Of a missed slot: why. */
  readonly code?: string | undefined;
  /** By the clock that the slot was judged by; left out: now. */
  readonly queuedAt?: Date | undefined;
}

const values = (run: NewRun) => ({
  tenant_id: run.tenantId,
  id: run.id,
  kind: run.kind,
  trigger: run.trigger,
  state: run.state ?? 'queued',
  database_id: run.databaseId ?? null,
  schedule_id: run.scheduleId ?? null,
  slot: run.slot ?? null,
  backup_id: run.backupId ?? null,
  request: JSON.stringify(run.request),
  code: run.code ?? null,
  ...(run.queuedAt === undefined ? {} : { queued_at: run.queuedAt }),
});

export async function insertRun(trx: TenantTransaction, run: NewRun): Promise<RunRow> {
  return trx.insertInto('runs').values(values(run)).returningAll().executeTakeFirstOrThrow();
}

export type SlotRun = NewRun & { readonly scheduleId: string; readonly slot: Date };

/** A schedule's run for one slot; undefined when that slot has one already, however many ask at once (F46). */
export async function insertSlotRun(trx: TenantTransaction, run: SlotRun): Promise<RunRow | undefined> {
  return (await insertSlotRuns(trx, [run]))[0];
}

/** The same for many; returns those that were not there. */
export async function insertSlotRuns(trx: TenantTransaction, runs: readonly SlotRun[]): Promise<readonly RunRow[]> {
  if (runs.length === 0) return [];
  return trx
    .insertInto('runs')
    .values(runs.map(values))
    .onConflict((conflict) => conflict.columns(['tenant_id', 'schedule_id', 'slot']).doNothing())
    .returningAll()
    .execute();
}

export async function getRun(trx: TenantTransaction, id: string): Promise<RunRow | undefined> {
  return trx.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function lockRun(trx: TenantTransaction, id: string): Promise<RunRow | undefined> {
  return trx.selectFrom('runs').selectAll().where('id', '=', id).forNoKeyUpdate().executeTakeFirst();
}

export interface RunQuery extends PageRequest {
  readonly databaseId?: string | undefined;
  readonly kind?: string | undefined;
  readonly state?: string | undefined;
}

export async function listRuns(trx: TenantTransaction, query: RunQuery): Promise<Page<RunRow>> {
  const { databaseId, kind, state, limit, cursor } = query;
  let rows = trx.selectFrom('runs').selectAll().where(behind('queued_at', cursor));
  if (databaseId !== undefined) rows = rows.where('database_id', '=', databaseId);
  if (kind !== undefined) rows = rows.where('kind', '=', kind);
  if (state !== undefined) rows = rows.where('state', '=', state);
  const list = await rows
    .orderBy('queued_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return cutPage(list, limit, (row) => row.queued_at);
}

export interface LiveRuns {
  readonly databaseId?: string;
  readonly destinationId?: string;
  readonly kinds?: readonly string[];
}

/** Runs that are queued or running, by what they touch; everything of the tenant when nothing is named. */
export async function liveRuns(trx: TenantTransaction, about: LiveRuns): Promise<readonly RunRow[]> {
  let rows = trx.selectFrom('runs').selectAll().where('state', 'in', ['queued', 'running']);
  if (about.databaseId !== undefined) rows = rows.where('database_id', '=', about.databaseId);
  if (about.kinds !== undefined) rows = rows.where('kind', 'in', about.kinds);
  if (about.destinationId !== undefined) {
    const id = about.destinationId;
    rows = rows.where(sql<boolean>`(request -> 'destinationIds' ? ${id} or request ->> 'destinationId' = ${id}
      or backup_id in (select b.id from backups b where b.destination_id = ${id}::uuid))`);
  }
  return rows.orderBy('queued_at').execute();
}

/** Which of these schedules have a run that waits to begin: another would do nothing that it does not. */
export async function schedulesThatWait(
  trx: TenantTransaction,
  scheduleIds: readonly string[],
): Promise<ReadonlySet<string>> {
  const rows = await trx
    .selectFrom('runs')
    .select('schedule_id')
    .distinct()
    .where(sql<boolean>`schedule_id = any(${[...scheduleIds]}::uuid[])`)
    .where('state', '=', 'queued')
    .where('attempt', '=', 0)
    .where('cancel_requested', '=', false)
    .execute();
  return new Set(rows.flatMap((row) => row.schedule_id ?? []));
}

/** Runs of the last 24 hours, for the tenant's limit; slots that were only recorded as missed do not count. */
export async function countRunsToday(trx: TenantTransaction): Promise<number> {
  const row = await trx
    .selectFrom('runs')
    .select((eb) => eb.fn.countAll<string>().as('n'))
    .where('queued_at', '>', sql<Date>`clock_timestamp() - interval '24 hours'`)
    .where('state', '<>', 'missed')
    .executeTakeFirstOrThrow();
  return Number(row.n);
}

/** The newest run of a database, of any kind named. */
export async function newestRun(
  trx: TenantTransaction,
  databaseId: string,
  kinds: readonly string[],
): Promise<RunRow | undefined> {
  return trx
    .selectFrom('runs')
    .selectAll()
    .where('database_id', '=', databaseId)
    .where('kind', 'in', kinds)
    .orderBy('queued_at', 'desc')
    .orderBy('id', 'desc')
    .limit(1)
    .executeTakeFirst();
}

/**
 * Asks for an end: what is queued is cancelled at once, what runs hears of it at its next sign of life. Returns the row as
 * it is then; undefined for an unknown run. A run that is over stays as it is.
 */
export async function askToCancel(trx: TenantTransaction, id: string): Promise<RunRow | undefined> {
  const row = await lockRun(trx, id);
  if (row === undefined || !['queued', 'running'].includes(row.state)) return row;
  const queued = row.state === 'queued';
  return trx
    .updateTable('runs')
    .set((eb) => ({
      cancel_requested: true,
      ...(queued ? { state: 'cancelled', finished_at: sql<Date>`clock_timestamp()`, code: 'cancelled' } : {}),
      version: eb('version', '+', 1),
    }))
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirst();
}
