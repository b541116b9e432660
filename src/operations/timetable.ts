import type { ScheduleRow } from '../catalog/repositories/schedules.ts';
import { ScheduleSettings } from '../contract/resources/work.ts';
import { messageOf } from '../domain/failure.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Asker } from './operation.ts';

type Needs = Pick<Runtime, 'timetable' | 'log'>;

/** Tells the timetable of a schedule, after the commit. What does not get there is found by the sweep of missed slots (F47). */
export async function announce(runtime: Needs, asker: Asker, row: ScheduleRow): Promise<void> {
  const { jitterMinutes } = ScheduleSettings.parse(row.settings);
  const entry = { tenantId: asker.tenantId, scheduleId: row.id, pattern: row.cron, zone: row.zone, jitterMinutes };
  await attempt(runtime, row.id, () => runtime.timetable.put({ ...entry, enabled: row.enabled }));
}

/** Takes schedules out of the timetable, after the commit: a slot that still comes finds no schedule and does nothing. */
export async function withdraw(runtime: Needs, asker: Asker, ids: readonly string[]): Promise<void> {
  for (const scheduleId of ids)
    await attempt(runtime, scheduleId, () => runtime.timetable.remove({ tenantId: asker.tenantId, scheduleId }));
}

async function attempt({ log }: Needs, scheduleId: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    log('warn', { scheduleId, cause: messageOf(error) }, 'the timetable could not be told of a schedule');
  }
}
