import { randomUUID } from 'node:crypto';
import type { TenantTransaction } from '../../catalog/catalog.ts';
import {
  countRunsToday,
  insertSlotRuns,
  type RunRow,
  type SlotRun,
  schedulesThatWait,
} from '../../catalog/repositories/runs.ts';
import {
  lockSchedules,
  passSlots,
  reseatSchedule,
  type ScheduleRow,
  slotRuleOf,
} from '../../catalog/repositories/schedules.ts';
import { getTenant } from '../../catalog/repositories/tenants.ts';
import { scheduledBackup } from '../../contract/resources/stored.ts';
import type { FailureCode } from '../../domain/failure.ts';
import { type DueSlots, dueSlots } from '../../domain/slots.ts';
import { nextRuns } from '../../domain/time.ts';
import { limitsOf } from '../limits.ts';

export interface TakenSlots {
  /** Queued now, to be started after the commit. */
  readonly runs: readonly RunRow[];
  /** Slots that were recorded as missed. */
  readonly missed: number;
}

/** Makes the due slots of some schedules of one tenant into runs, and moves the schedules on; all of it or nothing. */
export async function takeSlots(trx: TenantTransaction, ids: readonly string[], now: Date): Promise<TakenSlots> {
  // What another dispatcher has taken since is not due any more.
  const due = (await lockSchedules(trx, ids)).filter((row) => isDue(row, now));
  if (due.length === 0) return { runs: [], missed: 0 };
  const waiting = await schedulesThatWait(trx, ids);
  const plan = planOf(due, { waiting, room: await roomOf(trx), now });
  for (const schedule of plan.astray) await reseatSchedule(trx, schedule, nextRuns(slotRuleOf(schedule), now, 1)[0]);
  const made = await insertSlotRuns(trx, plan.wanted);
  await passSlots(trx, plan.passed);
  const runs = made.filter(({ state }) => state === 'queued');
  return { runs, missed: made.length - runs.length };
}

interface Circumstances {
  readonly waiting: ReadonlySet<string>;
  /** Runs that the tenant may still start today. */
  readonly room: number;
  readonly now: Date;
}

function planOf(due: readonly ScheduleRow[], { waiting, room, now }: Circumstances) {
  const wanted: SlotRun[] = [];
  const passed: Passed[] = [];
  // What was noted is no slot of theirs: the zone's rules have changed since.
  const astray: ScheduleRow[] = [];
  let left = room;
  for (const schedule of due) {
    const slots = slotsOf(schedule, now);
    if (slots === undefined) {
      astray.push(schedule);
      continue;
    }
    const obstacle = waiting.has(schedule.id) ? 'already_running' : left > 0 ? undefined : 'limit_reached';
    if (obstacle === undefined) left -= 1;
    wanted.push(...runsOf(schedule, { slots, now, obstacle }));
    passed.push({ schedule, slot: slots.run, next: slots.next });
  }
  return { wanted, passed, astray };
}

type Passed = Parameters<typeof passSlots>[1][number];

function isDue({ enabled, next_due: due }: ScheduleRow, now: Date): boolean {
  return enabled && due !== null && due <= now;
}

function slotsOf(schedule: ScheduleRow, now: Date): DueSlots | undefined {
  return schedule.next_slot === null ? undefined : dueSlots(slotRuleOf(schedule), schedule.next_slot, now);
}

async function roomOf(trx: TenantTransaction): Promise<number> {
  const { runsPerDay } = limitsOf(await getTenant(trx));
  return runsPerDay - (await countRunsToday(trx));
}

interface Taking {
  readonly slots: DueSlots;
  readonly now: Date;
  readonly obstacle: FailureCode | undefined;
}

/** One run for the newest slot, or the reason why there is none; a row for each that nobody ran. */
function runsOf(schedule: ScheduleRow, { slots, now, obstacle }: Taking): SlotRun[] {
  const run = (slot: Date) => ({
    tenantId: schedule.tenant_id,
    id: randomUUID(),
    kind: 'backup',
    trigger: 'schedule' as const,
    databaseId: schedule.database_id,
    scheduleId: schedule.id,
    slot,
    queuedAt: now,
  });
  const missed = (slot: Date, code: FailureCode) => ({ ...run(slot), request: {}, state: 'missed' as const, code });
  const newest =
    obstacle === undefined ? { ...run(slots.run), request: scheduledBackup(schedule) } : missed(slots.run, obstacle);
  return [...slots.missed.map((slot) => missed(slot, 'not_ready')), newest];
}
