import { join } from 'node:path';
import { FAILURES, problemOf } from '../src/domain/failure.ts';
import { readConfig } from '../src/runtime/config.ts';
import { HELP, readOptions, type StartOptions } from './options.ts';
import { printer } from './printer.ts';
import { cancelOnSignals } from './signals.ts';
import { runTrial } from './trial.ts';

/** `npm start`: the main job on real data, from nothing, on this machine alone. */
async function main(argv: readonly string[]): Promise<number> {
  const cancel = cancelOnSignals();
  const print = printer(process.stdout, process.stderr);
  try {
    const options = readOptions(argv);
    if (options.help) {
      process.stdout.write(HELP);
      return 0;
    }
    await runTrial({
      options: { ...options, once: endsAfterwards(options) },
      checkout: join(import.meta.dirname, '..'),
      signal: cancel.signal,
      print,
    });
    return 0;
  } catch (error) {
    // Ctrl-C after the summary is how it ends; before it, the work was cut short.
    const thrown = cancel.signal.aborted ? cancel.signal.reason : error;
    print.end();
    const { detail, remedy, code } = problemOf(thrown);
    process.stderr.write(`✘ ${detail}\n${remedy === undefined ? '' : `  → ${remedy}\n`}`);
    return FAILURES[code].exit;
  } finally {
    cancel.release();
  }
}

/** In CI nobody is there to press Ctrl-C. */
function endsAfterwards({ once }: StartOptions): boolean {
  return once || (readConfig().inCi && !process.stdin.isTTY);
}

process.exitCode = await main(process.argv.slice(2));
