/**
 * `npm run coverage`: how much of the core (facts and rules, pipeline) its own tests run, line by line and branch by branch.
 * Ends with 1 below 100 % of either. Arguments go to jest.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const child = spawn(
  process.execPath,
  [
    join(root, 'node_modules', 'jest', 'bin', 'jest.js'),
    'test/domain',
    'test/pipeline',
    // Their work is done in other processes, which are not counted.
    '--testPathIgnorePatterns=memory.test',
    '--coverage',
    '--coverageDirectory=coverage',
    '--collectCoverageFrom=src/domain/**',
    '--collectCoverageFrom=src/pipeline/**',
    '--coverageReporters=text',
    '--coverageReporters=lcov',
    `--coverageThreshold=${JSON.stringify({ global: { lines: 100, branches: 100 } })}`,
    '--silent',
    ...process.argv.slice(2),
  ],
  {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: '--experimental-vm-modules --disable-warning=ExperimentalWarning' },
    stdio: ['ignore', 'inherit', 'inherit'],
  },
);
child.on('close', (code) => {
  process.exitCode = code ?? 1;
});
