import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Defence, defences } from '../test/defences.ts';

// Takes each defence out of a copy of the tree, one at a time, and expects the test that is named after its fault to
// turn red. A defence whose removal no test notices is not defended.

const root = resolve(import.meta.dirname, '..');
const folders = ['src', 'cli', 'local', 'test', 'scripts', 'bench', 'docs'];
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

/** Runs the fault's tests in the copy; true when at least one ran and all that ran passed. */
function passes(copy: string, defence: Defence): { green: boolean; ran: number } {
  const report = join(copy, 'jest-report.json');
  rmSync(report, { force: true });
  const pattern = `(^| )${defence.fault}( |$)`;
  spawnSync(
    process.execPath,
    [join(root, 'node_modules/jest/bin/jest.js'), defence.test, '-t', pattern, '--json', `--outputFile=${report}`],
    {
      cwd: copy,
      env: {
        ...process.env,
        NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning',
        CI: 'true',
      },
      stdio: 'ignore',
      timeout: 180_000,
    },
  );
  if (!existsSync(report)) return { green: false, ran: 0 };
  const result = JSON.parse(readFileSync(report, 'utf8')) as {
    numPassedTests: number;
    numFailedTests: number;
    success: boolean;
  };
  return { green: result.success, ran: result.numPassedTests + result.numFailedTests };
}

/** One sentence when the defence is not proven, else undefined. */
function examine(copy: string, defence: Defence): string | undefined {
  const path = join(copy, defence.file);
  const original = readFileSync(path, 'utf8');
  if (original.split(defence.remove).length !== 2)
    return `the text to remove does not stand exactly once in ${defence.file}`;
  const before = passes(copy, defence);
  if (!before.green || before.ran === 0) return `its test is not green before the removal (${before.ran} ran)`;
  writeFileSync(
    path,
    original.replace(defence.remove, () => defence.put),
  );
  const after = passes(copy, defence);
  writeFileSync(path, original);
  return after.green ? 'no test noticed its removal' : undefined;
}

const copy = copyTree();
let red = 0;
const chosen = defences.filter((one) => wanted.length === 0 || wanted.includes(one.fault));
for (const defence of chosen) {
  const problem = examine(copy, defence);
  if (problem === undefined) red += 1;
  console.log(
    `${problem === undefined ? '✔' : '✘'} ${defence.fault.padEnd(5)} ${defence.what}${problem === undefined ? '' : `: ${problem}`}`,
  );
}
rmSync(copy, { recursive: true, force: true });
console.log(`${red}/${chosen.length} named tests red`);
process.exitCode = red === chosen.length && chosen.length > 0 ? 0 : 1;
