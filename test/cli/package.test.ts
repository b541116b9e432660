import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const root = join(import.meta.dirname, '..', '..');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const MINUTES = 60_000;

/** npm as a person runs it: this test run's Node, its flags and its npm settings are not theirs. */
function npm(cwd: string, ...args: string[]) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS$)/i.test(name));
  const path = (process.env.PATH ?? '')
    .split(':')
    .filter((folder) => !folder.includes('node_modules'))
    .join(':');
  return spawnSync(args[0] === 'npx' ? 'npx' : 'npm', args[0] === 'npx' ? args.slice(1) : args, {
    cwd,
    encoding: 'utf8',
    env: { ...Object.fromEntries(inherited), PATH: path },
  });
}

describe('the package that npm publishes', () => {
  const packed = mkdtempSync(join(tmpdir(), 'packed-'));
  const empty = mkdtempSync(join(tmpdir(), 'empty-'));
  let files: string[] = [];

  beforeAll(() => {
    const pack = npm(root, 'pack', '--json', '--pack-destination', packed);
    expect({ status: pack.status, stderr: pack.stderr }).toMatchObject({ status: 0 });
    const [facts] = JSON.parse(pack.stdout.slice(pack.stdout.indexOf('[\n'))) as {
      filename: string;
      files: { path: string }[];
    }[];
    files = facts?.files.map((file) => file.path) ?? [];
    const tarball = join(packed, facts?.filename ?? '');
    const install = npm(empty, 'install', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error', tarball);
    expect({ status: install.status, stderr: install.stderr }).toMatchObject({ status: 0 });
  }, 5 * MINUTES);

  afterAll(() => {
    for (const folder of [packed, empty]) rmSync(folder, { recursive: true, force: true });
  });

  it('holds bundled JavaScript and no sources', () => {
    expect(files).toEqual(
      expect.arrayContaining(['LICENSE', 'README.md', 'package.json', 'cli/dbdump.js', 'dist/dbdump.js']),
    );
    expect(files.filter((file) => /\.ts$|^(src|test|scripts|local)\//.test(file))).toEqual([]);
  });

  it.each(['dbdump', 'database-dump'])(
    'installed into an empty folder, npx %s --version prints the version',
    (name) => {
      const { status, stdout, stderr } = npm(empty, 'npx', name, '--version');

      expect({ status, stdout, stderr }).toMatchObject({ status: 0, stdout: `${version}\n` });
    },
  );
});
