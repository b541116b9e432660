import { BackupRun } from '../../contract/resources/stored.ts';
import { Failure, messageOf, problemOf } from '../../domain/failure.ts';
import type { Engine } from '../../engines/engine.ts';
import { backupToAll } from '../../pipeline/backup.ts';
import type { CopyOutcome } from '../../pipeline/copies.ts';
import { removeLeftovers } from '../../pipeline/leftovers.ts';
import type { BackupRequest, TrustedManifest } from '../../pipeline/pipeline.ts';
import { verify } from '../../pipeline/verify.ts';
import type { Storage } from '../../storage/storage.ts';
import { engineIn } from '../engine-of.ts';
import type { JobDatabase } from '../job.ts';
import type { Outcome } from '../report.ts';
import { needsOf, type Task, type TaskWork } from '../task.ts';
import { type Piece, piecesOf } from './pieces.ts';
import { sealedByRun } from './sealed.ts';

/** A destination and the store behind it, or why there is none. */
interface Target {
  readonly destinationId: string;
  readonly storage: Storage | undefined;
  /** What an earlier attempt of the run has sealed there. */
  readonly sealed?: TrustedManifest | undefined;
  readonly failure?: unknown;
}

/**
 * The long step of a backup: one dump into all destinations, proved at each of them up to level 2; for an entry that stands
 * for all databases of a server one after the other, each with outcomes of its own. What an earlier attempt of the run has
 * sealed is not written again. Fails when no destination has any copy.
 */
export const dump: TaskWork = async (task) => {
  const { job, runtime, bench } = task;
  const request = BackupRun.parse(job.request);
  const { database } = job;
  if (database === undefined)
    throw new Failure('not_found', 'The run names no database.', { remedy: 'Start another backup.' });
  const engine = engineIn(runtime.engines, database.look.engine);
  const open = await runtime.openDatabase(database.look, { runId: job.runId, bench });
  try {
    const all = { entry: database, engine, source: open.connection, type: request.type };
    const done: TargetOutcome[] = [];
    for (const piece of await piecesOf(task, all))
      done.push(...(await dumpPiece(task, { request, database, engine, piece })));
    const [first] = done;
    if (first !== undefined && done.every(({ failure }) => failure !== undefined)) throw first.failure;
    return { outcomes: done.map(outcomeOf) };
  } finally {
    await open.close();
  }
};

function outcomeOf({ destinationId, databaseName, failure }: TargetOutcome): Outcome {
  const about = { destinationId, ...(databaseName === undefined ? {} : { databaseName }) };
  if (failure === undefined) return { ...about, ok: true };
  return { ...about, ok: false, code: problemOf(failure).code, detail: messageOf(failure) };
}

interface Dump {
  readonly request: BackupRun;
  readonly database: JobDatabase;
  readonly engine: Engine;
  readonly piece: Piece;
}

async function dumpPiece(task: Task, work: Dump): Promise<readonly TargetOutcome[]> {
  const { request, piece } = work;
  if (piece.member !== undefined)
    task.bench.note(piece.type === 'globals' ? 'roles and settings' : `database ${piece.member}`);
  const targets = await Promise.all(request.destinationIds.map((id) => openTarget(task, piece, id)));
  try {
    const outcomes = await dumpInto(task, work, targets);
    return outcomes.map((outcome) => ({ ...outcome, databaseName: piece.member }));
  } finally {
    for (const { storage } of targets) await storage?.close();
  }
}

async function openTarget(task: Task, { folder }: Piece, destinationId: string): Promise<Target> {
  const { runtime, bench, job } = task;
  const { tenantId, runId, attempt } = job;
  let storage: Storage | undefined;
  try {
    storage = await runtime.openStorage({ tenantId, destinationId, purpose: 'write', runId });
    const sealed = attempt === 1 ? undefined : await sealedEarlier(task, storage, folder);
    if (sealed === undefined) await clearFolder(task, storage, folder);
    return { destinationId, storage, sealed };
  } catch (failure) {
    await storage?.close();
    if (bench.signal.aborted) throw failure;
    return { destinationId, storage: undefined, failure };
  }
}

/** A role that may not delete keeps what an earlier attempt left; it is in nobody's way. */
async function clearFolder({ bench, job }: Task, storage: Storage, folder: string): Promise<void> {
  try {
    await removeLeftovers(storage, { folder, run: job.runId, note: (text) => bench.note(text) });
  } catch (error) {
    if (!(error instanceof Failure && error.code === 'storage_denied')) throw error;
    bench.note(`What an earlier attempt left could not be removed: ${error.message}`);
  }
}

interface TargetOutcome {
  readonly destinationId: string;
  readonly databaseName?: string | undefined;
  readonly failure: unknown;
}

/** In the order of the targets. A failure of the dump itself is one of all that still needed it. */
async function dumpInto(task: Task, work: Dump, targets: readonly Target[]): Promise<readonly TargetOutcome[]> {
  const fresh = targets.flatMap(({ storage, sealed }) => (storage && !sealed ? [storage] : []));
  const copies = await copiesIn(task, work, fresh);
  const outcomes: TargetOutcome[] = [];
  for (const { destinationId, storage, sealed, failure } of targets) {
    const copy = copies.find((one) => one.storage === storage) ?? { storage, failure };
    const manifest = 'manifest' in copy ? copy.manifest : sealed;
    const wrong = storage && manifest ? await wrongWith(task, work, { storage, manifest }) : copy;
    outcomes.push({ destinationId, failure: wrong === undefined || 'manifest' in wrong ? undefined : wrong.failure });
  }
  return outcomes;
}

async function copiesIn(task: Task, work: Dump, stores: readonly Storage[]): Promise<readonly CopyOutcome[]> {
  const [storage] = stores;
  if (storage === undefined) return [];
  try {
    return await backupToAll(needsOf(task, { storage, engine: work.engine }), requestOf(task, work), stores);
  } catch (failure) {
    if (task.bench.signal.aborted) throw failure;
    return stores.map((each) => ({ storage: each, failure }));
  }
}

interface Sealed {
  readonly storage: Storage;
  readonly manifest: TrustedManifest;
}

/** Reads the copy again up to level 2. What is found wrong with its bytes is in its report; here is why it could not be read. */
async function wrongWith(
  task: Task,
  { engine, request }: Dump,
  { storage, manifest }: Sealed,
): Promise<{ readonly failure: unknown } | undefined> {
  try {
    const level = request.level === 1 ? 1 : 2;
    const wish = { manifest, level, scratch: undefined, assertions: {} } as const;
    const { status, reason } = await verify(needsOf(task, { storage, engine }), wish);
    if (!['stored', 'good'].includes(status))
      task.bench.note(`What was stored is ${status}: ${reason ?? 'see its report'}`);
    return undefined;
  } catch (failure) {
    if (task.bench.signal.aborted) throw failure;
    return { failure };
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

function requestOf({ lease }: Task, { request, database, piece }: Dump): BackupRequest {
  const { settings } = database.look;
  const { source, folder, type } = piece;
  // Tables are chosen; what belongs to no database has none.
  const { include, exclude } = type === 'globals' ? { include: [], exclude: [] } : settings;
  return {
    ...{ source, folder, type, include, exclude, lease },
    databaseId: database.id,
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
