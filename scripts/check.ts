/**
 * `npm run check`: types, lint and format, who imports whom, dead code. Runs all of them whatever fails, prints one line
 * for each and the output of those that failed. `--only NAME` runs one.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const root = join(import.meta.dirname, '..');
const ROOMS = ['src', 'bin', 'lib', 'lambdas', 'tasks', 'local', 'cli', 'console', 'scripts', 'bench', 'test'];
const rooms = ROOMS.filter((room) => existsSync(join(root, room)));

const CHECKS: readonly (readonly [name: string, program: string, ...args: string[]])[] = [
  ['types', 'tsc'],
  ['lint and format', 'biome', 'check', '--error-on-warnings'],
  ['imports', 'depcruise', '--config', '.dependency-cruiser.cjs', ...rooms],
  ['dead code', 'knip', '--no-progress'],
];

const only = process.argv[process.argv.indexOf('--only') + 1];
const chosen = process.argv.includes('--only') ? CHECKS.filter(([name]) => name === only) : CHECKS;
if (chosen.length === 0) {
  console.error(
    `check: there is no check ${JSON.stringify(only)}; there are: ${CHECKS.map(([name]) => name).join(', ')}.`,
  );
  process.exit(2);
}
for (const [name, program, ...args] of chosen) {
  const { status, stdout, stderr, error } = spawnSync(join(root, 'node_modules', '.bin', program), args, {
    cwd: root,
    encoding: 'utf8',
    // The checks' own launchers ask for whatever `node` is first on PATH: it must be the project's.
    env: { ...process.env, PATH: [join(root, 'node_modules', '.bin'), process.env.PATH].join(delimiter) },
    maxBuffer: 64 * 1024 * 1024,
  });
  console.log(`${status === 0 ? '✔' : '✘'} ${name.padEnd(16)} ${[program, ...args].join(' ')}`);
  if (status === 0) continue;
  console.log(`${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`);
  process.exitCode = 1;
}
