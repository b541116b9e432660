import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../../src/process/free-port.ts';
import { askHttp } from './http.ts';
import type { PostgresServer } from './postgres-server.ts';

const MAIN = join(import.meta.dirname, '..', '..', 'local', 'main.ts');

// biome-ignore lint/suspicious/noExplicitAny: answers are read by tests, which say themselves what they expect
type Json = any;

/** The service as `npm start` starts it, in a folder of its own, asked over HTTP with the owner's key. */
export interface RunningService {
  readonly folder: string;
  readonly data: string;
  readonly port: number;
  /** Of the service's process, now. */
  pid(): number;
  start(): Promise<void>;
  /** Ctrl-C; the exit code. */
  stop(): Promise<number | null>;
  /** SIGKILL, and nothing else is told. */
  kill(): Promise<void>;
  /** The answer's body, parsed; anything but 2xx is an error with the problem in it. */
  api(method: string, path: string, body?: unknown, headers?: Readonly<Record<string, string>>): Promise<Json>;
  /** Waits until the run is over. */
  ended(runId: string, withinMs?: number): Promise<Json>;
  /** Waits until it is so. */
  until(holds: () => Promise<boolean>, withinMs?: number): Promise<void>;
  log(): string;
  /** What the last start printed. */
  printed(): string;
  remove(): Promise<void>;
}

export interface ServiceWish {
  readonly args?: readonly string[];
  /** Added to the environment of this process, or put in its place; asked at every start. */
  environment?(folder: string): NodeJS.ProcessEnv;
}

export async function prepareService({
  args = ['--no-sample'],
  environment,
}: ServiceWish = {}): Promise<RunningService> {
  const folder = mkdtempSync(join(tmpdir(), 'dd-service-'));
  chmodSync(folder, 0o755);
  const data = join(folder, 'data');
  const port = await freePort();
  let child: ChildProcess | undefined;
  let gone: Promise<number | null> = Promise.resolve(null);
  let printed = '';
  const api: RunningService['api'] = async (method, path, body, more = {}) => {
    const key = readFileSync(join(data, 'owner.key'), 'utf8').trim();
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...more };
    const text = body === undefined ? {} : { body: JSON.stringify(body) };
    const answer = await askHttp(port, { method, path, headers, ...text });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.text === '' ? undefined : JSON.parse(answer.text);
  };
  const stop = async () => {
    child?.kill('SIGINT');
    return gone;
  };
  return {
    folder,
    data,
    port,
    pid: () => child?.pid ?? 0,
    start: async () => {
      const env: NodeJS.ProcessEnv = { ...process.env, ALLOWED_RANGES: '127.0.0.0/8', ...environment?.(folder) };
      delete env.CI;
      const started = spawn(process.execPath, [MAIN, '--data-dir', data, '--port', String(port), ...args], {
        stdio: ['ignore', 'pipe', 'pipe'],
        env,
      });
      child = started;
      gone = new Promise((resolve) => started.once('exit', resolve));
      printed = '';
      started.stdout?.on('data', (chunk: Buffer) => {
        printed += chunk.toString();
      });
      await untilRunning(started, gone);
    },
    stop,
    kill: async () => {
      child?.kill('SIGKILL');
      await gone;
    },
    api,
    ended: async (runId, withinMs = 60_000) => {
      const until = Date.now() + withinMs;
      for (;;) {
        const run = await api('GET', `/v1/runs/${runId}`);
        if (!['queued', 'running'].includes(run.state)) return run;
        if (Date.now() > until) throw new Error(`the run did not end: ${JSON.stringify(run)}`);
        await sleep(100);
      }
    },
    until: async (holds, withinMs = 30_000) => {
      const until = Date.now() + withinMs;
      while (!(await holds())) {
        if (Date.now() > until) throw new Error('it did not become so');
        await sleep(100);
      }
    },
    log: () => (existsSync(join(data, 'service.log')) ? readFileSync(join(data, 'service.log'), 'utf8') : ''),
    printed: () => printed,
    remove: async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function untilRunning(child: ChildProcess, gone: Promise<number | null>): Promise<void> {
  let [stdout, stderr] = ['', ''];
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk.toString();
  });
  return new Promise((resolve, reject) => {
    void gone.then((code) => reject(new Error(`npm start ended with ${code}: ${stderr}`)));
    child.stdout?.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
      if (stdout.includes('→ running')) resolve();
    });
  });
}

/** Registers a database of a private PostgreSQL with the service, its password in a file of the service's folder; its id. */
export async function addPostgres(
  service: RunningService,
  server: Pick<PostgresServer, 'connection'>,
  name: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const { user, password, port } = server.connection(name);
  const path = join(service.folder, 'password');
  writeFileSync(path, `${password?.reveal()}\n`, { mode: 0o600 });
  const address = { name, engine: 'postgres', host: '127.0.0.1', port, databaseName: name, user };
  const { id } = await service.api('POST', '/v1/databases', {
    ...address,
    credential: { kind: 'file', path },
    tls: { mode: 'disable' },
    environment: 'development',
    ...more,
  });
  return id;
}
