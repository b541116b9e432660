import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import type { TaskRuntime } from './runtime.ts';
import type { Workshop } from './workshop.ts';

/** Benches in this machine's workshop; each has a folder of its own, gone when it is closed. */
export function localBenches(workshop: Workshop): TaskRuntime['openBench'] {
  return ({ runId, signal, note }) => {
    const folder = workshop.folder(`${runId}-${randomBytes(4).toString('hex')}`);
    return {
      bench: { tools: workshop.tools, runner: workshop.runner, signal, runId, folder, note },
      close: async () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }),
    };
  };
}
