import { Failure, type FailureCode, messageOf, problemOf } from '../domain/failure.ts';
import type { Workbench } from '../engines/engine.ts';
import type { Lease, Needs, Progress } from '../pipeline/pipeline.ts';
import type { TaskRuntime } from '../runtime/runtime.ts';
import type { RunJob } from './job.ts';
import type { TaskReport } from './report.ts';
import type { TaskLine } from './task-line.ts';
import { LEASE_SECONDS, type RunInput } from './workflow.ts';

/** What a task is started with. */
export interface TaskInput extends RunInput {
  readonly lease: string;
  readonly attempt: number;
  readonly timeoutSeconds: number;
}

/** What a task's own work is given. */
export interface Task {
  readonly runtime: TaskRuntime;
  readonly job: RunJob;
  readonly bench: Workbench;
  /** The run's, for writing to stores: checked before anything becomes visible. */
  readonly lease: Lease;
  progress(event: Progress): void;
}

export type TaskWork = (task: Task) => Promise<Pick<TaskReport, 'outcomes' | 'result'>>;

export interface TaskPlace {
  readonly runtime: TaskRuntime;
  /** Aborted when the process is told to stop. */
  readonly signal: AbortSignal;
  print(line: TaskLine): void;
}

/**
 * Does one attempt's long step: keeps the run's lease while the work lasts, stops it when the lease is lost, the run
 * cancelled, the time over or the process told to end, and leaves a report either way. Returns the code of its failure.
 */
export async function doTask(place: TaskPlace, input: TaskInput, work: TaskWork): Promise<FailureCode | undefined> {
  const { runtime, print } = place;
  const { attempt } = input;
  const stop = new AbortController();
  const keeping = keepLease(place, input, stop);
  try {
    const report = await withBench(place, { input, stop }, work);
    await runtime.keeper.report({ attempt, ...report });
    print({ type: 'ended', text: 'done' });
    return undefined;
  } catch (error) {
    const thrown = stop.signal.aborted ? stop.signal.reason : error;
    const { code, detail: cause, remedy } = problemOf(thrown);
    const final = thrown === keeping.late;
    print({ type: 'ended', code, text: cause });
    const failure = { code, cause, ...(remedy === undefined ? {} : { remedy }), final };
    // Whoever waits for the task has its exit status in any case.
    await runtime.keeper.report({ attempt, failure }).catch(() => undefined);
    return code;
  } finally {
    keeping.end();
  }
}

async function withBench(
  { runtime, print }: TaskPlace,
  { input, stop }: { readonly input: TaskInput; readonly stop: AbortController },
  work: TaskWork,
) {
  const { keeper } = runtime;
  const { runId, attempt } = input;
  const note = (text: string) => print({ type: 'note', text });
  const open = runtime.openBench({ runId, signal: stop.signal, note });
  try {
    const job = (await keeper.job()) as RunJob;
    const lease: Lease = { attempt, check: () => keeper.check(), release: async () => undefined };
    const progress = ({ note: said, ...event }: Progress) => {
      if (said !== undefined) note(said);
      print({ type: 'progress', ...event });
    };
    return await work({ runtime, job, bench: open.bench, lease, progress });
  } finally {
    await open.close();
  }
}

const RENEWALS_PER_LEASE = 3;
/** While the catalog is away nobody else can claim the run either: the work goes on, and is fenced before it is sealed. */
const SILENCE_MS = 10 * 60_000;

/** Gives signs of life, and hears what has become of the run. A catalog that stays away ends the task in the end. */
function keepLease({ runtime, signal }: TaskPlace, { timeoutSeconds }: TaskInput, stop: AbortController) {
  const late = new Failure('stalled', `It was not done after ${Math.round(timeoutSeconds / 60)} minutes.`, {
    remedy: 'Give it more time, or find out what holds it up.',
  });
  const onSignal = () => stop.abort(signal.reason);
  if (signal.aborted) onSignal();
  signal.addEventListener('abort', onSignal, { once: true });
  const deadline = setTimeout(() => stop.abort(late), Math.min(timeoutSeconds * 1000, 2 ** 31 - 1));
  let heard = performance.now();
  const renew = async () => {
    try {
      const { held, cancelRequested } = await runtime.keeper.renew();
      heard = performance.now();
      if (!held) stop.abort(lost('Another attempt has taken over, or the run was ended.'));
      if (cancelRequested) stop.abort(new Failure('cancelled', 'The run was cancelled.'));
    } catch (error) {
      if (performance.now() - heard > SILENCE_MS) stop.abort(lost(messageOf(error)));
    }
  };
  const timer = setInterval(() => void renew(), (LEASE_SECONDS * 1000) / RENEWALS_PER_LEASE);
  void renew();
  return {
    late,
    end: () => {
      clearInterval(timer);
      clearTimeout(deadline);
      signal.removeEventListener('abort', onSignal);
    },
  };
}

function lost(why: string): Failure {
  return new Failure('lease_lost', `The run is not held any more: ${why}`, {
    remedy: 'Nothing: what comes next is decided elsewhere.',
  });
}

/** What the pipeline needs, for one store. */
export function needsOf(task: Task, parts: Pick<Needs, 'storage' | 'engine'>): Needs {
  const { signer, trusted, identities, now } = task.runtime;
  return { ...parts, bench: task.bench, signer, trusted, identities, now, progress: (event) => task.progress(event) };
}
