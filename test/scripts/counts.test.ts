import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '..', '..');

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'counts-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content, { mode });
}

const lastLine = (text: string) => text.trimEnd().split('\n').at(-1);

describe('npm test', () => {
  const good = "test('good', () => {});\n";
  const bad = "test('bad', () => { throw new Error('bad'); });\n";

  it.each([
    ['a good test', { 'a.test.js': good }, '1 passed, 0 failed', 0],
    ['a good and a bad one', { 'a.test.js': good, 'b.test.js': bad }, '1 passed, 1 failed', 1],
    ['a file that cannot be read', { 'a.test.js': good, 'b.test.js': 'import nothing' }, '1 passed, 1 failed', 1],
    ['a skipped one', { 'a.test.js': `${good}test.skip('later', () => {});\n` }, '1 passed, 0 failed, 1 skipped', 0],
    ['no test at all', {}, '0 passed, 0 failed', 1],
  ])('ends with the counts alone on a line: %s', (_, files, line, status) => {
    for (const [name, content] of Object.entries(files)) write(name, content);
    const config = JSON.stringify({ rootDir: folder, testEnvironment: 'node', transform: {} });

    const run = spawnSync(process.execPath, [join(root, 'scripts/test.ts'), '--config', config], { encoding: 'utf8' });

    expect(lastLine(run.stdout)).toBe(line);
    expect(run.status).toBe(status);
  });
});

describe('.ci/run', () => {
  /** Both steps replaced by programs that print and end as told. */
  function runCi(tests: string, check: string) {
    cpSync(join(root, '.ci/run'), join(folder, '.ci/run'));
    write('bin/npm', `#!/bin/sh\necho "CI=$CI"\n${tests}\n`, 0o755);
    write('node_modules/.bin/node', `#!/bin/sh\n${check}\n`, 0o755);
    const env = { ...process.env, PATH: `${join(folder, 'bin')}:${process.env.PATH}`, CI: '' };
    return spawnSync('bash', [join(folder, '.ci/run')], { encoding: 'utf8', cwd: '/', env });
  }

  it.each([
    ['everything is good', 'echo 5 passed, 0 failed', 'exit 0', '5 passed, 0 failed', 0],
    ['a test fails', 'echo 4 passed, 1 failed; exit 1', 'exit 0', '4 passed, 1 failed', 1],
    ['only the checks fail', 'echo 5 passed, 0 failed', 'exit 1', '5 passed, 0 failed', 1],
    ['the tests never ran', 'exit 1', 'exit 0', '0 passed, 1 failed', 1],
  ])('ends with the counts and fails when anything failed: %s', (_, tests, check, line, status) => {
    const run = runCi(tests, check);

    expect(run.stdout).toContain('CI=true');
    expect(lastLine(run.stdout)).toBe(line);
    expect(run.status).toBe(status);
  });
});
