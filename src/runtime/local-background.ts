import { messageOf } from '../domain/failure.ts';
import { dispatchDue } from '../operations/background/dispatch.ts';
import { deliverDue } from '../operations/background/outbox.ts';
import { reseatSchedules } from '../operations/background/reseat.ts';
import { watchTenants } from '../operations/background/watch.ts';
import { startTicker } from '../platform/local/ticker.ts';
import { startLocalTimetable } from '../platform/local/timetable.ts';
import type { Timetable } from '../platform/platform.ts';
import { queueUpkeep } from '../workflows/upkeep.ts';
import type { Runtime } from './runtime.ts';

export interface Background {
  readonly timetable: Timetable;
  /** Resolves when nothing of it is at work any more. */
  stop(): Promise<void>;
}

/** New notices are looked for this often, and at once after a full batch. */
const OUTBOX_MS = 2000;
/** A slot without a run is told within two minutes: NO_RUN_MS and one look (T8). */
const WATCH_MS = 25_000;
/** Each tenant's daily work is queued in the quarter of an hour in which it is due. */
const UPKEEP_MS = 15 * 60_000;

/** Everything that happens by the clock: slots, notices, and the watch over what does not happen. Each has a timer of its own. */
export function startBackground(runtime: Runtime): Background {
  const failed = (what: string) => (error: unknown) =>
    runtime.log('error', { cause: messageOf(error) }, `${what} could not be looked after`);
  const timetable = startLocalTimetable({
    dispatch: () => dispatchDue(runtime),
    reseat: () => reseatSchedules(runtime),
    onError: failed('the timetable'),
  });
  const outbox = startTicker({
    longestMs: OUTBOX_MS,
    onError: failed('the outbox'),
    look: async () => ((await deliverDue(runtime)).more ? 0 : undefined),
  });
  const watch = startTicker({
    longestMs: WATCH_MS,
    onError: failed('the watch'),
    look: async () => {
      await watchTenants(runtime);
      return undefined;
    },
  });
  const upkeep = startTicker({
    longestMs: UPKEEP_MS,
    onError: failed('the daily work'),
    look: async () => {
      await queueUpkeep(runtime);
      return undefined;
    },
  });
  return {
    timetable,
    stop: async () => {
      await Promise.all([timetable.stop(), outbox.stop(), watch.stop(), upkeep.stop()]);
    },
  };
}
