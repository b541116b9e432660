import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../src/process/free-port.ts';
import type { AccessKey } from './s3-server/identity.ts';

/** A real S3 server of other people, started to see whether ours behaves like it. */
export interface Versitygw {
  readonly endpoint: string;
  readonly region: string;
  readonly credentials: AccessKey;
  close(): Promise<void>;
}

export const VERSITYGW_INSTALL =
  'GOBIN=$HOME/.cache/database-dump/bin go install github.com/versity/versitygw/cmd/versitygw@v1.8.0';

const FOLDERS = ['/var/cache/database-dump/bin', join(homedir(), '.cache', 'database-dump', 'bin')];
const PROGRAMS = FOLDERS.map((folder) => join(folder, 'versitygw'));
const PROGRAM = PROGRAMS.find((path) => existsSync(path)) ?? 'versitygw';

export function hasVersitygw(): boolean {
  return existsSync(PROGRAM);
}

/** Starts it on an empty folder with versioning; throws with what it printed if it is not up within 10 s. */
export async function startVersitygw(): Promise<Versitygw> {
  const folder = await mkdtemp(join(tmpdir(), 'versitygw-'));
  const data = join(folder, 'data');
  const versions = join(folder, 'versions');
  await mkdir(data);
  await mkdir(versions);
  const port = await freePort();
  const credentials = { accessKeyId: 'versityroot', secretAccessKey: 'versity-root-secret' };
  const env = {
    PATH: '/usr/bin:/bin',
    ROOT_ACCESS_KEY_ID: credentials.accessKeyId,
    ROOT_SECRET_ACCESS_KEY: credentials.secretAccessKey,
  };
  const args = ['--port', `127.0.0.1:${port}`, '--quiet', 'posix', '--versioning-dir', versions, data];
  const child = spawn(PROGRAM, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (piece) => (output += piece));
  const endpoint = `http://127.0.0.1:${port}`;
  await waitUntilUp(endpoint, child, () => output);
  return { endpoint, region: 'us-east-1', credentials, close: () => stop(child, folder) };
}

async function waitUntilUp(endpoint: string, child: ChildProcess, output: () => string): Promise<void> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline && child.exitCode === null; await sleep(50)) {
    const up = await fetch(endpoint).then(
      () => true,
      () => false,
    );
    if (up) return;
  }
  throw new Error(`versitygw did not start: ${output()}`);
}

async function stop(child: ChildProcess, folder: string): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  if (child.exitCode === null) {
    child.kill('SIGKILL');
    await ended;
  }
  await rm(folder, { recursive: true, force: true });
}
