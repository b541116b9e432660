import type { OwnedId } from '../../catalog/catalog.ts';
import type { RunRow } from '../../catalog/repositories/runs.ts';
import { getSchedule } from '../../catalog/repositories/schedules.ts';
import { messageOf } from '../../domain/failure.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { inLanes } from './lanes.ts';
import { type TakenSlots, takeSlots } from './take-slots.ts';

type Needs = Pick<Runtime, 'catalog' | 'launcher' | 'log'>;

/** At once, of tenants and of starts. */
const LANES = 4;
/** What could not be dispatched is tried again so soon. */
const RETRY_MS = 2000;

export interface Dispatched {
  readonly started: number;
  /** Slots that were recorded as missed: an alarm tells of them. */
  readonly missed: number;
  /** When to look again, by the catalog's clock: when the next slot is due, at most `horizonMs` ahead. */
  readonly again: Date;
  /** The catalog's clock when this was asked. */
  readonly now: Date;
}

export interface DispatchOptions {
  /** Schedules that are taken together. */
  readonly most?: number;
  readonly horizonMs?: number;
}

/**
 * Starts a run for every schedule whose slot is due: earlier minutes first, within one the tenants by turns. A slot has one
 * run, however many dispatch at once and however often (F46). Slots that passed without us are recorded as missed; one run
 * makes up for all of a schedule's (F68).
 */
export async function dispatchDue(
  runtime: Needs,
  { most = 1000, horizonMs = 60_000 }: DispatchOptions = {},
): Promise<Dispatched> {
  let [started, missed] = [0, 0];
  for (;;) {
    const now = await runtime.catalog.now();
    const due = await runtime.catalog.find.dueSchedules(now, most);
    const batch = await takeAll(runtime, due, now);
    await startAll(runtime, batch.runs);
    started += batch.runs.length;
    missed += batch.missed;
    // A full batch of which nothing could be taken would keep us here for ever.
    if (due.length < most || batch.failed === due.length)
      return { started, missed, now, again: await nextLook(runtime, now, horizonMs) };
  }
}

interface Batch extends TakenSlots {
  /** Schedules that could not be dispatched. */
  readonly failed: number;
}

/** One transaction for each tenant; the runs in the order of the list. */
async function takeAll(runtime: Needs, due: readonly OwnedId[], now: Date): Promise<Batch> {
  const place = new Map(due.map(({ id }, n) => [id, n]));
  const groups = [...Map.groupBy(due, ({ tenantId }) => tenantId)];
  const taken = await inLanes(groups, LANES, ([tenantId, refs]) =>
    takeOf(runtime, { tenantId, ids: refs.map(({ id }) => id), now }),
  );
  const order = ({ schedule_id: id }: RunRow) => place.get(id ?? '') ?? 0;
  return {
    runs: taken.flatMap(({ runs }) => runs).sort((one, two) => order(one) - order(two)),
    missed: taken.reduce((sum, one) => sum + one.missed, 0),
    failed: taken.reduce((sum, one) => sum + one.failed, 0),
  };
}

interface Group {
  readonly tenantId: string;
  readonly ids: readonly string[];
  readonly now: Date;
}

/** A schedule that cannot be dispatched keeps no other from it: where all together fail, each is tried by itself. */
async function takeOf(runtime: Needs, { tenantId, ids, now }: Group): Promise<Batch> {
  try {
    return { ...(await runtime.catalog.withTenant(tenantId, (trx) => takeSlots(trx, ids, now))), failed: 0 };
  } catch (error) {
    if (ids.length > 1) return takeEach(runtime, { tenantId, ids, now });
    runtime.log('error', { scheduleId: ids[0], cause: messageOf(error) }, 'a schedule could not be dispatched');
    return { runs: [], missed: 0, failed: 1 };
  }
}

async function takeEach(runtime: Needs, { tenantId, ids, now }: Group): Promise<Batch> {
  const all = { runs: [] as RunRow[], missed: 0, failed: 0 };
  for (const id of ids) {
    const one = await takeOf(runtime, { tenantId, ids: [id], now });
    all.runs.push(...one.runs);
    all.missed += one.missed;
    all.failed += one.failed;
  }
  return all;
}

/** After the commit. A start that is lost is no loss: the sweep of queued runs starts it again. */
async function startAll({ launcher, log }: Needs, runs: readonly RunRow[]): Promise<void> {
  await inLanes(runs, LANES, async ({ id, kind, tenant_id: tenantId }) => {
    try {
      await launcher.start(kind, { tenantId, runId: id });
    } catch (error) {
      log('warn', { runId: id, cause: messageOf(error) }, 'a run could not be started and waits for the sweep');
    }
  });
}

async function nextLook({ catalog }: Needs, now: Date, horizonMs: number): Promise<Date> {
  const end = new Date(now.getTime() + horizonMs);
  const [first] = await catalog.find.dueSchedules(end, 1);
  if (first === undefined) return end;
  const row = await catalog.withTenant(first.tenantId, (trx) => getSchedule(trx, first.id));
  const due = row?.next_due ?? end;
  // What is due already and still there has just failed.
  return due > now ? due : new Date(now.getTime() + Math.min(horizonMs, RETRY_MS));
}
