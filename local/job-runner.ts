import { messageOf } from '../src/domain/failure.ts';
import type { Secret } from '../src/domain/secret.ts';
import type { RunningTask, TaskStarter } from '../src/runtime/local-platform.ts';
import type { Runtime } from '../src/runtime/runtime.ts';
import { runAttempt, type StepDoor } from '../src/workflows/attempt.ts';
import { WORKFLOWS, type Workflow, workflowOf } from '../src/workflows/registry.ts';
import { abandonLeases, runsToStart } from '../src/workflows/sweep.ts';
import { watchTask } from '../src/workflows/watch.ts';
import type { Claimed, RunInput } from '../src/workflows/workflow.ts';
import { type JobQueue, openJobQueue } from './job-queue.ts';
import { taskFailure } from './task-failure.ts';

export interface JobRunnerOptions {
  readonly runtime: Runtime;
  readonly tasks: TaskStarter;
  readonly queueUrl: Secret;
  readonly concurrency: number;
  readonly perTenant: number;
  /** No other runner works on this catalog: runs that seem held at the start were held by one that died. */
  readonly alone: boolean;
  readonly sweepMs?: number;
  /** By kind; all of them unless told. */
  readonly workflows?: typeof WORKFLOWS;
  /** What becomes of a wait before the next attempt; nothing unless told. */
  pace?(seconds: number): number;
}

export interface JobRunner {
  readonly launcher: Runtime['launcher'];
  /** Stops what is running, gives it back to the queue, and waits for that. */
  stop(): Promise<void>;
}

const SWEEP_MS = 5000;

/**
 * Does runs on this machine: each step in the order of its workflow, functions here, tasks as processes. The catalog's rows
 * are the truth and the queue a hint: what the queue lost, or its worker left behind, is found by the sweep.
 */
export async function startJobRunner(options: JobRunnerOptions): Promise<JobRunner> {
  const { runtime, queueUrl: url, concurrency, perTenant, alone, sweepMs = SWEEP_MS } = options;
  const active = new Map<string, Set<RunningTask>>();
  const put = new Map<string, number>();
  const stopping = new AbortController();
  const shared = { active, put, stopping: stopping.signal };
  if (alone) await abandonLeases(runtime);
  const queue: JobQueue = await openJobQueue({
    url,
    concurrency,
    perTenant,
    onError: (error) => runtime.log('error', { cause: messageOf(error) }, 'the queue of this machine failed'),
    work: (run) => (stopping.signal.aborted ? Promise.resolve() : workOn(options, { ...shared, queue }, run)),
  });
  const sweeper = startSweeping(options, { ...shared, queue }, sweepMs);
  return {
    launcher: {
      start: (_workflow, run) => queue.put(run),
      cancel: async ({ runId }) => {
        for (const task of active.get(runId) ?? []) task.stop();
      },
    },
    stop: async () => {
      stopping.abort();
      await sweeper.stop();
      await queue.stop();
    },
  };
}

interface Shared {
  readonly queue: JobQueue;
  /** Runs that are being worked on here, and their tasks. */
  readonly active: Map<string, Set<RunningTask>>;
  /** Ends every task, also one that is just being started. */
  readonly stopping: AbortSignal;
  /** When a sweep put a run into the queue; forgotten once the run was worked on. */
  readonly put: Map<string, number>;
}

async function workOn(
  options: JobRunnerOptions,
  { queue, active, put, stopping }: Shared,
  run: RunInput,
): Promise<void> {
  const { runtime, workflows = WORKFLOWS, pace = (seconds: number) => seconds } = options;
  if (active.has(run.runId)) return;
  const tasks = new Set<RunningTask>();
  active.set(run.runId, tasks);
  try {
    const workflow = await workflowOf(runtime, run, workflows);
    if (workflow === undefined) return;
    const used: RunningTask[] = [];
    const ending = await runAttempt(
      workflow.definition,
      run,
      doorOf(options, workflow, { now: tasks, used, stopping }),
    );
    if (ending.over) return;
    for (const task of used) await task.lendAgain?.();
    await queue.put(run, pace(ending.waitSeconds));
  } catch (error) {
    // The row stays as it is; the sweep comes back to it.
    runtime.log('error', { runId: run.runId, cause: messageOf(error), error }, 'a run could not be worked on');
  } finally {
    active.delete(run.runId);
    put.delete(run.runId);
  }
}

/** Tasks of one attempt. */
interface AttemptTasks {
  readonly now: Set<RunningTask>;
  readonly used: RunningTask[];
  readonly stopping: AbortSignal;
}

function doorOf({ runtime, tasks }: JobRunnerOptions, { steps }: Workflow, running: AttemptTasks): StepDoor {
  return {
    run: (step, input, signal) => {
      if (step.place === 'task') return runTask({ runtime, tasks, running, name: step.name }, input as Claimed, signal);
      const work = steps[step.name];
      if (work === undefined) throw new Error(`There is no step ${step.name}.`);
      return work(runtime, input as never);
    },
  };
}

interface TaskPlace {
  readonly runtime: Runtime;
  readonly tasks: TaskStarter;
  readonly running: AttemptTasks;
  readonly name: string;
}

async function runTask(
  { runtime, tasks, running, name }: TaskPlace,
  input: Claimed,
  signal: AbortSignal,
): Promise<void> {
  const { tenantId, runId, lease, attempt, timeoutSeconds } = input;
  const watch = watchTask(runtime, { tenantId, runId, lease });
  try {
    const task = await tasks.start(name, {
      input: { tenantId, runId, lease, attempt, timeoutSeconds },
      onLine: watch.onLine,
    });
    running.now.add(task);
    running.used.push(task);
    const end = AbortSignal.any([signal, running.stopping]);
    if (end.aborted) task.stop();
    else end.addEventListener('abort', () => task.stop(), { once: true });
    const { code, stderr } = await task.ended.finally(() => running.now.delete(task));
    if (code !== 0) throw taskFailure({ code, stderr, last: watch.last() });
  } finally {
    await watch.end();
  }
}

/** A queue that lost its connection may have given a job to nobody: what was put is put again after this. */
const PUT_AGAIN_MS = 15_000;

/** Puts what waits in the catalog into the queue again and again; a sweep that fails is followed by the next one. */
function startSweeping({ runtime }: JobRunnerOptions, { queue, active, put }: Shared, everyMs: number) {
  let sweeping = Promise.resolve();
  const sweep = async () => {
    const now = performance.now();
    const old = [...put].filter(([, at]) => now - at > PUT_AGAIN_MS);
    for (const [id] of old) put.delete(id);
    for (const run of await runsToStart(runtime)) {
      if (active.has(run.runId) || put.has(run.runId)) continue;
      put.set(run.runId, now);
      await queue.put(run);
    }
  };
  const turn = () => {
    sweeping = sweeping.then(sweep).catch((error) => {
      runtime.log('warn', { cause: messageOf(error) }, 'the sweep of waiting runs failed and is repeated');
    });
  };
  const timer = setInterval(turn, everyMs);
  turn();
  return {
    stop: async () => {
      clearInterval(timer);
      await sweeping;
    },
  };
}
