import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { isOnPath } from '../../scripts/setup/machine.ts';
import { type PrivateWish, unpackPackages } from '../../scripts/setup/private-packages.ts';

const onDebian = isOnPath('dpkg-deb');
if (!onDebian) console.error('private packages: skipped, dpkg-deb is not on PATH (it comes with Debian and Ubuntu)');

let folder = '';
const path = process.env.PATH;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'private-'));
});
afterEach(() => {
  process.env.PATH = path;
  rmSync(folder, { recursive: true, force: true });
});

function write(file: string, content: string, mode = 0o644): void {
  mkdirSync(dirname(join(folder, file)), { recursive: true });
  writeFileSync(join(folder, file), content, { mode });
}

/** A package with one program that prints its arguments, and an apt-get that "downloads" it into the folders it is given. */
function fakeArchive(install = 'cp "$here/server.deb" "$archives/"'): void {
  write(
    'tree/DEBIAN/control',
    'Package: server\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b.c>\nDescription: a\n',
  );
  write('tree/usr/sbin/server', '#!/bin/sh\nfor argument in "$@"; do echo "$argument"; done\n', 0o755);
  const build = ['--build', '--root-owner-group', join(folder, 'tree'), join(folder, 'server.deb')];
  expect(spawnSync('dpkg-deb', build).status).toBe(0);
  const lines = [
    '#!/bin/sh',
    `here='${folder}'`,
    'archives=$(sed -n \'s/^Dir::Cache "\\(.*\\)";/\\1/p\' "$APT_CONFIG")/archives',
    'echo "$@" >> "$here/asked"',
    `case $1 in install) ${install} ;; esac`,
  ];
  write('bin/apt-get', `${lines.join('\n')}\n`, 0o755);
  process.env.PATH = `${join(folder, 'bin')}:${path}`;
}

const wish = (): PrivateWish => ({
  packages: ['server'],
  release: 'own',
  folder: join(folder, 'cache/tools/server'),
  programs: { server: { path: 'usr/sbin/server', args: ['--basedir=@here@/usr'] } },
});

const start = (tool: string, ...args: string[]) =>
  spawnSync(join(tool, 'bin/server'), args, { encoding: 'utf8' }).stdout.trimEnd().split('\n');

(onDebian ? describe : describe.skip)('packages unpacked into the private cache', () => {
  it('are started with what they need to find their files, behind an argument that must stay first', async () => {
    fakeArchive();
    const { folder: tool } = wish();

    await unpackPackages(wish(), join(folder, 'cache'));

    expect(start(tool, '--no-defaults', 'a b')).toEqual(['--no-defaults', `--basedir=${tool}/usr`, 'a b']);
    expect(start(tool, 'a', '--no-defaults')).toEqual([`--basedir=${tool}/usr`, 'a', '--no-defaults']);
    expect(readdirSync(join(folder, 'cache'))).toEqual(['tools']);
  });

  it('still work when the cache is moved', async () => {
    fakeArchive();
    await unpackPackages(wish(), join(folder, 'cache'));

    renameSync(join(folder, 'cache'), join(folder, 'moved here'));

    const moved = join(folder, 'moved here/tools/server');
    expect(start(moved)).toEqual([`--basedir=${moved}/usr`]);
  });

  it.each([
    ['apt fails', 'exit 100', /apt-get install failed/],
    ['apt brings nothing', ':', /downloaded nothing/],
    ['a package is damaged', 'echo no > "$archives/server.deb"', /dpkg-deb -x failed/],
  ])('are replaced only when complete: %s', async (_, install, message) => {
    fakeArchive();
    await unpackPackages(wish(), join(folder, 'cache'));
    fakeArchive(install);

    await expect(unpackPackages(wish(), join(folder, 'cache'))).rejects.toThrow(message);

    expect(start(wish().folder, 'x')).toContain('x');
    expect(readdirSync(join(folder, 'cache'))).toEqual(['tools']);
  });

  it('are refused when a program that was promised is not in them', async () => {
    fakeArchive();
    const other = { ...wish(), programs: { client: { path: 'usr/bin/client' } } };

    await expect(unpackPackages(other, join(folder, 'cache'))).rejects.toThrow('the packages hold no usr/bin/client');

    expect(existsSync(other.folder)).toBe(false);
  });
});
