import { randomUUID } from 'node:crypto';
import type { TenantTransaction } from '../catalog/catalog.ts';
import { clock, found, requireVersion } from '../catalog/repositories/changing.ts';
import {
  changeSchedule,
  deleteSchedule,
  getSchedule,
  insertSchedule,
  listSchedules,
  lockSchedule,
  type ScheduleFields,
  type ScheduleRow,
} from '../catalog/repositories/schedules.ts';
import { changed } from '../contract/resources/basics.ts';
import { ScheduleSettings } from '../contract/resources/work.ts';
import { checkRule, inWords, nextRuns } from '../domain/time.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { change, look } from './change.ts';
import { engineOf, requireVerified } from './database-rules.ts';
import { instant, maybeInstant } from './instant.ts';
import type { Asker, Operation } from './operation.ts';
import { refuse } from './refusal.ts';
import { checkSchedule } from './schedule-rules.ts';
import { announce, withdraw } from './timetable.ts';

/** Runs shown with a schedule. */
const SHOWN = 5;

function scheduleResource(row: ScheduleRow, now: Date) {
  const rule = { pattern: row.cron, zone: row.zone };
  return {
    ...ScheduleSettings.parse(row.settings),
    name: row.name,
    databaseId: row.database_id,
    destinationIds: row.destination_ids,
    cron: row.cron,
    zone: row.zone,
    enabled: row.enabled,
    id: row.id,
    words: inWords(rule),
    nextRuns: row.enabled ? nextRuns(rule, now, SHOWN).map(instant) : [],
    lastSlot: maybeInstant(row.last_slot),
    createdAt: instant(row.created_at),
    version: row.version,
  };
}

export const listAllSchedules: Operation<'schedules.list', 'catalog' | 'now'> = async (runtime, asker, { query }) => {
  const { rows, next } = await look(runtime, asker, (trx) => listSchedules(trx, query));
  return { items: rows.map((row) => scheduleResource(row, runtime.now())), next };
};

export const getOneSchedule: Operation<'schedules.get', 'catalog' | 'now'> = async (runtime, asker, { params }) => {
  const row = await look(runtime, asker, async (trx) => found(await getSchedule(trx, params.scheduleId), 'schedule'));
  return scheduleResource(row, runtime.now());
};

/** What a pattern means, before anybody saves it. */
export const previewSchedule: Operation<'schedules.preview', 'now'> = async (runtime, _asker, { body }) => {
  const rule = { pattern: body.cron, zone: body.zone };
  return { words: inWords(rule), nextRuns: nextRuns(rule, runtime.now(), body.count).map(instant) };
};

type Needs = 'catalog' | 'engines' | 'timetable' | 'now' | 'log';
type Wanted = Omit<ScheduleFields, 'nextSlot' | 'settings'> & { readonly settings: ScheduleSettings };

export const createSchedule: Operation<'schedules.create', Needs> = async (runtime, asker, { body }) => {
  const { name, databaseId, destinationIds, cron, zone, enabled, ...settings } = body;
  const wanted = { name, destinationIds, cron, zone, enabled, settings };
  const row = await save(runtime, asker, async (trx) => {
    const nextSlot = await requireSound(runtime, trx, { ...wanted, databaseId });
    const given = { tenantId: asker.tenantId, id: randomUUID(), databaseId, ...wanted, nextSlot };
    const inserted = await insertSchedule(trx, given);
    return { row: inserted, action: 'schedules.create', before: undefined };
  });
  return row;
};

/** Everything that must hold before a schedule is saved; returns its first slot, by the catalog's clock. */
async function requireSound(
  runtime: Pick<Runtime, 'engines'>,
  trx: TenantTransaction,
  wanted: Wanted & { readonly databaseId: string },
): Promise<Date> {
  const database = await requireVerified(trx, wanted.databaseId);
  await checkSchedule(trx, engineOf(runtime, database.engine), {
    ...wanted.settings,
    destinationIds: wanted.destinationIds,
  });
  return firstSlot(trx, wanted);
}

async function firstSlot(trx: TenantTransaction, { cron, zone }: Pick<Wanted, 'cron' | 'zone'>): Promise<Date> {
  const rule = { pattern: cron, zone };
  checkRule(rule);
  const [next] = nextRuns(rule, await clock(trx), 1);
  return next ?? refuse('The schedule never comes round.', 'Choose a day that there is, such as the 28th.');
}

interface Saved {
  readonly row: ScheduleRow;
  readonly action: string;
  readonly before: ScheduleRow | undefined;
}

/** One change of a schedule: told in the chain, then to the timetable. */
async function save(
  runtime: Pick<Runtime, 'catalog' | 'timetable' | 'now' | 'log'>,
  asker: Asker,
  work: (trx: TenantTransaction) => Promise<Saved>,
) {
  const kept: ScheduleRow[] = [];
  const resource = await change(runtime, asker, async (trx, told) => {
    const { row, action, before } = await work(trx);
    kept.push(row);
    const now = runtime.now();
    const after = scheduleResource(row, now);
    await told({ action, object: `schedule ${row.id}`, before: before && scheduleResource(before, now), after });
    return after;
  });
  for (const row of kept) await announce(runtime, asker, row);
  return resource;
}

export const updateSchedule: Operation<'schedules.update', Needs> = (runtime, asker, { params, body }) =>
  save(runtime, asker, async (trx) => {
    const before = found(await lockSchedule(trx, params.scheduleId), 'schedule');
    requireVersion(before, asker.ifMatch);
    const { name, destinationIds, cron, zone, enabled, ...settings } = changed(fieldsOf(before), body);
    const wanted = { name, destinationIds, cron, zone, enabled, settings };
    const nextSlot = await requireSound(runtime, trx, { ...wanted, databaseId: before.database_id });
    const row = await changeSchedule(trx, before.id, { ...wanted, nextSlot });
    return { row, action: 'schedules.update', before };
  });

function fieldsOf(row: ScheduleRow) {
  const { name, destination_ids: destinationIds, cron, zone, enabled } = row;
  return { name, destinationIds, cron, zone, enabled, ...ScheduleSettings.parse(row.settings) };
}

export const deleteOneSchedule: Operation<'schedules.delete', 'catalog' | 'timetable' | 'log'> = async (
  runtime,
  asker,
  { params },
) => {
  await change(runtime, asker, async (trx, told) => {
    const before = fieldsOf(found(await deleteSchedule(trx, params.scheduleId), 'schedule'));
    await told({ action: 'schedules.delete', object: `schedule ${params.scheduleId}`, before });
    return undefined;
  });
  await withdraw(runtime, asker, [params.scheduleId]);
  return undefined;
};

export const pauseSchedule: Operation<'schedules.pause', Needs> = (runtime, asker, { params }) =>
  enable(runtime, asker, { id: params.scheduleId, enabled: false });

/** Slots that passed while it was paused are not made up for. */
export const resumeSchedule: Operation<'schedules.resume', Needs> = (runtime, asker, { params }) =>
  enable(runtime, asker, { id: params.scheduleId, enabled: true });

function enable(
  runtime: Pick<Runtime, Needs>,
  asker: Asker,
  { id, enabled }: { readonly id: string; readonly enabled: boolean },
) {
  return save(runtime, asker, async (trx) => {
    const before = found(await lockSchedule(trx, id), 'schedule');
    const { name, destinationIds, cron, zone, enabled: _was, ...settings } = fieldsOf(before);
    const wanted = { name, destinationIds, cron, zone, enabled, settings };
    const nextSlot = enabled
      ? await requireSound(runtime, trx, { ...wanted, databaseId: before.database_id })
      : undefined;
    const row = await changeSchedule(trx, id, { ...wanted, nextSlot });
    return { row, action: enabled ? 'schedules.resume' : 'schedules.pause', before };
  });
}
