/**
 * Finds or gets every tool that a mode needs and prints one line for each: what was found or done, and why.
 * Exit code 1 when `npm start` cannot work without what is missing or when CI is true; else it is only said.
 */
import { findTools } from '../src/process/tools.ts';
import { NEEDS } from './setup/catalogue.ts';
import { readMachine, runningFrom } from './setup/machine.ts';
import type { Mode } from './setup/needs.ts';
import { provide } from './setup/provide.ts';
import { installPackages, refreshLists, servicesMayStart, wouldRemove } from './setup/system-packages.ts';

const MODES: readonly Mode[] = ['start', 'test', 'matrix'];

const mode = MODES.find((known) => known === (process.argv[2] ?? 'start'));
if (mode === undefined) {
  console.error(`bootstrap: there is no mode ${JSON.stringify(process.argv[2])}; choose one of: ${MODES.join(', ')}.`);
  process.exit(2);
}
// Tools must be readable by the users that they run as.
process.umask(0o022);
const machine = readMachine();
const missing = await provide(
  NEEDS.filter((need) => need.modes.includes(mode)),
  machine,
  {
    search: () => findTools({ path: process.env.PATH ?? '', caches: machine.caches }),
    running: runningFrom,
    servicesMayStart: () => servicesMayStart(),
    wouldRemove,
    refreshLists,
    install: (packages) => installPackages(packages),
    say: (line) => console.error(line),
  },
);
if (missing.length > 0 && (mode === 'start' || machine.inCi)) process.exitCode = 1;
