import { join } from 'node:path';
import { StringDecoder } from 'node:string_decoder';
import { Failure } from '../domain/failure.ts';
import { handLoan } from '../platform/local/loans.ts';
import type { Launcher, Timetable, Vault } from '../platform/platform.ts';
import { makeRunner } from '../process/child.ts';
import type { TaskInput } from '../workflows/task.ts';
import { ownEnvironment } from './config.ts';
import type { Workshop } from './workshop.ts';

/** What is started last, and asked for from the beginning on. */
interface Late<T> {
  /** A Failure `not_ready` before `bind`. */
  there(): T;
  bind(to: T): void;
}

function late<T>(): Late<T> {
  let bound: T | undefined;
  return {
    there: () => {
      if (bound !== undefined) return bound;
      throw new Failure('not_ready', 'Nothing is started yet.', { remedy: 'It waits in the catalog until then.' });
    },
    bind: (to) => {
      bound = to;
    },
  };
}

/** A launcher whose starts are left to the sweep until there is somebody who starts runs. */
export function lateLauncher(): { readonly launcher: Launcher; bind(to: Launcher): void } {
  const { there, bind } = late<Launcher>();
  const launcher: Launcher = {
    start: async (workflow, run) => there().start(workflow, run),
    cancel: async (run) => there().cancel(run),
  };
  return { launcher, bind };
}

/** A timetable that finds by itself, once it is there, what was put into the catalog before. */
export function lateTimetable(): { readonly timetable: Timetable; bind(to: Timetable): void } {
  const { there, bind } = late<Timetable>();
  const timetable: Timetable = {
    put: async (entry) => there().put(entry),
    remove: async (entry) => there().remove(entry),
  };
  return { timetable, bind };
}

/** How a task's process ended. */
export interface TaskEnd {
  /** 0 is done; null when a signal ended it. */
  readonly code: number | null;
  /** The last it said on standard error. */
  readonly stderr: string;
}

export interface RunningTask {
  readonly ended: Promise<TaskEnd>;
  /** SIGTERM, and SIGKILL for one that does not tidy up in time. */
  stop(): void;
  /** Lends the password that was given with the run once more, for its next attempt. */
  lendAgain?(): Promise<void>;
}

export interface TaskWish {
  readonly input: TaskInput;
  onLine(line: string): void;
}

export interface TaskStarter {
  /** Starts `tasks/<name>.ts` as a process of its own that does not outlive us. */
  start(name: string, wish: TaskWish): Promise<RunningTask>;
}

const TASKS = join(import.meta.dirname, '..', '..', 'tasks');
/** What a task may take to abort its uploads (F56). */
const TIDY_MS = 20_000;
const MOST_LINE = 64 * 1024;

/** Tasks as children of this process, which find everything in the data folder. */
export function taskStarter(
  { dataFolder, workshop }: { readonly dataFolder: string; readonly workshop: Workshop },
  vault: Pick<Vault, 'take' | 'lend'>,
): TaskStarter {
  const { folder, setpriv } = workshop.runner.place;
  const runner = makeRunner({ folder, user: undefined, setpriv, stdbuf: undefined });
  return {
    start: async (name, { input, onLine }) => {
      const loan = await vault.take(input.runId);
      const child = runner.start(
        {
          program: process.execPath,
          args: [join(TASKS, `${name}.ts`), JSON.stringify(input)],
          env: { ...ownEnvironment(), DATABASE_DUMP_HOME: dataFolder },
        },
        { stdin: 'pipe', stdout: 'pipe', killAfterMs: TIDY_MS },
      );
      child.stdout?.on('data', lines(onLine));
      if (child.stdin !== null) await handLoan(child.stdin, loan);
      return {
        ended: child.ended.then(({ code, stderr }) => ({ code, stderr })),
        stop: () => child.kill(),
        lendAgain: async () => (loan === undefined ? undefined : vault.lend(input.runId, loan)),
      };
    },
  };
}

/** Whole lines of a stream; one that never ends is dropped. */
function lines(onLine: (line: string) => void): (chunk: Buffer) => void {
  // A character may come in two chunks.
  const decoder = new StringDecoder('utf8');
  let rest = '';
  return (chunk) => {
    const pieces = (rest + decoder.write(chunk)).split('\n');
    rest = pieces.pop() ?? '';
    if (rest.length > MOST_LINE) rest = '';
    for (const piece of pieces) onLine(piece);
  };
}
