import { spawn } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { dbdump } from '../support/cli.ts';
import { describeWith } from '../support/need-programs.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'local', 'main.ts');

interface Started {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly seconds: number;
}

/** Runs `npm start`'s program. `onLine` sees each line of standard output as it comes. */
function start(args: readonly string[], onLine?: (line: string, pid: number) => void): Promise<Started> {
  const began = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env: withoutCi() });
    let [stdout, stderr, rest] = ['', '', ''];
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine?.(line, child.pid ?? 0);
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text;
    });
    child.on('close', (code) => resolve({ code, stdout, stderr, seconds: (performance.now() - began) / 1000 }));
  });
}

function withoutCi(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'CI'));
}

describeWith(['pg_dump', 'pg_restore', 'psql', 'zstd'], 'npm start', () => {
  const folder = mkdtempSync(join(tmpdir(), 'dd-start-'));
  const data = join(folder, 'data');
  const args = ['--data-dir', data];
  let first: Started;

  beforeAll(async () => {
    chmodSync(folder, 0o755);
    first = await start([...args, '--once']);
  }, 180_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('makes the sample, backs it up, restores it and compares every table', () => {
    expect({ code: first.code, stderr: first.stderr }).toMatchObject({ code: 0 });
    const lines = first.stdout.trim().split('\n');
    expect(lines).toEqual([
      expect.stringMatching(/^✔ tools {6}pg_dump \d+\.\d+ .*zstd \d/),
      expect.stringMatching(/^✔ catalog {4}PostgreSQL \d+\S* .* in .*\/data\/catalog, port \d+$/),
      expect.stringMatching(/^✔ sample {5}shop: 14 tables, 52,310 rows, 3\d\.\d MB$/),
      expect.stringMatching(
        /^✔ backup {5}shop → file:\/\/\S+ {2}\d\.\d MB \(\d\d %\) in \d+\.?\d* s · sha256 [0-9a-f]{4}…$/,
      ),
      expect.stringMatching(/^✔ verified {3}restored and compared: 14 tables, 52,310 rows, 0 differences \(level 3\)$/),
    ]);
  });

  it('stores at most half of what it dumps', () => {
    const share = Number(/\((\d+) %\)/.exec(first.stdout)?.[1]);

    expect(share).toBeLessThanOrEqual(50);
  });

  it('gives every room the mode it must have', () => {
    const mode = (path: string) => (statSync(path).mode & 0o777).toString(8);

    expect([mode(data), mode(join(data, 'catalog')), mode(join(data, 'secrets'))]).toEqual(['711', '700', '700']);
    for (const name of readdirSync(join(data, 'secrets'))) expect(mode(join(data, 'secrets', name))).toBe('600');
    expect(mode(join(data, 'signing-key.pem'))).toBe('600');
    if (process.getuid?.() === 0) expect(statSync(join(data, 'catalog')).uid).not.toBe(0);
  });

  it('repeats nothing at the second start, and stops its server at Ctrl-C', async () => {
    let tried: ReturnType<typeof dbdump> | undefined;
    const second = await start(args, (line, pid) => {
      if (!line.startsWith('→ running')) return;
      const url = `file:${join(data, 'secrets', 'sample.url')}`;
      tried = dbdump(['rescue', 'backup', url, '--to', `file://${join(data, 'backups')}`, '--level', '1', ...args]);
      void tried.then(() => process.kill(pid, 'SIGINT'));
    });

    expect({ code: second.code, stderr: second.stderr }).toEqual({ code: 0, stderr: '' });
    expect(second.stdout).toMatch(/✔ backup {5}.*: still there, hash matches · sha256 [0-9a-f]{4}…/);
    expect(second.stdout).toMatch(/✔ verified {3}(just now|\d+ min ago), restored and compared: 14 tables/);
    expect(second.stdout).toMatch(/→ try it .*npx dbdump rescue backup file:.*sample\.url --to file:\/\//);
    expect(await tried).toMatchObject({ code: 0 });
    expect(readdirSync(join(data, 'catalog'))).not.toContain('postmaster.pid');
  });

  it('notices a damaged backup, says so, and makes a new one', async () => {
    const names = readdirSync(join(data, 'backups'), { recursive: true }).map(String);
    const dumps = names.filter((name) => name.endsWith('dump.pgc.zst')).map((name) => join(data, 'backups', name));
    for (const dump of dumps) {
      const bytes = readFileSync(dump);
      bytes.writeUInt8((bytes[bytes.length >> 1] ?? 0) ^ 1, bytes.length >> 1);
      writeFileSync(dump, bytes);
    }

    const third = await start([...args, '--once']);

    expect(third.code).toBe(0);
    expect(third.stderr).toMatch(/cannot be used any more: .* A new one is made\./);
    expect(third.stdout).toMatch(
      /✔ verified {3}restored and compared: 14 tables, 52,310 rows, 0 differences \(level 3\)/,
    );
  });

  it('notices a backup that is gone, says so, and makes a new one', async () => {
    const names = readdirSync(join(data, 'backups'), { recursive: true }).map(String);
    for (const name of names.filter((one) => one.endsWith('dump.pgc.zst'))) rmSync(join(data, 'backups', name));

    const fourth = await start([...args, '--once']);

    expect(fourth.stderr).toMatch(/cannot be used any more: .*no longer in the store.* A new one is made\./);
    expect(fourth).toMatchObject({ code: 0, stdout: expect.stringContaining('0 differences (level 3)') });
  });

  it('starts no sample where none is wanted', async () => {
    const { code, stdout } = await start([...args, '--no-sample', '--once']);

    expect(code).toBe(0);
    expect(stdout).not.toContain('sample');
  });

  it('shows its options, and refuses those it does not know', async () => {
    const [help, unknown, port] = await Promise.all([start(['--help']), start(['--smaple']), start(['--port', '0'])]);

    expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('--no-sample') });
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringMatching(/^✘ .*--smaple.*\n {2}→ .*--help\n$/) });
    expect(port).toMatchObject({ code: 2, stderr: expect.stringContaining('--port') });
  });

  it('names the folder in the way where the server cannot reach its data', async () => {
    if (process.getuid?.() !== 0) return console.log('skipped: only root runs the server as another user');
    const closed = join(folder, 'closed');
    mkdirSync(closed, { mode: 0o700 });

    const { code, stderr } = await start(['--once', '--data-dir', join(closed, 'data')]);

    expect(code).toBe(2);
    expect(stderr).toMatch(new RegExp(`^✘ .*cannot enter ${closed}.*\\n {2}→ .*--data-dir`));
  });
});
