import { PgBoss } from 'pg-boss';
import type { Secret } from '../src/domain/secret.ts';
import type { RunInput } from '../src/workflows/workflow.ts';

export interface JobQueueOptions {
  /** Login of the role `queue`. */
  readonly url: Secret;
  /** Runs at once on this machine, and of one tenant: nobody else waits behind a tenant's many. */
  readonly concurrency: number;
  readonly perTenant: number;
  /** Never rejects. */
  work(run: RunInput): Promise<void>;
  onError(error: Error): void;
}

/** A durable queue of runs. It holds ids and nothing else: what a run is and what becomes of it stands in the catalog. */
export interface JobQueue {
  /** Puts a run into the queue, once however often it is put, to be given out after so many seconds. */
  put(run: RunInput, afterSeconds?: number): Promise<void>;
  /** Gives out no more, and waits until what was given out is done. */
  stop(): Promise<void>;
}

const NAME = 'runs';
const SCHEMA = 'queue';
const POLL_SECONDS = 0.5;
/** The longest that the library knows; whoever works longer goes on, and only the library loses sight of it. */
const LONGEST_SECONDS = 23 * 3600;
const KEPT_SECONDS = 3600;
const STOP_MS = 60_000;

export async function openJobQueue({ url, concurrency, perTenant, work, onError }: JobQueueOptions): Promise<JobQueue> {
  const boss = new PgBoss({
    connectionString: url.reveal(),
    application_name: 'database-dump queue',
    schema: SCHEMA,
    createSchema: false,
    max: 4,
    schedule: false,
    registerInstance: false,
  });
  boss.on('error', onError);
  const waiting = new Map<string, number>();
  const count = (tenantId: string, more: 1 | -1) =>
    waiting.set(tenantId, Math.max(0, (waiting.get(tenantId) ?? 0) + more));
  const stop = () => boss.stop({ graceful: true, timeout: STOP_MS, close: true });
  await boss.start();
  try {
    // `short`: of one run at most one job waits; another one may come while it is being worked on.
    await boss.createQueue(NAME, { policy: 'short', retryLimit: 0 });
    await boss.updateQueue(NAME, { expireInSeconds: LONGEST_SECONDS, deleteAfterSeconds: KEPT_SECONDS });
    const limits = { localConcurrency: concurrency, localGroupConcurrency: perTenant };
    await boss.work<RunInput>(NAME, { ...limits, pollingIntervalSeconds: POLL_SECONDS }, async (jobs) => {
      for (const { data } of jobs) {
        count(data.tenantId, -1);
        await work(data);
      }
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    put: async ({ tenantId, runId }, afterSeconds = 0) => {
      // Tenants by turns: a run goes behind those that have as many of their own before them.
      const ahead = waiting.get(tenantId) ?? 0;
      count(tenantId, 1);
      const options = { singletonKey: runId, group: { id: tenantId }, startAfter: afterSeconds, priority: -ahead };
      const sent = await boss.send(NAME, { tenantId, runId }, options).catch((error: unknown) => {
        count(tenantId, -1);
        throw error;
      });
      if (sent === null) count(tenantId, -1);
    },
    stop,
  };
}
