import type { Progress } from './pipeline.ts';

const SHORTEST_MS = 250;

/** Passes on at most four reports a second, and every change of phase. */
export function throttledProgress(report: (event: Progress) => void): (event: Progress) => void {
  let last = Number.NEGATIVE_INFINITY;
  let phase: Progress['phase'] | undefined;
  return (event) => {
    const now = performance.now();
    if (event.phase === phase && now - last < SHORTEST_MS) return;
    phase = event.phase;
    last = now;
    report(event);
  };
}
