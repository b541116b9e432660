import { z } from 'zod';
import { FAILURES, Failure, problemOf } from '../src/domain/failure.ts';
import { openLocalTask } from '../src/runtime/local-task.ts';
import { doTask, type TaskWork } from '../src/workflows/task.ts';
import type { TaskLine } from '../src/workflows/task-line.ts';

const Input = z.object({
  tenantId: z.uuid(),
  runId: z.uuid(),
  lease: z.uuid(),
  attempt: z.int().positive(),
  timeoutSeconds: z.number().positive(),
});

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;
const PARENT_LOOK_MS = 1000;

/** Runs one task to its end: its input is one argument of JSON, its progress lines on standard output, its exit status a code. */
export async function runTask(work: TaskWork): Promise<number> {
  const { signal, release } = stopOnSignals();
  const print = (line: TaskLine) => process.stdout.write(`${JSON.stringify(line)}\n`);
  try {
    const input = Input.parse(JSON.parse(process.argv[2] ?? 'null'));
    const { runtime, close } = await openLocalTask(input, signal);
    try {
      const code = await doTask({ runtime, signal, print }, input, work);
      return code === undefined ? 0 : FAILURES[code].exit;
    } finally {
      await close();
    }
  } catch (error) {
    const { code, detail } = problemOf(error);
    print({ type: 'ended', code, text: detail });
    return FAILURES[code].exit;
  } finally {
    release();
  }
}

/** The first signal asks for an orderly end; so does the death of whoever started us, where no signal tells of it. */
function stopOnSignals() {
  const controller = new AbortController();
  const stop = () => controller.abort(new Failure('cancelled', 'It was told to stop before it was done.'));
  for (const name of SIGNALS) process.on(name, stop);
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid !== parent) stop();
  }, PARENT_LOOK_MS);
  return {
    signal: controller.signal,
    release: () => {
      clearInterval(timer);
      for (const name of SIGNALS) process.off(name, stop);
    },
  };
}
