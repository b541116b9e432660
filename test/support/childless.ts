import { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import type { Runner } from '../../src/process/child.ts';

/**
 * Stands in for every child: a dump that flows from memory. Thousands of runs need no thousands of processes; what becomes
 * of real ones is told by tests that kill workers, and by those of F1 to F3.
 */
export function childless(text: () => string) {
  return (runner: Runner): Runner => ({
    place: runner.place,
    start: ({ program }) => {
      const stdout = Readable.from([Buffer.from(text())], { objectMode: false });
      const exit = { program, code: 0, signal: null, error: undefined, stderr: '' };
      const ended = finished(stdout).then(
        () => exit,
        () => ({ ...exit, code: 1 }),
      );
      return { pid: 1, stdin: null, stdout, ended, forget: () => undefined, kill: () => stdout.destroy() };
    },
  });
}
