import { randomBytes } from 'node:crypto';
import { Failure } from '../domain/failure.ts';
import { MANIFEST_FORMAT, MANIFEST_VERSION, type ManifestBody } from '../domain/manifest.ts';
import type { DumpSession, Probe } from '../engines/engine.ts';
import type { Storage } from '../storage/storage.ts';
import { Copies, type CopyOutcome } from './copies.ts';
import { type DumpedBytes, transferDump } from './dump-transfer.ts';
import { backupFolder, databaseFolder, databaseId, MANIFEST_NAME } from './layout.ts';
import { abortForsakenProbes } from './leftovers.ts';
import type { BackupRequest, DumpNeeds, Needs, TrustedManifest } from './pipeline.ts';
import { throttledProgress } from './progress.ts';
import { cleanUp, publishManifest } from './publish.ts';
import { seal, sealedSha256 } from './seal.ts';
import { makeStop, type Stop } from './stop.ts';
import { VolumeWriter } from './volume-writer.ts';

/**
 * Dumps a database into the store and seals it. The order makes every crash harmless: nothing is visible in the store
 * before each process has ended well and the lease was checked; volumes are completed in order, the signed manifest comes
 * last and must be the first of its name. Any doubt before that removes everything again.
 */
export async function backup(needs: Needs, request: BackupRequest): Promise<TrustedManifest> {
  // One store, one outcome.
  const [outcome] = (await backupToAll(needs, request, [needs.storage])) as readonly [CopyOutcome];
  if ('failure' in outcome) throw outcome.failure;
  return outcome.manifest;
}

/**
 * The same into several stores with one dump, each under a manifest of its own. A store that fails is an outcome and the
 * others go on; what fails the dump itself, a lost lease or a cancel fails all of them and is thrown.
 */
export async function backupToAll(
  needs: DumpNeeds,
  request: BackupRequest,
  storages: readonly Storage[],
): Promise<readonly CopyOutcome[]> {
  const stop = makeStop(needs.bench.signal);
  const quiet = { ...needs, progress: throttledProgress((event) => needs.progress(event)) };
  try {
    await request.lease.check();
    return await backupUnless(quiet, request, { stop, storages });
  } finally {
    stop.dispose();
  }
}

interface Targets {
  readonly stop: Stop;
  readonly storages: readonly Storage[];
}

async function backupUnless(
  needs: DumpNeeds,
  request: BackupRequest,
  { stop, storages }: Targets,
): Promise<readonly CopyOutcome[]> {
  const startedAt = needs.now();
  needs.progress({ phase: 'probe' });
  const failed = (await Promise.all(storages.map((storage) => refusalOf({ ...needs, storage })))).flat();
  const ready = storages.filter((storage) => !failed.some((copy) => copy.storage === storage));
  if (ready.length === 0) return failed;
  stop.check();
  const outcomes = [...failed, ...(await dumpInto(needs, request, { stop, storages: ready, startedAt }))];
  return storages.flatMap((storage) => outcomes.filter((copy) => copy.storage === storage));
}

/** Whether a store takes what a backup will ask of it, before the source is touched. */
async function refusalOf(needs: Pick<Needs, 'storage' | 'now'>): Promise<readonly CopyOutcome[]> {
  const { storage } = needs;
  try {
    await storage.probe();
    await abortForsakenProbes(needs);
    return [];
  } catch (failure) {
    return [{ storage, failure }];
  }
}

interface Job extends Targets {
  readonly startedAt: Date;
}

async function dumpInto(needs: DumpNeeds, request: BackupRequest, job: Job): Promise<readonly CopyOutcome[]> {
  const { stop } = job;
  const probe = await needs.engine.probe(needs.bench, request.source);
  refuseObstacles(probe);
  stop.check();
  const run = newRun(needs, request, job.startedAt);
  const session = await needs.engine.openDump(needs.bench, request.source, request);
  session.watch.catch((error) => stop.fail(error));
  const base = objectName(needs, request);
  const metadata = { backup: run.backup, run: run.run, attempt: String(run.attempt) };
  const copies = new Copies(
    job.storages.map((storage) => ({
      storage,
      writer: new VolumeWriter({ storage, folder: run.folder, base, metadata }),
    })),
  );
  try {
    const transfer = { request, session, writer: copies, stop, probe };
    const dumped = await transferDump(needs, transfer).finally(() => closeSession(needs, session));
    return await commitAll(needs, copies, { request, session, stop, run, dumped });
  } catch (error) {
    stop.fail(error);
    return await giveUp(copies, stop.signal.reason);
  }
}

/** Each store is committed by itself: what became of one says nothing of the next. */
async function commitAll(needs: DumpNeeds, copies: Copies, job: Commit): Promise<readonly CopyOutcome[]> {
  const { dumped, stop } = job;
  needs.progress({ phase: 'seal', storedBytes: dumped.stored.bytes, plainBytes: dumped.plain.bytes });
  const outcomes: CopyOutcome[] = [];
  for (const copy of copies.all) {
    const { storage, writer, failed } = copy;
    try {
      if (failed !== undefined) throw failed.error;
      outcomes.push({ storage, manifest: await commit({ ...needs, storage }, writer, job) });
    } catch (error) {
      const cause = stop.signal.aborted ? stop.signal.reason : error;
      outcomes.push({ storage, failure: await cleanUp(cause, writer) });
    }
  }
  return outcomes;
}

/** Nothing stays of any copy. Throws what failed the dump, unless it was the stores themselves, each in its own way. */
async function giveUp(copies: Copies, cause: unknown): Promise<readonly CopyOutcome[]> {
  const own = copies.ended(cause);
  const outcomes: { storage: Storage; failure: unknown }[] = [];
  for (const { storage, writer, failed } of copies.all) {
    outcomes.push({ storage, failure: await cleanUp(own ? failed?.error : cause, writer) });
  }
  if (own) return outcomes;
  // The failure that names what could not be removed says more than the bare one.
  throw (outcomes.find(({ failure }) => failure !== cause) ?? { failure: cause }).failure;
}

interface Run {
  readonly backup: string;
  readonly run: string;
  readonly attempt: number;
  readonly databaseId: string;
  readonly folder: string;
  readonly startedAt: Date;
}

function newRun(needs: DumpNeeds, request: BackupRequest, startedAt: Date): Run {
  const id = request.databaseId ?? databaseId(request.source);
  const run = needs.bench.runId;
  const { attempt } = request.lease;
  const { folder: base = databaseFolder(request.source, id) } = request;
  const folder = backupFolder(base, startedAt, { id: run, attempt });
  const time = startedAt.toISOString().slice(0, 19).replace(/[-:]/g, '').toLowerCase();
  return { backup: `${time}-${randomBytes(5).toString('hex')}`, run, attempt, databaseId: id, folder, startedAt };
}

const SUFFIX = { zstd: '.zst', gzip: '.gz', none: '' } as const;

function objectName({ engine }: DumpNeeds, { compression, recipients }: BackupRequest): string {
  return `dump.${engine.extension}${SUFFIX[compression.algorithm]}${recipients.length > 0 ? '.age' : ''}`;
}

function refuseObstacles({ obstacles, privileges }: Probe): void {
  if (obstacles.length === 0) return;
  const missing = privileges.filter(({ granted }) => !granted);
  throw new Failure(missing.length > 0 ? 'privilege_missing' : 'server_unsupported', obstacles.join(' '), {
    remedy: missing.map(({ remedy }) => remedy).join(' ') || 'Remove the obstacle, then run the backup again.',
    details: { obstacles, missing: missing.map(({ name }) => name) },
  });
}

/** The dump has ended one way or the other; a session that will not close is worth a word, not a backup. */
async function closeSession({ bench }: DumpNeeds, session: DumpSession): Promise<void> {
  try {
    await session.close();
  } catch {
    bench.note('The session that held the snapshot did not close cleanly.');
  }
}

interface Commit {
  readonly request: BackupRequest;
  readonly session: DumpSession;
  readonly stop: Stop;
  readonly run: Run;
  readonly dumped: DumpedBytes;
}

async function commit(needs: Needs, writer: VolumeWriter, job: Commit): Promise<TrustedManifest> {
  const { stop, request } = job;
  await request.lease.check();
  stop.check();
  const volumes = await writer.complete();
  stop.check();
  const body = manifestBody(needs, job, volumes);
  const text = await seal(needs.signer, body);
  const key = `${job.run.folder}/${MANIFEST_NAME}`;
  await publishManifest(needs, request.lease, { key, text, stop });
  return { body, key, sha256: sealedSha256(body), signed: true };
}

function manifestBody(needs: DumpNeeds, { request, session, run, dumped }: Commit, volumes: ManifestBody['volumes']) {
  const { source, recipients } = request;
  const { inventory, warnings, uncounted } = session;
  const body: ManifestBody = {
    format: MANIFEST_FORMAT,
    version: MANIFEST_VERSION,
    backup: run.backup,
    run: run.run,
    attempt: run.attempt,
    database: {
      id: run.databaseId,
      name: source.database,
      engine: source.engine,
      host: source.host,
      port: source.ownPort ?? source.port,
    },
    type: request.type,
    startedAt: run.startedAt.toISOString(),
    snapshotAt: session.snapshotAt.toISOString(),
    finishedAt: needs.now().toISOString(),
    ...(session.snapshotId === undefined ? {} : { snapshotId: session.snapshotId }),
    server: { flavour: session.flavour, version: session.serverVersion },
    tool: { program: programName(session), version: session.toolVersion },
    options: optionsOf(request),
    consistency: session.consistency,
    warnings: [...warnings],
    extension: needs.engine.extension,
    compression: request.compression,
    ...(recipients.length === 0 ? {} : { encryption: { scheme: 'age', recipients: [...recipients] } }),
    plain: dumped.plain,
    stored: dumped.stored,
    volumes,
    inventory,
    uncounted: [...uncounted],
    parsedInStream: dumped.parsed,
  };
  return body;
}

function programName({ command }: DumpSession): string {
  return command.program.slice(command.program.lastIndexOf('/') + 1);
}

/** What was asked for that is not otherwise visible; never a secret. */
function optionsOf({ include, exclude, passwordHashes }: BackupRequest): Record<string, string> {
  return {
    ...(include.length === 0 ? {} : { include: include.join(' ') }),
    ...(exclude.length === 0 ? {} : { exclude: exclude.join(' ') }),
    ...(passwordHashes ? { passwordHashes: 'true' } : {}),
  };
}
