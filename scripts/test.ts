/**
 * `npm test`: runs jest with what ESM tests need, passes arguments through, and ends with `N passed, N failed` alone on a
 * line. A suite that could not run at all counts as one failed test; no test run at all is a failure.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

interface JestResult {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numRuntimeErrorTestSuites: number;
}

const root = join(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'database-dump-test-'));
const report = join(folder, 'jest.json');
const status = await runJest(process.argv.slice(2));
const counts = readCounts();
rmSync(folder, { recursive: true, force: true });
const skipped = counts.skipped === 0 ? '' : `, ${counts.skipped} skipped`;
console.log(`\n${counts.passed} passed, ${counts.failed} failed${skipped}`);
process.exitCode = status !== 0 || counts.failed > 0 || counts.passed === 0 ? 1 : 0;

function runJest(args: readonly string[]): Promise<number> {
  const jest = join(root, 'node_modules', 'jest', 'bin', 'jest.js');
  const options = [process.env.NODE_OPTIONS, '--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];
  const child = spawn(
    process.execPath,
    [jest, '--json', `--outputFile=${report}`, '--testLocationInResults=false', ...args],
    {
      cwd: root,
      env: { ...process.env, NODE_OPTIONS: options.filter((option) => option).join(' ') },
      // With --json jest prints its report on standard output as well; people read standard error.
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  return new Promise((resolve) => child.on('close', (code) => resolve(code ?? 1)));
}

function readCounts(): { passed: number; failed: number; skipped: number } {
  try {
    const result = JSON.parse(readFileSync(report, 'utf8')) as JestResult;
    return {
      passed: result.numPassedTests,
      failed: result.numFailedTests + result.numRuntimeErrorTestSuites,
      skipped: result.numPendingTests,
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}
