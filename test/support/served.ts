import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { main } from '../../cli/program.ts';
import { apiHandler } from '../../lambdas/middleware/api-handler.ts';
import { everyRoute } from '../../local/api.ts';
import { type HttpServer, startHttpServer } from '../../local/http-server.ts';
import { type CliOptions, type CliResult, dbdump } from './cli.ts';
import { startService, type TestService, type TestTenant } from './service.ts';

/** The test service behind a real HTTP server, and a person's home from which the command line asks it. */
export interface Served {
  readonly service: TestService;
  readonly tenant: TestTenant;
  readonly server: HttpServer;
  readonly url: string;
  readonly home: string;
  /** The command line with that home and nobody signed in. */
  run(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  /** The same in this process, with the owner's key and --json: its one document. */
  json(
    args: readonly string[],
    options?: Pick<CliOptions, 'env'>,
  ): Promise<{ code: number | null; document: Json; stderr: string }>;
  stop(): Promise<void>;
}

// biome-ignore lint/suspicious/noExplicitAny: a test reads any answer
export type Json = any;

export async function serve(): Promise<Served> {
  const service = await startService();
  const tenant = await service.tenant();
  let handler = service.handler;
  const server = await startHttpServer({ port: 0, handler: (event) => handler(event) });
  const host = `127.0.0.1:${server.port}`;
  const url = `http://${host}`;
  handler = apiHandler({ ...service.door, policy: { hosts: [host], origins: [url] } }, everyRoute);
  const home = mkdtempSync(join(tmpdir(), 'dd-home-'));
  mkdirSync(join(home, 'away'));
  const run = (args: readonly string[], options: CliOptions = {}) =>
    dbdump(args, { cwd: join(home, 'away'), ...options, env: { HOME: home, ...options.env } });
  return {
    service,
    tenant,
    server,
    url,
    home,
    run,
    json: async (args, { env = {} } = {}) => {
      const folders = { XDG_CONFIG_HOME: join(home, '.config'), XDG_DATA_HOME: join(home, '.local/share') };
      const key = { DATABASE_DUMP_SERVER: url, DATABASE_DUMP_API_KEY: tenant.keys.owner };
      const { code, stdout, stderr } = await runHere([...args, '--json'], { ...folders, ...key, ...env });
      return { code, document: parsed(stdout, stderr), stderr };
    },
    stop: async () => {
      await server.stop(100);
      await service.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** The program without its process: a tenth of the time. What it writes is caught, what it reads of the environment is given. */
async function runHere(args: readonly string[], env: Readonly<Record<string, string>>) {
  const written = { stdout: '', stderr: '' };
  const spies = (['stdout', 'stderr'] as const).map((name) =>
    jest.spyOn(process[name], 'write').mockImplementation((text) => {
      written[name] += String(text);
      return true;
    }),
  );
  const before = { ...process.env };
  Object.assign(process.env, env);
  process.exitCode = undefined;
  try {
    await main(['node', 'dbdump', ...args]);
    return { ...written, code: Number(process.exitCode ?? 0) };
  } finally {
    process.exitCode = undefined;
    for (const name of Object.keys(env)) delete process.env[name];
    Object.assign(process.env, before);
    for (const spy of spies) spy.mockRestore();
  }
}

function parsed(stdout: string, stderr: string): Json {
  try {
    return JSON.parse(stdout);
  } catch {
    throw new Error(`not one JSON document: ${stdout}\n${stderr}`);
  }
}

/** A data folder as a service of this machine leaves it. */
export function localData(served: Served, name = 'data'): string {
  const folder = join(served.home, name);
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'owner.key'), `${served.tenant.keys.owner}\n`, { mode: 0o600 });
  writeFileSync(join(folder, 'service.url'), `${served.url}\n`);
  return folder;
}

/** From now on a run that is started ends at once, as this says: what a job runner would do, in one statement. */
export function endRunsAtOnce({ service }: Served, state: 'succeeded' | 'failed', sets = ''): void {
  const start = async (_workflow: string, { runId }: { runId: string }) => {
    const done = `UPDATE runs SET state = '${state}', finished_at = now(), version = version + 1 ${sets} WHERE id = '${runId}'`;
    await service.world.sql(done);
    if (state !== 'succeeded') return;
    // A look at a place that ended well leaves it verified.
    const request = `(SELECT request FROM runs WHERE id = '${runId}' AND kind = 'probe')`;
    for (const [table, field] of [
      ['databases', 'databaseId'],
      ['destinations', 'destinationId'],
    ] as const)
      await service.world.sql(
        `UPDATE ${table} SET state = 'verified', verified_at = now() WHERE id::text = ${request}->>'${field}'`,
      );
  };
  Object.assign(service.runtime, { launcher: { start, cancel: async () => undefined } });
}
