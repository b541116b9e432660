/**
 * `npm run soak`: the reliability targets in their full size with a seed that is printed, then fuzzing for what is left of
 * the time. What it printed stays in reports/. Ends with 1 on any failure.
 *
 *   --seed N      repeats a run; today's date otherwise
 *   --minutes N   when to end, finished or not (70); below 180 the longest targets do a share of their full size
 *   --hours N     the same in hours
 *   --percent N   the share of the longest targets, whatever the time; for a machine that has other work as well
 *   --only T4     only these targets (repeatable); `fuzz` is one
 */
import { appendFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { table } from '../cli/table.ts';
import { runFuzz } from './soak/fuzz-run.ts';
import { runTarget, type SoakResult } from './soak/jest-run.ts';
import { SOAK_TARGETS } from './soak/targets.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    minutes: { type: 'string', default: '70' },
    hours: { type: 'string' },
    percent: { type: 'string' },
    only: { type: 'string', multiple: true, default: [] },
  },
});
/** Of the whole time, what fuzzing may have at least and at most. */
const FUZZ_SHARE = 0.2;
const FUZZ_LONGEST_MS = 8 * 3_600_000;
/** What everything in full size takes on two idle cores, fuzzing aside. Less time means a share of the longest ones. */
const FULL_MINUTES = 180;

const root = join(import.meta.dirname, '..');
const folder = join(root, 'reports', 'soak');
const started = new Date();
const seed = wholeNumber(values.seed ?? started.toISOString().slice(0, 10).replaceAll('-', ''), 'seed');
const minutes =
  values.hours === undefined ? wholeNumber(values.minutes, 'minutes') : 60 * wholeNumber(values.hours, 'hours');
const end = started.getTime() + minutes * 60_000;
const file = join(folder, `${started.toISOString().slice(0, 19).replaceAll(':', '')}.txt`);
mkdirSync(folder, { recursive: true });
const percent = values.percent === undefined ? (100 * minutes) / FULL_MINUTES : wholeNumber(values.percent, 'percent');
const share = Math.min(1, percent / 100);

const lines: string[][] = [];
let failed = 0;
print(
  `soak of ${started.toISOString()}, seed ${seed}, at most ${minutes} minutes (${(100 * share).toFixed(0)} % of the longest targets), Node ${process.version}`,
);
for (const target of SOAK_TARGETS.filter(({ id }) => isWanted(id))) {
  const ms = Math.max(0, end - Date.now() - (isWanted('fuzz') ? FUZZ_SHARE * minutes * 60_000 : 0));
  note(`${target.id} ${target.what}`, await runTarget(target, { seed, ms, root, share, log }));
}
if (isWanted('fuzz')) {
  const ms = Math.min(FUZZ_LONGEST_MS, Math.max(0, end - Date.now()));
  for (const { name, ...result } of await runFuzz({ seed, ms, folder })) note(`T26 fuzz ${name}`, result);
}
print('');
for (const line of table(['', 'target', 'tests', 'seconds', 'counts'], lines)) print(line);
print(`seed ${seed}, ${started.toISOString()} to ${new Date().toISOString()}: ${failed} failed`);
console.log(`the whole output is in ${file}`);
process.exitCode = failed > 0 || lines.length === 0 ? 1 : 0;

function note(name: string, result: SoakResult): void {
  failed += result.failed;
  const mark = result.failed === 0 ? '✔' : '✘';
  const tests = `${result.passed}/${result.passed + result.failed}`;
  const details = [...result.counts, ...result.failures.map((failure) => `FAILED ${failure}`)].join('; ');
  lines.push([mark, name, tests, result.seconds.toFixed(0), details]);
  print(`${mark} ${name}: ${tests} in ${result.seconds.toFixed(0)} s ${details}`);
}

function isWanted(id: string): boolean {
  return values.only.length === 0 || values.only.includes(id);
}

function wholeNumber(text: string, name: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  console.error(`--${name} must be a whole number above zero, not ${JSON.stringify(text)}`);
  process.exit(2);
}

function print(line: string): void {
  console.log(line);
  log(`${line}\n`);
}

function log(text: string): void {
  appendFileSync(file, text);
}
