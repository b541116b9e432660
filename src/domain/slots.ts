import { dueAt, latestRuns, nextRuns, type SlotRule } from './time.ts';

/** What the clock has come to for one schedule. */
export interface DueSlots {
  /** The newest due slot: the one that is run. */
  readonly run: Date;
  /** Earlier ones that nobody ran, oldest first, the newest of them where there are very many (F68). */
  readonly missed: readonly Date[];
  /** Whether there are more of them than are named. */
  readonly moreMissed: boolean;
  /** The slot after it; undefined: the rule has no more. */
  readonly next: Date | undefined;
}

/** Missed slots that are recorded one by one; an outage of a year leaves no more rows than that. */
export const MOST_MISSED = 100;

/**
 * The slots from `from` on that are due at `now`. After an outage one run makes up for all of them. Undefined when none is due
 * yet, or `from` is no slot of the rule (its zone has other rules now).
 */
export function dueSlots(rule: SlotRule, from: Date, now: Date): DueSlots | undefined {
  const [first, second] = nextRuns(rule, new Date(from.getTime() - 1), 2);
  if (first === undefined || first > now) return undefined;
  if (second === undefined || second > now)
    return dueAt(rule, first) > now ? undefined : { run: first, missed: [], moreMissed: false, next: second };
  // Of the newest slots only the last can be waiting for its delay: a slot is due before the next one begins.
  const slots = latestRuns(rule, { after: new Date(first.getTime() - 1), until: now, most: MOST_MISSED + 3 });
  const due = slots.filter((slot, n) => n < slots.length - 1 || dueAt(rule, slot) <= now);
  // The second slot has begun, so that the first is due at the least.
  const run = due.at(-1) as Date;
  const missed = due.slice(0, -1);
  return {
    run,
    missed: missed.slice(-MOST_MISSED),
    moreMissed: missed.length > MOST_MISSED,
    next: nextRuns(rule, run, 1)[0],
  };
}
