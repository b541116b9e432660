import { BackupRun } from '../../contract/resources/stored.ts';
import { Failure, messageOf, problemOf } from '../../domain/failure.ts';
import type { Connection, Engine } from '../../engines/engine.ts';
import { backup } from '../../pipeline/backup.ts';
import { databaseFolder } from '../../pipeline/layout.ts';
import { removeLeftovers } from '../../pipeline/leftovers.ts';
import type { BackupRequest, TrustedManifest } from '../../pipeline/pipeline.ts';
import { verify } from '../../pipeline/verify.ts';
import type { Storage } from '../../storage/storage.ts';
import { engineIn } from '../engine-of.ts';
import type { JobDatabase } from '../job.ts';
import type { Outcome } from '../report.ts';
import { needsOf, type Task, type TaskWork } from '../task.ts';
import { sealedByRun } from './sealed.ts';

/**
 * The long step of a backup: dumps into each destination and proves there what was stored, up to level 2. What an earlier
 * attempt of the run has sealed is not dumped again. Fails when no destination has its copy.
 */
export const dump: TaskWork = async (task) => {
  const { job, runtime, bench } = task;
  const request = BackupRun.parse(job.request);
  const database = databaseOf(task);
  const engine = engineIn(runtime.engines, database.look.engine);
  const open = await runtime.openDatabase(database.look, { runId: job.runId, bench });
  try {
    const outcomes: Outcome[] = [];
    let last: unknown;
    for (const destinationId of request.destinationIds) {
      try {
        await dumpTo(task, { destinationId, request, database, engine, source: open.connection });
        outcomes.push({ destinationId, ok: true });
      } catch (error) {
        if (bench.signal.aborted) throw error;
        last = error;
        const { code } = problemOf(error);
        outcomes.push({ destinationId, ok: false, code, detail: messageOf(error) });
      }
    }
    if (outcomes.every(({ ok }) => !ok)) throw last;
    return { outcomes };
  } finally {
    await open.close();
  }
};

function databaseOf({ job }: Task): JobDatabase {
  if (job.database !== undefined) return job.database;
  throw new Failure('not_found', 'The run names no database.', { remedy: 'Start another backup.' });
}

interface Dump {
  readonly destinationId: string;
  readonly request: BackupRun;
  readonly database: JobDatabase;
  readonly engine: Engine;
  readonly source: Connection;
}

async function dumpTo(task: Task, job: Dump): Promise<void> {
  const { runtime, bench } = task;
  const { tenantId, runId } = task.job;
  const storage = await runtime.openStorage({ tenantId, destinationId: job.destinationId, purpose: 'write', runId });
  try {
    const folder = databaseFolder(job.source, job.database.id);
    const needs = needsOf(task, { storage, engine: job.engine });
    const sealed = task.job.attempt === 1 ? undefined : await sealedEarlier(task, storage, folder);
    if (sealed === undefined) await removeLeftovers(storage, { folder, run: runId, note: (text) => bench.note(text) });
    const manifest = sealed ?? (await backup(needs, requestOf(task, job)));
    const level = job.request.level === 1 ? 1 : 2;
    const { status, reason } = await verify(needs, { manifest, level, scratch: undefined, assertions: {} });
    if (!['stored', 'good'].includes(status)) bench.note(`What was stored is ${status}: ${reason ?? 'see its report'}`);
  } finally {
    await storage.close();
  }
}

async function sealedEarlier({ runtime, job, bench }: Task, storage: Storage, folder: string) {
  const { trusted, now } = runtime;
  const found = await sealedByRun({ storage, trusted }, { folder, runId: job.runId, until: now() });
  if (found === undefined) return undefined;
  bench.note('An earlier attempt has sealed the backup already: it is verified and not taken again.');
  return found.manifest satisfies TrustedManifest;
}

const ZSTD_LEVEL = 3;

function requestOf({ lease }: Task, { request, database, source }: Dump): BackupRequest {
  const { settings } = database.look;
  return {
    source,
    databaseId: database.id,
    lease,
    type: request.type,
    include: settings.include,
    exclude: settings.exclude,
    compression: { algorithm: 'zstd', level: ZSTD_LEVEL },
    recipients: request.recipients,
    rateLimit: settings.rateLimitBytesPerSecond,
    sizeCap: undefined,
    plainHash: false,
    sourceDigest: false,
    passwordHashes: false,
    inactivityMs: request.inactivityMinutes * 60_000,
    lockWaitMs: settings.lockWaitSeconds * 1000,
    blockLimitMs: settings.blockLimitSeconds * 1000,
  };
}
