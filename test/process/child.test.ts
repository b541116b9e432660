import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Secret } from '../../src/domain/secret.ts';
import { type ChildUser, makeRunner, type Runner } from '../../src/process/child.ts';
import { capture, describeExit, endedWell, requireGood, run } from '../../src/process/run.ts';

const NOBODY: ChildUser = { uid: 65534, gid: 65534 };
const asRoot = process.getuid?.() === 0;
const setpriv = ['/usr/bin/setpriv', '/bin/setpriv'].find(existsSync);
const stdbuf = ['/usr/bin/stdbuf'].find(existsSync);

let folder: string;
let runner: Runner;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'child-test-'));
  chmodSync(folder, 0o711);
  runner = makeRunner({ folder, user: asRoot ? NOBODY : undefined, setpriv, stdbuf });
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sh = (script: string) => ({ program: '/bin/sh', args: ['-c', script] });

describe('a child', () => {
  it('F1 is good only with status 0', async () => {
    for (const status of [0, 1, 3, 127, 255]) {
      const exit = await run(runner, sh(`echo words >&2; exit ${status}`));

      expect(endedWell(exit)).toBe(status === 0);
      expect(exit.stderr).toBe('words\n');
    }
  });

  it('F2 is bad when a signal ended it, though its code is null', async () => {
    for (const signal of ['KILL', 'SEGV', 'PIPE', 'TERM'] as const) {
      const exit = await run(runner, sh(`kill -${signal} $$`));

      expect(exit.code).toBeNull();
      expect(exit.signal).toBe(`SIG${signal}`);
      expect(endedWell(exit)).toBe(false);
      expect(describeExit(exit)).toContain(`SIG${signal}`);
    }
  });

  it('ends with an error, not with silence, when its program is missing', async () => {
    const bare = makeRunner({ folder, user: undefined, setpriv: undefined, stdbuf: undefined });

    const exit = await run(bare, { program: '/no/such/program', args: [] });

    expect(endedWell(exit)).toBe(false);
    expect(() => requireGood(exit, 'dump_failed')).toThrow(/could not be started/);
  });

  it('F22 may say more than memory holds', async () => {
    const exit = await run(runner, sh('head -c 100000000 /dev/zero | tr "\\0" e >&2; echo last >&2'));

    expect(exit.stderr.length).toBeLessThanOrEqual(64 * 1024);
    expect(exit.stderr.endsWith('last\n')).toBe(true);
  });

  it('F86 inherits nothing of our environment but what it was given', async () => {
    process.env.AWS_SECRET_ACCESS_KEY = 'canary-aws';
    const command = {
      program: '/usr/bin/env',
      args: [],
      env: { PGHOST: 'db' },
      secrets: { PGPASSWORD: new Secret('pw') },
    };

    const { stdout } = await capture(runner, command);

    delete process.env.AWS_SECRET_ACCESS_KEY;
    const names = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('=')[0])
      .sort();
    expect(names).toEqual(['HOME', 'LANG', 'LC_ALL', 'PATH', 'PGHOST', 'PGPASSWORD', 'TMPDIR', 'TZ']);
    expect(stdout).not.toContain('canary-aws');
  });

  it('F85 gets a private file only it can read, gone when it has ended', async () => {
    const command = {
      program: '/bin/sh',
      args: ['-c', 'stat -c "%a %u" "$1"; cat "$1"; echo; echo "$1"', 'sh', { file: 'login.cnf' }],
      files: { 'login.cnf': new Secret('user=bob password=canary') },
    };

    const { stdout, exit } = await capture(runner, command);

    const [mode, content, path] = stdout.trim().split('\n');
    expect(mode).toBe(`600 ${asRoot ? NOBODY.uid : process.getuid?.()}`);
    expect(content).toBe('user=bob password=canary');
    expect(existsSync(path ?? '')).toBe(false);
    expect(endedWell(exit)).toBe(true);
  });

  it('F85 has its secrets taken out of what it says', async () => {
    const command = {
      ...sh('echo "login with $PGPASSWORD failed" >&2; exit 1'),
      secrets: { PGPASSWORD: new Secret('s3cret-canary') },
    };

    const exit = await run(runner, command);

    expect(exit.stderr).toBe('login with [secret] failed\n');
  });

  it('is ended when its deadline passes, and when the caller cancels', async () => {
    const late = await run(runner, { program: '/bin/sleep', args: ['60'] }, { deadlineMs: 50 });
    expect(late.signal).toBe('SIGTERM');

    const abort = new AbortController();
    const cancelled = run(runner, { program: '/bin/sleep', args: ['60'] }, { signal: abort.signal });
    abort.abort(new Error('cancelled by hand'));

    await expect(cancelled).rejects.toThrow('cancelled by hand');
  });

  it('is killed two seconds after it ignored the request to end', async () => {
    const exit = await run(runner, sh('trap "" TERM; while :; do sleep 0.1; done'), { deadlineMs: 50 });

    expect(exit.signal).toBe('SIGKILL');
  });

  it('M2 is ended before it can take a broken input for a complete one', async () => {
    async function* broken() {
      yield Buffer.from('half of it\n');
      await sleep(50);
      throw new Error('hash is wrong');
    }
    const marker = join(folder, 'took-it-for-complete');

    const outcome = run(makeRunner({ ...runner.place, user: undefined }), sh(`cat >/dev/null; touch ${marker}`), {
      input: broken(),
    });

    await expect(outcome).rejects.toThrow('hash is wrong');
    expect(existsSync(marker)).toBe(false);
  });

  it('does not fail its feeder when it stops reading: its own exit decides', async () => {
    async function* endless() {
      for (let n = 0; n < 1000; n += 1) yield Buffer.alloc(65536);
    }

    const exit = await run(runner, sh('head -c 10 >/dev/null; exit 7'), { input: endless() });

    expect(exit.code).toBe(7);
  });
});

const whenRoot = asRoot && setpriv !== undefined ? describe : describe.skip;
if (!(asRoot && setpriv !== undefined)) console.warn('skipped: uid separation needs root and setpriv (util-linux)');

whenRoot('uid separation', () => {
  it('F86 runs the child as another user, without groups and without a way back', async () => {
    const { stdout } = await capture(
      runner,
      sh('id -u; id -G; grep NoNewPrivs /proc/self/status; grep CapEff /proc/self/status'),
    );

    expect(stdout).toBe('65534\n65534\nNoNewPrivs:\t1\nCapEff:\t0000000000000000\n');
  });

  it('M25 keeps our environment from the child', async () => {
    const { exit } = await capture(runner, sh(`cat /proc/${process.pid}/environ`));

    expect(endedWell(exit)).toBe(false);
    expect(exit.stderr).toContain('Permission denied');
  });

  it('M24 F11 dies with us, also as another user', async () => {
    const script = `
      import { makeRunner } from '${new URL('../../src/process/child.ts', import.meta.url).href}';
      const runner = makeRunner(${JSON.stringify(runner.place)});
      const child = runner.start({ program: '/bin/sleep', args: ['300'] });
      setTimeout(() => console.log(child.pid), 300);
    `;
    const worker = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = await new Promise<number>((resolve) =>
      worker.stdout.once('data', (text: Buffer) => resolve(Number(text))),
    );
    expect(readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('sleep\n');

    worker.kill('SIGKILL');

    await waitFor(() => !alive(pid));
    expect(alive(pid)).toBe(false);
  });
});

function alive(pid: number): boolean {
  try {
    return statSync(`/proc/${pid}`).isDirectory() && !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    return false;
  }
}

async function waitFor(condition: () => boolean): Promise<void> {
  for (let n = 0; n < 100 && !condition(); n += 1) await sleep(20);
}
