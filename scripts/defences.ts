import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Defence } from '../test/defences/defence.ts';
import { defences } from '../test/defences.ts';
import { type Outcome, runNamed } from './defences/named-tests.ts';

// Takes each defence out of a copy of the tree, one at a time, and expects a test that is named after its fault to turn
// red. A defence whose removal no test notices is not defended. Names of faults as arguments choose among them.

const root = resolve(import.meta.dirname, '..');
const folders = ['src', 'cli', 'local', 'lambdas', 'tasks', 'test', 'scripts', 'bench', 'docs'];
const files = ['package.json', 'jest.config.js', 'tsconfig.json'];
const wanted = process.argv.slice(2);

function copyTree(): string {
  const copy = mkdtempSync(join(tmpdir(), 'defences-'));
  for (const name of [...folders, ...files]) {
    if (existsSync(join(root, name))) cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** One sentence when the fault's tests are not green with the defence in its place, else undefined. */
function baselineProblem(outcomes: readonly Outcome[] | undefined, { fault }: Defence): string | undefined {
  const own = named(outcomes, fault);
  if (own.length === 0) return 'no test of that name ran';
  const failed = own.find(({ status }) => status === 'failed');
  return failed === undefined ? undefined : `not green before the removal: ${failed.name}`;
}

/** One sentence when no test of that name noticed the removal, else undefined. */
function removalProblem(copy: string, defence: Defence): string | undefined {
  const path = join(copy, defence.file);
  const original = readFileSync(path, 'utf8');
  if (original.split(defence.remove).length !== 2) return `its text does not stand exactly once in ${defence.file}`;
  const changed = original.replace(defence.remove, () => defence.put);
  writeFileSync(path, changed);
  const after = runNamed(copy, defence.test, [defence.fault]);
  writeFileSync(path, original);
  const own = named(after, defence.fault);
  if (own.length === 0) return 'without it the tests do not even run';
  return own.some(({ status }) => status === 'failed') ? undefined : 'no test noticed its removal';
}

function named(outcomes: readonly Outcome[] | undefined, fault: string): readonly Outcome[] {
  const name = new RegExp(`\\b${fault}\\b`);
  return (outcomes ?? []).filter((outcome) => name.test(outcome.name));
}

/** Rows of one test file share one run of it as it stands. */
function examineFile(copy: string, test: string, rows: readonly Defence[]): number {
  const baseline = runNamed(
    copy,
    test,
    rows.map(({ fault }) => fault),
  );
  let red = 0;
  for (const row of rows) {
    const problem = baselineProblem(baseline, row) ?? removalProblem(copy, row);
    if (problem === undefined) red += 1;
    console.log(
      `${problem === undefined ? '✔' : '✘'} ${row.fault.padEnd(5)} ${row.what}${problem === undefined ? '' : `: ${problem}`}`,
    );
  }
  return red;
}

const chosen = defences.filter(({ fault }) => wanted.length === 0 || wanted.includes(fault));
const copy = copyTree();
let red = 0;
try {
  for (const [test, rows] of Map.groupBy(chosen, (row) => row.test)) red += examineFile(copy, test, rows);
} finally {
  rmSync(copy, { recursive: true, force: true });
}
console.log(`${red}/${chosen.length} named tests red`);
process.exitCode = red === chosen.length && chosen.length > 0 ? 0 : 1;
