import { randomBytes } from 'node:crypto';
import { Failure } from '../domain/failure.ts';
import { MANIFEST_FORMAT, MANIFEST_VERSION, type ManifestBody } from '../domain/manifest.ts';
import type { DumpSession, Probe } from '../engines/engine.ts';
import { type DumpedBytes, transferDump } from './dump-transfer.ts';
import { backupFolder, databaseFolder, databaseId, MANIFEST_NAME } from './layout.ts';
import { abortForsakenProbes } from './leftovers.ts';
import type { BackupRequest, Needs, TrustedManifest } from './pipeline.ts';
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
  const stop = makeStop(needs.bench.signal);
  const quiet = { ...needs, progress: throttledProgress((event) => needs.progress(event)) };
  try {
    return await backupUnless(quiet, request, stop);
  } finally {
    stop.dispose();
  }
}

async function backupUnless(needs: Needs, request: BackupRequest, stop: Stop): Promise<TrustedManifest> {
  const startedAt = needs.now();
  await request.lease.check();
  needs.progress({ phase: 'probe' });
  await needs.storage.probe();
  await abortForsakenProbes(needs);
  stop.check();
  const probe = await needs.engine.probe(needs.bench, request.source);
  refuseObstacles(probe);
  stop.check();
  const run = newRun(needs, request, startedAt);
  const session = await needs.engine.openDump(needs.bench, request.source, request);
  session.watch.catch((error) => stop.fail(error));
  const writer = new VolumeWriter({
    storage: needs.storage,
    folder: run.folder,
    base: objectName(needs, request),
    metadata: { backup: run.backup, run: run.run, attempt: String(run.attempt) },
  });
  try {
    const job = { request, session, writer, stop, probe };
    const dumped = await transferDump(needs, job).finally(() => closeSession(needs, session));
    return await commit(needs, { ...job, run, dumped });
  } catch (error) {
    throw await cleanUp(stop.signal.aborted ? stop.signal.reason : error, writer);
  }
}

interface Run {
  readonly backup: string;
  readonly run: string;
  readonly attempt: number;
  readonly databaseId: string;
  readonly folder: string;
  readonly startedAt: Date;
}

function newRun(needs: Needs, request: BackupRequest, startedAt: Date): Run {
  const id = request.databaseId ?? databaseId(request.source);
  const run = needs.bench.runId;
  const { attempt } = request.lease;
  const folder = backupFolder(databaseFolder(request.source, id), startedAt, { id: run, attempt });
  const time = startedAt.toISOString().slice(0, 19).replace(/[-:]/g, '').toLowerCase();
  return { backup: `${time}-${randomBytes(5).toString('hex')}`, run, attempt, databaseId: id, folder, startedAt };
}

const SUFFIX = { zstd: '.zst', gzip: '.gz', none: '' } as const;

function objectName({ engine }: Needs, { compression, recipients }: BackupRequest): string {
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
async function closeSession({ bench }: Needs, session: DumpSession): Promise<void> {
  try {
    await session.close();
  } catch {
    bench.note('The session that held the snapshot did not close cleanly.');
  }
}

interface Commit {
  readonly request: BackupRequest;
  readonly session: DumpSession;
  readonly writer: VolumeWriter;
  readonly stop: Stop;
  readonly run: Run;
  readonly dumped: DumpedBytes;
}

async function commit(needs: Needs, job: Commit): Promise<TrustedManifest> {
  const { stop, writer, request } = job;
  needs.progress({ phase: 'seal', storedBytes: job.dumped.stored.bytes, plainBytes: job.dumped.plain.bytes });
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

function manifestBody(needs: Needs, { request, session, run, dumped }: Commit, volumes: ManifestBody['volumes']) {
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
      port: source.port,
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
