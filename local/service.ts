import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type ApiHandler, apiHandler } from '../lambdas/middleware/api-handler.ts';
import { USUAL_LIMITS } from '../lambdas/middleware/door.ts';
import type { HostPolicy } from '../lambdas/middleware/known-host.ts';
import { problemResponse } from '../lambdas/middleware/problem.ts';
import { memoryLimiter } from '../lambdas/middleware/rate-limit.ts';
import { Failure } from '../src/domain/failure.ts';
import type { Local } from '../src/runtime/local.ts';
import { type LocalService, openLocalService } from '../src/runtime/local-service.ts';
import { everyRoute } from './api.ts';
import { type DownloadHandler, downloadHandler } from './downloads.ts';
import { type HttpServer, startHttpServer } from './http-server.ts';
import { startJobRunner } from './job-runner.ts';

export interface ServiceOptions {
  readonly local: Local;
  readonly server: Awaited<ReturnType<Local['startServer']>>;
  /** Undefined: the usual one, or any where that is taken. */
  readonly port: number | undefined;
  readonly checkout: string;
}

export interface RunningService {
  readonly url: string;
  readonly keyFile: string;
  /** A new one-time link for the owner. */
  signInLink(): Promise<string>;
  stop(): Promise<void>;
}

const USUAL_PORT = 8080;

/** Listens first, so that the address is known to whoever needs it; until the catalog is open everybody is asked to wait. */
export async function startService({ local, server, port, checkout }: ServiceOptions): Promise<RunningService> {
  const doors: Doors = {
    handler: async ({ requestContext }) => problemResponse(starting(), requestContext.requestId),
    downloads: async () => false,
  };
  const http = await listen(port, doors);
  const url = `http://127.0.0.1:${http.port}`;
  const opened: (() => Promise<unknown>)[] = [() => http.stop(0)];
  try {
    const service = await openLocalService({ local, server, version: versionOf(checkout), listenUrl: url });
    opened.unshift(() => service.close());
    const runner = await startJobRunner({ ...service, ...workers() });
    opened.unshift(() => runner.stop());
    const background = service.begin(runner.launcher);
    doors.downloads = downloadHandler(service.runtime, service.downloads);
    doors.handler = handlerOf(service, http.port);
    return {
      url,
      keyFile: service.keyFile,
      signInLink: () => service.signInLink(),
      stop: async () => {
        await http.stop();
        await background.stop();
        await runner.stop();
        await service.close();
      },
    };
  } catch (error) {
    for (const close of opened) await close();
    throw error;
  }
}

/** Dumps wait for servers and stores more than for this machine; one tenant leaves room for another. */
function workers() {
  const concurrency = Math.max(3, availableParallelism());
  return { concurrency, perTenant: concurrency - 1 };
}

/** A port that was asked for is used or refused; the usual one makes room for whoever was there first. */
async function listen(port: number | undefined, doors: Doors): Promise<HttpServer> {
  const options = {
    handler: (event: Parameters<ApiHandler>[0]) => doors.handler(event),
    downloads: (...exchange: Parameters<DownloadHandler>) => doors.downloads(...exchange),
  };
  if (port !== undefined) return startHttpServer({ ...options, port });
  return startHttpServer({ ...options, port: USUAL_PORT }).catch(() => startHttpServer({ ...options, port: 0 }));
}

/** Who answers; the service takes over once it is ready. */
interface Doors {
  handler: ApiHandler;
  downloads: DownloadHandler;
}

function handlerOf({ runtime, verifier }: LocalService, port: number): ApiHandler {
  const { publicUrl } = runtime.installation;
  const policy = policyOf(publicUrl, port);
  const door = { runtime, verifier, limiter: memoryLimiter(), limits: USUAL_LIMITS, policy };
  return apiHandler({ ...door, secure: publicUrl.startsWith('https:') }, everyRoute);
}

/** The names that this machine gives itself, and the one that the operator gave it. */
function policyOf(publicUrl: string, port: number): HostPolicy {
  const own = ['127.0.0.1', 'localhost', '[::1]'].map((name) => `${name}:${port}`);
  const { host, origin } = new URL(publicUrl);
  return { hosts: [...own, host], origins: [...own.map((name) => `http://${name}`), origin] };
}

function starting(): Failure {
  return new Failure('not_ready', 'The service is starting.', {
    remedy: 'Ask again in a few seconds.',
    details: { retryAfterSeconds: 2 },
  });
}

function versionOf(checkout: string): string {
  const { version } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8')) as { version: string };
  return version;
}
