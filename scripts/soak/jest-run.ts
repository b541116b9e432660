import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SoakTarget } from './targets.ts';

export interface SoakResult {
  readonly passed: number;
  readonly failed: number;
  readonly seconds: number;
  /** What the tests counted: their own lines `T1: 20000 crash points …`. */
  readonly counts: readonly string[];
  /** The first line of each failure; one more when time ran out. */
  readonly failures: readonly string[];
}

interface JestReport {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numRuntimeErrorTestSuites: number;
  readonly testResults: readonly {
    readonly message: string;
    readonly assertionResults: readonly { readonly title: string; readonly status: string }[];
  }[];
}

interface Limits {
  readonly seed: number;
  readonly ms: number;
  readonly root: string;
  /** Of the full size, from 0 to 1. */
  readonly share: number;
  log(text: string): void;
}

/** Besides all tests what needs minutes of waiting, and is for a soak alone. */
const MATCHES = ['test', 'soak'].map((kind) => `--testMatch=**/*.${kind}.ts`);

const COUNTED = /^\s*((?:[TF]\d+|day): .*)$/;

const NOT_BEGUN: SoakResult = {
  passed: 0,
  failed: 1,
  seconds: 0,
  counts: [],
  failures: ['not begun, the time was over: give more --minutes'],
};

/** Runs one target's tests in full size, and ends them when the time is over. */
export async function runTarget(target: SoakTarget, limits: Limits): Promise<SoakResult> {
  if (limits.ms < 1_000) return NOT_BEGUN;
  const folder = mkdtempSync(join(tmpdir(), 'database-dump-soak-'));
  const file = join(folder, 'report.json');
  const started = performance.now();
  try {
    const { output, late } = await jest(target, { ...limits, file });
    const seconds = (performance.now() - started) / 1000;
    limits.log(output);
    return { ...summaryOf(file, late), seconds, counts: countsIn(output) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function jest(target: SoakTarget, { seed, ms, root, share, file }: Limits & { file: string }) {
  const names = `(^| )(${target.names.join('|')})( |$)`;
  const program = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const args = [program, ...MATCHES, ...target.tests, '-i', '-t', names, '--json', `--outputFile=${file}`];
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: {
      ...process.env,
      NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning',
      SOAK: '1',
      SEED: String(seed),
      SOAK_SHARE: String(target.shared ? share : 1),
      CI: 'true',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that what the tests started can be ended with them.
    detached: true,
  });
  let output = '';
  let late = false;
  const collect = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  const timer = setTimeout(() => {
    late = true;
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
  }, ms);
  return new Promise<{ output: string; late: boolean }>((resolve) => {
    child.on('close', () => {
      clearTimeout(timer);
      resolve({ output, late });
    });
  });
}

function countsIn(output: string): string[] {
  return output.split('\n').flatMap((line) => COUNTED.exec(line)?.[1] ?? []);
}

function summaryOf(file: string, late: boolean): Pick<SoakResult, 'passed' | 'failed' | 'failures'> {
  if (late) return { passed: 0, failed: 1, failures: ['it was not done when its time was over: give more --minutes'] };
  let report: JestReport;
  try {
    report = JSON.parse(readFileSync(file, 'utf8')) as JestReport;
  } catch {
    return { passed: 0, failed: 1, failures: ['jest ended without a report'] };
  }
  const failures = report.testResults.flatMap(({ assertionResults, message }) => {
    const failed = assertionResults.filter(({ status }) => status === 'failed').map(({ title }) => title);
    const broken = assertionResults.length === 0 && message !== '' ? [message.split('\n').slice(0, 3).join(' ')] : [];
    return [...failed, ...broken];
  });
  const failed = report.numFailedTests + report.numRuntimeErrorTestSuites;
  if (report.numPassedTests + failed === 0) return { passed: 0, failed: 1, failures: ['no test of that name ran'] };
  return { passed: report.numPassedTests, failed, failures };
}
