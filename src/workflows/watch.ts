import { setProgress } from '../catalog/repositories/run-lease.ts';
import { addLines } from '../catalog/repositories/run-lines.ts';
import { messageOf } from '../domain/failure.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { parseTaskLine, type TaskLine } from './task-line.ts';
import type { RunInput } from './workflow.ts';

export interface TaskWatch {
  /** One line of the task's standard output. */
  onLine(text: string): void;
  /** Writes what is left. Never rejects: nothing of a run depends on it. */
  end(): Promise<void>;
  /** The task's last word, where it had one. */
  last(): Extract<TaskLine, { readonly type: 'ended' }> | undefined;
}

/** At most this often something is written. */
const EVERY_MS = 1000;
const MOST_WAITING = 500;

/** Brings a task's progress and sentences into the catalog, a few times at most while they come by the hundred. */
export function watchTask(
  { catalog, log }: Pick<Runtime, 'catalog' | 'log'>,
  { tenantId, runId, lease }: RunInput & { readonly lease: string },
): TaskWatch {
  let progress: Omit<Extract<TaskLine, { readonly type: 'progress' }>, 'type'> | undefined;
  let waiting: string[] = [];
  let last: ReturnType<TaskWatch['last']>;
  let writing = Promise.resolve();
  const meter = rateMeter();
  const write = async () => {
    const [lines, event] = [waiting, progress];
    [waiting, progress] = [[], undefined];
    if (lines.length === 0 && event === undefined) return;
    await catalog.withTenant(tenantId, async (trx) => {
      await addLines(trx, { tenantId, runId }, lines);
      if (event !== undefined) await setProgress(trx, { runId, lease }, { ...event, ...meter(event) });
    });
  };
  const flush = () => {
    writing = writing.then(write).catch((error) => {
      log('warn', { runId, cause: messageOf(error) }, 'the progress of a run could not be written');
    });
    return writing;
  };
  const timer = setInterval(() => void flush(), EVERY_MS);
  return {
    onLine: (text) => {
      const line = parseTaskLine(text);
      if (line === undefined) return;
      if (line.type === 'progress') {
        const { type: _type, ...event } = line;
        progress = event;
        return;
      }
      if (line.type === 'ended') last = line;
      if (line.text !== 'done' && waiting.length < MOST_WAITING) waiting.push(line.text);
    },
    end: () => {
      clearInterval(timer);
      return flush();
    },
    last: () => last,
  };
}

interface Counts {
  readonly phase: string;
  readonly storedBytes?: number | undefined;
  readonly plainBytes?: number | undefined;
  readonly totalBytes?: number | undefined;
}

/** Bytes a second since the phase began, and what is left by that measure. */
function rateMeter() {
  let phase = '';
  let from = { at: 0, bytes: 0 };
  return (event: Counts) => {
    const bytes = event.storedBytes ?? event.plainBytes ?? 0;
    const now = performance.now();
    if (event.phase !== phase) {
      phase = event.phase;
      from = { at: now, bytes };
      return {};
    }
    const seconds = (now - from.at) / 1000;
    const bytesPerSecond = seconds > 0 ? Math.round((bytes - from.bytes) / seconds) : 0;
    if (bytesPerSecond <= 0) return {};
    if (event.totalBytes === undefined) return { bytesPerSecond };
    return { bytesPerSecond, secondsLeft: Math.max(0, Math.round((event.totalBytes - bytes) / bytesPerSecond)) };
  };
}
