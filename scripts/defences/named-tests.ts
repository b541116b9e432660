import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** How one test ended. */
export interface Outcome {
  /** With the names of the blocks it stands in. */
  readonly name: string;
  readonly status: 'passed' | 'failed';
}

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly { readonly fullName: string; readonly status: string }[];
  }[];
}

const LONGEST_MS = 300_000;

/** Runs the tests of a file that are named after these faults; undefined when no report came in five minutes. */
export function runNamed(root: string, test: string, faults: readonly string[]): readonly Outcome[] | undefined {
  const file = join(root, 'jest-report.json');
  rmSync(file, { force: true });
  const pattern = `(^| )(${[...new Set(faults)].join('|')})( |$)`;
  const options = ['--runInBand', '--forceExit', '--watchman=false', '--silent', '--json', `--outputFile=${file}`];
  const nodeOptions = '--experimental-vm-modules --disable-warning=ExperimentalWarning';
  spawnSync(
    process.execPath,
    [join(root, 'node_modules/jest/bin/jest.js'), test, '--testNamePattern', pattern, ...options],
    { cwd: root, env: { ...process.env, NODE_OPTIONS: nodeOptions, CI: 'true' }, stdio: 'ignore', timeout: LONGEST_MS },
  );
  if (!existsSync(file)) return undefined;
  return outcomesOf(JSON.parse(readFileSync(file, 'utf8')) as Report);
}

function outcomesOf({ testResults }: Report): readonly Outcome[] {
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .flatMap(({ fullName, status }) =>
      status === 'passed' || status === 'failed' ? [{ name: fullName, status }] : [],
    );
}
