import { Failure } from '../domain/failure.ts';
import type { Flow } from './dump-flow.ts';
import type { BackupRequest, Progress } from './pipeline.ts';
import type { Stop } from './stop.ts';

export interface WatchdogJob {
  readonly flow: Flow;
  readonly request: BackupRequest;
  readonly stop: Stop;
  /** Stored bytes that have landed. */
  stored(): number;
  progress(event: Progress): void;
  /** About how many plain bytes there will be. */
  readonly expected: number | undefined;
}

const LOOK_MS = 250;
/** Running counts may run ahead of the truth by what a program reads of itself at its start. */
const CAP_MARGIN = 4 * 1024 * 1024;

/** Looks four times a second: reports progress, ends a stalled dump (F23) and one that outgrew its cap. Returns its end. */
export function startWatchdog(job: WatchdogJob): () => void {
  const { flow, request, stop } = job;
  const every = Math.min(LOOK_MS, Math.max(10, request.inactivityMs / 4));
  let seen = -1;
  let since = performance.now();
  const timer = setInterval(() => {
    const plainBytes = flow.plainSoFar();
    const storedBytes = job.stored();
    const sum = plainBytes + storedBytes;
    if (sum !== seen) {
      seen = sum;
      since = performance.now();
    }
    if (performance.now() - since > request.inactivityMs) stop.fail(stalled(request.inactivityMs));
    if (request.sizeCap !== undefined && plainBytes > request.sizeCap + CAP_MARGIN) stop.fail(tooBig(request.sizeCap));
    const total = job.expected === undefined ? {} : { totalBytes: job.expected };
    job.progress({ phase: 'dump', plainBytes, storedBytes, ...total });
  }, every);
  return () => clearInterval(timer);
}

/** A cap never cuts: the run fails and nothing is kept. */
export function tooBig(cap: number): Failure {
  return new Failure('size_cap_exceeded', `The dump is larger than its cap of ${cap} bytes.`, {
    remedy: 'Raise the cap, or exclude tables.',
  });
}

function stalled(inactivityMs: number): Failure {
  const seconds = Math.round(inactivityMs / 100) / 10;
  return new Failure('stalled', `Not one byte came from the source, nor went to the store, for ${seconds} s.`, {
    remedy: 'Look for locks and for the load on the database and the network, then run it again.',
  });
}
