import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { runningFrom } from '../../scripts/setup/machine.ts';
import { installPackages, servicesMayStart, wouldRemove } from '../../scripts/setup/system-packages.ts';

const POLICY = 'usr/sbin/policy-rc.d';
const CLUSTERS = 'etc/postgresql-common/createcluster.d/database-dump-setup.conf';

let system = '';
const path = process.env.PATH;

beforeEach(() => {
  system = mkdtempSync(join(tmpdir(), 'system-'));
  mkdirSync(join(system, 'usr/sbin'), { recursive: true });
  mkdirSync(join(system, 'bin'));
  process.env.PATH = `${join(system, 'bin')}:${path}`;
});
afterEach(() => {
  process.env.PATH = path;
  rmSync(system, { recursive: true, force: true });
});

/** An apt-get that keeps its arguments and the guards as they were while it ran. */
function fakeApt(ending: string): void {
  const lines = [
    '#!/bin/sh',
    `echo "$@" > '${system}/arguments'`,
    `cp '${system}/${POLICY}' '${system}/policy-seen' 2>/dev/null`,
    `cp '${system}/${CLUSTERS}' '${system}/clusters-seen' 2>/dev/null`,
    ending,
  ];
  writeFileSync(join(system, 'bin/apt-get'), `${lines.join('\n')}\n`, { mode: 0o755 });
}

const seen = (name: string) => readFileSync(join(system, name), 'utf8');

describe("the system's package manager", () => {
  it.each([
    ['succeeds', 'exit 0'],
    ['fails', 'echo E: no space left >&2; exit 100'],
  ])('may start no service and make no cluster, and nothing of the guard is left when it %s', async (_, ending) => {
    fakeApt(ending);

    const outcome = await installPackages(['postgresql-15'], system).catch(String);

    expect(seen('policy-seen')).toContain('exit 101');
    expect(seen('clusters-seen')).toContain('create_main_cluster = false');
    expect(existsSync(join(system, POLICY))).toBe(false);
    expect(existsSync(join(system, CLUSTERS))).toBe(false);
    if (outcome !== undefined) expect(outcome).toContain('E: no space left');
  });

  it('is told to remove nothing and to add nothing that is only recommended', async () => {
    fakeApt('exit 0');

    await installPackages(['age', 'faketime'], system);

    expect(seen('arguments')).toMatch(/^install -y --no-install-recommends --no-remove .* age faketime\n$/);
  });

  it("keeps somebody else's policy, and is not used where that policy lets services start", async () => {
    fakeApt('exit 0');
    const policy = join(system, POLICY);
    writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    expect(await servicesMayStart(system)).toBe(false);
    await installPackages(['age'], system);
    expect(readFileSync(policy, 'utf8')).toBe('#!/bin/sh\nexit 101\n');

    writeFileSync(policy, '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    expect(await servicesMayStart(system)).toBe(true);
  });

  it('takes away a guard that a killed set-up has left', async () => {
    fakeApt('exit 0');
    await installPackages(['age'], system);
    cpSync(join(system, 'policy-seen'), join(system, POLICY));

    expect(await servicesMayStart(system)).toBe(false);
    await installPackages(['age'], system);

    expect(existsSync(join(system, POLICY))).toBe(false);
  });

  it('is asked beforehand whether it would remove a package', async () => {
    fakeApt("echo 'Remv mysql-client [8.0]'");
    expect(await wouldRemove(['mariadb-client'])).toBe(true);

    fakeApt("echo 'Inst mariadb-client [10.11]'");
    expect(await wouldRemove(['mariadb-client'])).toBe(false);
  });
});

(process.platform === 'linux' ? describe : describe.skip)('a running program', () => {
  it('is found by the folder it runs from', async () => {
    const program = join(system, 'bin/server');
    cpSync('/bin/sleep', program);
    const child = spawn(program, ['30'], { stdio: 'ignore' });
    await new Promise((resolve) => child.once('spawn', resolve));

    const running = runningFrom([join(system, 'bin/')]);
    child.kill('SIGKILL');

    expect(running).toEqual([program]);
    expect(runningFrom([join(system, 'elsewhere/')])).toEqual([]);
  });
});
