import { FAILURES } from '../src/domain/failure.ts';
import type { TaskLine } from '../src/workflows/task-line.ts';

export interface EndedTask {
  readonly code: number | null;
  readonly stderr: string;
  readonly last: Extract<TaskLine, { readonly type: 'ended' }> | undefined;
}

/** What a task's end is called: by its own last word, else by its exit status; one that was killed said neither. */
export function taskFailure({ code, stderr, last }: EndedTask): Error {
  const named = last?.code ?? Object.entries(FAILURES).find(([, { exit }]) => exit === code)?.[0];
  const words = last?.text ?? (stderr.trim().split('\n').at(-1) || 'The task ended without a word.');
  return Object.assign(new Error(words), { name: code === null ? 'lease_lost' : (named ?? 'internal') });
}
