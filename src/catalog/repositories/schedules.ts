import { type Selectable, sql } from 'kysely';
import { dueAt, type SlotRule } from '../../domain/time.ts';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';
import { behind, cutPage, type Page, type PageRequest } from './page.ts';

export type ScheduleRow = Selectable<CatalogTables['schedules']>;

export interface ScheduleFields {
  readonly name: string;
  readonly destinationIds: readonly string[];
  readonly cron: string;
  readonly zone: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly enabled: boolean;
  readonly nextSlot: Date | undefined;
}

export interface NewSchedule extends ScheduleFields {
  readonly tenantId: string;
  readonly id: string;
  readonly databaseId: string;
}

const columns = (id: string, fields: ScheduleFields) => ({
  name: fields.name,
  destination_ids: [...fields.destinationIds],
  cron: fields.cron,
  zone: fields.zone,
  settings: JSON.stringify(fields.settings),
  enabled: fields.enabled,
  ...nextOf({ id, ...fields }, fields.enabled ? fields.nextSlot : undefined),
});

type Ruled = Pick<ScheduleRow, 'id' | 'cron' | 'zone' | 'settings'>;

/** A schedule's row as the rule of its slots. */
export function slotRuleOf({ id, cron, zone, settings }: Ruled): SlotRule {
  const minutes = settings.jitterMinutes;
  return { scheduleId: id, pattern: cron, zone, jitterMinutes: typeof minutes === 'number' ? minutes : 0 };
}

function nextOf(schedule: Ruled, slot: Date | undefined) {
  if (slot === undefined) return { next_slot: null, next_due: null };
  return { next_slot: slot, next_due: dueAt(slotRuleOf(schedule), slot) };
}

export async function insertSchedule(trx: TenantTransaction, schedule: NewSchedule): Promise<ScheduleRow> {
  return trx
    .insertInto('schedules')
    .values({
      tenant_id: schedule.tenantId,
      id: schedule.id,
      database_id: schedule.databaseId,
      ...columns(schedule.id, schedule),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function getSchedule(trx: TenantTransaction, id: string): Promise<ScheduleRow | undefined> {
  return trx.selectFrom('schedules').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function lockSchedule(trx: TenantTransaction, id: string): Promise<ScheduleRow | undefined> {
  return trx.selectFrom('schedules').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
}

/** In the order of their ids, whoever asks: two who want the same ones do not wait for each other in a circle. */
export async function lockSchedules(trx: TenantTransaction, ids: readonly string[]): Promise<readonly ScheduleRow[]> {
  return trx
    .selectFrom('schedules')
    .selectAll()
    .where(sql<boolean>`id = any(${[...ids]}::uuid[])`)
    .orderBy('id')
    .forUpdate()
    .execute();
}

export async function listSchedules(
  trx: TenantTransaction,
  { limit, cursor }: PageRequest,
): Promise<Page<ScheduleRow>> {
  const rows = await trx
    .selectFrom('schedules')
    .selectAll()
    .where(behind('created_at', cursor))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return cutPage(rows, limit, (row) => row.created_at);
}

/** All schedules of a database, or that write to a destination. */
export async function schedulesOf(
  trx: TenantTransaction,
  of: { readonly databaseId: string } | { readonly destinationId: string },
): Promise<readonly ScheduleRow[]> {
  const query = trx.selectFrom('schedules').selectAll().orderBy('id');
  if ('databaseId' in of) return query.where('database_id', '=', of.databaseId).execute();
  return query.where(sql<boolean>`${of.destinationId}::uuid = any(destination_ids)`).execute();
}

/** Call after `lockSchedule` and a look at the version. */
export async function changeSchedule(trx: TenantTransaction, id: string, fields: ScheduleFields): Promise<ScheduleRow> {
  return trx
    .updateTable('schedules')
    .set((eb) => ({ ...columns(id, fields), version: eb('version', '+', 1) }))
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Notes that the slots up to `slot` are dealt with. Never goes back, whatever order slots arrive in. */
export async function passSlot(
  trx: TenantTransaction,
  schedule: Ruled,
  slots: { readonly slot: Date; readonly next: Date | undefined },
): Promise<void> {
  await trx
    .updateTable('schedules')
    .set({ last_slot: slots.slot, ...nextOf(schedule, slots.next) })
    .where('id', '=', schedule.id)
    .where((eb) => eb.or([eb('last_slot', 'is', null), eb('last_slot', '<', slots.slot)]))
    .execute();
}

/** The same for many, each of which is locked. */
export async function passSlots(
  trx: TenantTransaction,
  passed: readonly { readonly schedule: Ruled; readonly slot: Date; readonly next: Date | undefined }[],
): Promise<void> {
  if (passed.length === 0) return;
  const next = passed.map(({ schedule, next }) => nextOf(schedule, next));
  await sql`
    update schedules s set last_slot = v.slot, next_slot = v.next_slot, next_due = v.next_due
    from unnest(
      ${passed.map(({ schedule }) => schedule.id)}::uuid[], ${passed.map(({ slot }) => slot)}::timestamptz[],
      ${next.map((one) => one.next_slot)}::timestamptz[], ${next.map((one) => one.next_due)}::timestamptz[]
    ) v (id, slot, next_slot, next_due)
    where s.id = v.id and (s.last_slot is null or s.last_slot < v.slot)`.execute(trx);
}

/**
 * Puts the next slot where the rule and the clock say it is, whatever was noted before: after the clock went back, or the
 * zone's rules changed (F66, F67). A slot that has run does not run again: its run stands in the catalog.
 */
export async function reseatSchedule(trx: TenantTransaction, schedule: Ruled, next: Date | undefined): Promise<void> {
  await trx
    .updateTable('schedules')
    .set((eb) => ({
      ...nextOf(schedule, next),
      last_slot: sql<Date | null>`case when ${eb.ref('last_slot')} >= ${next ?? null}::timestamptz then null else last_slot end`,
    }))
    .where('id', '=', schedule.id)
    .where('enabled', '=', true)
    .execute();
}

/** Those that are on, by id, from the one after `after`. */
export async function enabledSchedules(
  trx: TenantTransaction,
  { after, most }: { readonly after: string | undefined; readonly most: number },
): Promise<readonly ScheduleRow[]> {
  let rows = trx.selectFrom('schedules').selectAll().where('enabled', '=', true);
  if (after !== undefined) rows = rows.where('id', '>', after);
  return rows.orderBy('id').limit(most).execute();
}

export async function deleteSchedule(trx: TenantTransaction, id: string): Promise<ScheduleRow | undefined> {
  return trx.deleteFrom('schedules').where('id', '=', id).returningAll().executeTakeFirst();
}

export async function allScheduleIds(trx: TenantTransaction): Promise<readonly string[]> {
  const rows = await trx.selectFrom('schedules').select('id').orderBy('id').execute();
  return rows.map((row) => row.id);
}

/** What every schedule that writes to this scope would keep; one that is paused still speaks for its backups. */
export async function policiesOf(
  trx: TenantTransaction,
  scope: { readonly databaseId: string; readonly destinationId: string },
): Promise<readonly { readonly retention: Readonly<Record<string, number>>; readonly zone: string }[]> {
  const rows = await trx
    .selectFrom('schedules')
    .select(['settings', 'zone'])
    .where('database_id', '=', scope.databaseId)
    .where(sql<boolean>`${scope.destinationId}::uuid = any(destination_ids)`)
    .execute();
  return rows.map(({ settings, zone }) => ({ retention: (settings.retention ?? {}) as Record<string, number>, zone }));
}
