import { setTimeout as sleep } from 'node:timers/promises';

/** How far the flow may run ahead after a pause, in milliseconds. */
const BURST_MS = 200;
/** Timers are no finer than this. */
const SHORTEST_WAIT_MS = 2;

/** Waits as long as `bytes` more must wait to keep to the rate; undefined where they may pass at once. */
export type Throttle = (bytes: number) => Promise<void> | undefined;

/** Keeps a flow to `bytesPerSecond`, on a schedule, so that late timers do not add up. */
export function makeThrottle(bytesPerSecond: number, signal: AbortSignal): Throttle {
  let due = performance.now();
  return (bytes) => {
    const now = performance.now();
    due = Math.max(due, now - BURST_MS) + (bytes / bytesPerSecond) * 1000;
    const wait = due - now;
    return wait < SHORTEST_WAIT_MS ? undefined : sleep(wait, undefined, { signal });
  };
}
