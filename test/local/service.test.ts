import { spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { freePort } from '../../src/process/free-port.ts';
import { askHttp } from '../support/http.ts';
import { describeWith } from '../support/need-programs.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'local', 'main.ts');
const json = { 'content-type': 'application/json' };

interface Started {
  readonly stdout: string;
  /** Ends with the exit code. */
  stop(): Promise<number | null>;
}

describeWith(['pg_dump', 'pg_restore', 'psql', 'zstd'], 'the service that npm start starts', () => {
  let folder = '';
  let port = 0;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'service-'));
    chmodSync(folder, 0o755);
    port = await freePort();
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const start = () => startMain(['--data-dir', join(folder, 'data'), '--no-sample', '--port', String(port)]);
  const keyFile = () => join(folder, 'data', 'owner.key');
  const me = (headers: Record<string, string>) => askHttp(port, { path: '/v1/me', headers });
  const bearer = () => ({ authorization: `Bearer ${readFileSync(keyFile(), 'utf8').trim()}` });

  it('is there at once for whoever can read the owner’s key, or opens the link', async () => {
    const started = await start();
    const origin = `http://127.0.0.1:${port}`;
    const link = /sign in\s+(\S+)#(\S+)/.exec(started.stdout);

    expect(statSync(keyFile()).mode & 0o777).toBe(0o600);
    expect((await me(bearer())).status).toBe(200);
    expect(link?.[1]).toBe(`${origin}/sign-in`);
    const signIn = () =>
      askHttp(port, {
        method: 'POST',
        path: '/v1/session:signIn',
        headers: { ...json, origin },
        body: JSON.stringify({ token: link?.[2] }),
      });
    const first = await signIn();
    expect(first.status).toBe(200);
    expect((await signIn()).status).toBe(401);
    expect((await me({ cookie: String(first.headers['set-cookie']).split(';')[0] ?? '' })).status).toBe(200);
    const log = readFileSync(join(folder, 'data', 'service.log'), 'utf8');
    expect(
      log
        .trim()
        .split('\n')
        .map((line) => (JSON.parse(line) as { route: string }).route),
    ).toContain('session.signIn');
    expect(log).not.toMatch(/db[dsli]_/);
    expect(await started.stop()).toBe(0);
    await expect(me({})).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  });

  it('keeps its key from start to start, and makes another where the file is gone', async () => {
    const before = bearer();
    const second = await start();
    expect((await me(before)).status).toBe(200);
    expect(bearer()).toEqual(before);
    await second.stop();

    rmSync(keyFile());
    const third = await start();
    expect(bearer()).not.toEqual(before);
    expect((await me(bearer())).status).toBe(200);
    await third.stop();
  });

  it('keeps what it was told', async () => {
    const first = await start();
    const body = JSON.stringify({ name: 'Harbour' });
    const tenant = await askHttp(port, { path: '/v1/tenant', headers: bearer() });
    const headers = { ...bearer(), ...json, 'if-match': String(tenant.headers.etag) };
    expect((await askHttp(port, { method: 'PATCH', path: '/v1/tenant', headers, body })).status).toBe(200);
    await first.stop();

    const again = await start();
    const answer = await askHttp(port, { path: '/v1/tenant', headers: bearer() });
    await again.stop();

    expect(JSON.parse(answer.text)).toMatchObject({ name: 'Harbour', version: 2 });
  });
});

function startMain(args: readonly string[]): Promise<Started> {
  // In CI it would end by itself.
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => name !== 'CI'));
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'], env });
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
  let stdout = '';
  let stderr = '';
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((resolve, reject) => {
    void ended.then((code) => reject(new Error(`npm start ended with ${code}: ${stderr}`)));
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (!stdout.includes('→ running')) return;
      const stop = () => {
        child.kill('SIGINT');
        return ended;
      };
      resolve({ stdout, stop });
    });
  });
}
