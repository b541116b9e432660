import type { Timetable } from '../platform.ts';
import { startTicker, type Ticker, type TickerOptions } from './ticker.ts';

export interface LocalTimetable extends Timetable {
  stop(): Promise<void>;
}

export interface LocalTimetableOptions extends Pick<TickerOptions, 'onError' | 'clocks'> {
  /** Starts what is due; says by the catalog's clock what time it is and when to look again. */
  readonly dispatch: () => Promise<{ readonly now: Date; readonly again: Date }>;
  /** Puts every schedule's next slot where it belongs: when the clock has jumped, and once a day. */
  readonly reseat: () => Promise<unknown>;
}

/** Slots that another process of ours has moved nearer are found this soon. */
const LONGEST_MS = 15_000;
const RESEAT_MS = 24 * 3600 * 1000;

/**
 * The timetable of one machine. Slots stand in the catalog; this looks there when the next one is due, and when somebody has
 * changed a schedule. Begins with what became due while nobody looked.
 */
export function startLocalTimetable(options: LocalTimetableOptions): LocalTimetable {
  const { dispatch, reseat, onError, clocks } = options;
  let reseatAt = 0;
  const ticker: Ticker = startTicker({
    longestMs: LONGEST_MS,
    onError,
    onJump: async () => {
      reseatAt = 0;
    },
    look: async () => {
      if (performance.now() >= reseatAt) {
        await reseat();
        reseatAt = performance.now() + RESEAT_MS;
      }
      const { now, again } = await dispatch();
      return again.getTime() - now.getTime();
    },
    ...(clocks === undefined ? {} : { clocks }),
  });
  const poke = async () => ticker.poke();
  return { put: poke, remove: poke, stop: () => ticker.stop() };
}
