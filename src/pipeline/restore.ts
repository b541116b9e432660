import { Failure, messageOf } from '../domain/failure.ts';
import type { Difference, TableFacts } from '../domain/inventory.ts';
import type { Connection, Origin, Plain, PlanItem, RestoreReport, RestoreRequest } from '../engines/engine.ts';
import { restoredDifferences } from './compare.ts';
import { databaseFolder } from './layout.ts';
import type { Lease, Needs, RestoreJob, RestoreOutcome, RestorePlan, TrustedManifest } from './pipeline.ts';
import { throttledProgress } from './progress.ts';
import { foreignSource, type RestoreSource, storedSource } from './restore-source.ts';
import {
  derivedName,
  dropOurs,
  finalName,
  requireConfirmed,
  requireFree,
  requireQuiet,
  requireThere,
} from './restore-target.ts';
import { takeRunMarker } from './run-marker.ts';
import { safetyBackup } from './safety-backup.ts';
import { orCancelled } from './stop.ts';

/** What a restore would do, and what stands in its way. Changes nothing. */
export async function planRestore(needs: Needs, manifest: TrustedManifest, job: RestoreJob): Promise<RestorePlan> {
  return plan(needs, storedSource(needs, manifest), job);
}

/** The same for a dump that this product did not make. */
export async function planRestorePlain(needs: Needs, dump: ForeignDump, job: RestoreJob): Promise<RestorePlan> {
  return plan(needs, foreignSource(needs, dump.plain, await recognised(needs, dump)), job);
}

/** A dump of unknown making. */
export interface ForeignDump {
  readonly plain: Plain;
  readonly origin: Origin;
}

/**
 * Restores a backup. Order: confirmation, the target's run marker, every byte of the backup read and checked; only then the
 * target. A new database is dropped again when anything fails; the one it replaces in a swap keeps its content under another
 * name; in place only after a safety backup. Failures besides the engine's: `confirmation_missing`, `target_not_empty`,
 * `target_in_use`, `already_running`, `restore_refused`, `differences_found`, and all that says a backup is damaged.
 */
export async function restore(needs: Needs, manifest: TrustedManifest, job: RestoreJob): Promise<RestoreOutcome> {
  return restoreFrom(needs, job, (quiet) => storedSource(quiet, manifest));
}

/** Restores a dump that this product did not make. Its own parser, reading to the end, is all that vouches for it. */
export async function restorePlain(needs: Needs, dump: ForeignDump, job: RestoreJob): Promise<RestoreOutcome> {
  const origin = await recognised(needs, dump);
  return restoreFrom(needs, job, (quiet) => foreignSource(quiet, dump.plain, origin));
}

/** A dump of the wrong flavour is refused by the plan, before anything is written: so it is asked for its own first. */
async function recognised({ engine }: Needs, { plain: dump, origin }: ForeignDump): Promise<Origin> {
  return origin.flavour === '' ? { ...origin, flavour: await engine.recognise(dump) } : origin;
}

type Open = (needs: Needs) => RestoreSource;

async function restoreFrom(needs: Needs, job: RestoreJob, open: Open): Promise<RestoreOutcome> {
  requireConfirmed(job);
  const quiet = { ...needs, progress: throttledProgress((event) => needs.progress(event)) };
  const target = { ...job.target, database: finalName(job) };
  const lease = job.lease ?? (await takeRunMarker(quiet, databaseFolder(target), { purpose: 'restore' }));
  try {
    const started = performance.now();
    const work = { needs: quiet, job, lease, source: open(quiet) };
    const result = await orCancelled(needs.bench.signal, restoreLocked(work));
    return { ...result, seconds: Math.round(performance.now() - started) / 1000 };
  } finally {
    await lease.release();
  }
}

interface Work {
  readonly needs: Needs;
  readonly job: RestoreJob;
  readonly lease: Lease;
  readonly source: RestoreSource;
}

type Result = Omit<RestoreOutcome, 'seconds'>;

/** Everything that can refuse for free comes first, then the long look at the backup, then the target. */
async function restoreLocked(work: Work): Promise<Result> {
  const { needs, job, source } = work;
  const admin = needs.engine.admin(needs.bench);
  if (job.mode.kind === 'new') await requireFree(admin, job.target, job.mode.name);
  else await requireThere(admin, job.target);
  if (job.mode.kind === 'swap' && !job.mode.disconnect) await requireQuiet(admin, job.target, false);
  refuseBlocked(await engineItems(needs, source, job));
  const expected = await source.check();
  needs.bench.signal.throwIfAborted();
  await work.lease.check();
  switch (job.mode.kind) {
    case 'new':
      return restoreNew(work, { name: job.mode.name, expected });
    case 'swap':
      return restoreAndSwap(work, { ...job.mode, expected });
    case 'in-place':
      return restoreInPlace(work, expected);
  }
}

interface Fresh {
  readonly name: string;
  readonly expected: Readonly<Record<string, TableFacts>>;
}

async function restoreNew(work: Work, fresh: Fresh): Promise<Result> {
  const { needs, job, source } = work;
  const admin = needs.engine.admin(needs.bench);
  const state = await requireFree(admin, job.target, fresh.name);
  const target = { ...job.target, database: fresh.name };
  try {
    if (state === 'absent') await admin.create(job.target, fresh.name, source.origin.inventory?.facts ?? {});
    const compared = await restoreInto(work, target, fresh.expected);
    return { database: fresh.name, kept: undefined, ...compared };
  } catch (error) {
    // What was empty and not ours stays, empty or marked by its engine; what we made goes.
    if (state === 'absent') await dropOurs(needs, job.target, fresh.name);
    throw error;
  }
}

interface Swap {
  readonly disconnect: boolean;
  readonly expected: Fresh['expected'];
}

async function restoreAndSwap(work: Work, { disconnect, expected }: Swap): Promise<Result> {
  const { needs, job } = work;
  const admin = needs.engine.admin(needs.bench);
  const now = needs.now();
  const current = job.target.database;
  const fresh = derivedName(current, 'restore', now);
  const kept = derivedName(current, 'before', now);
  const compared = await restoreNew(work, { name: fresh, expected });
  try {
    await work.lease.check();
    needs.bench.signal.throwIfAborted();
    await requireQuiet(admin, job.target, disconnect);
    await admin.swap(job.target, { current, fresh, kept });
  } catch (error) {
    await dropOurs(needs, job.target, fresh);
    throw error;
  }
  return { ...compared, database: current, kept };
}

async function restoreInPlace(work: Work, expected: Fresh['expected']): Promise<Result> {
  const { needs, job, lease } = work;
  const admin = needs.engine.admin(needs.bench);
  const empty = await admin.isEmpty(job.target, job.target.database);
  const safety = empty ? undefined : await safetyBackup(needs, { job, lease, like: work.source });
  await lease.check();
  needs.bench.signal.throwIfAborted();
  try {
    const compared = await restoreInto(work, job.target, expected);
    const notices = safety === undefined ? [] : [`What was there before is backup ${safety.body.backup}.`];
    return { database: job.target.database, kept: undefined, ...compared, notices: [...notices, ...compared.notices] };
  } catch (error) {
    throw safety === undefined ? error : withSafety(error, safety);
  }
}

function withSafety(error: unknown, { body }: TrustedManifest): unknown {
  if (!(error instanceof Failure)) return error;
  return new Failure(error.code, error.message, {
    cause: error,
    remedy: `${error.remedy ?? ''} What was there before is backup ${body.backup} in the same store.`.trim(),
    details: { ...error.details, safetyBackup: body.backup },
  });
}

interface Compared {
  readonly tables: Readonly<Record<string, TableFacts>>;
  readonly differences: readonly Difference[];
  readonly notices: readonly string[];
}

async function restoreInto(work: Work, target: Connection, expected: Fresh['expected']): Promise<Compared> {
  const { needs, job, source } = work;
  const { engine, bench } = needs;
  const request = requestFor(job, target);
  refuseBlocked(await engine.plan(bench, source.origin, request));
  const total = source.plainBytes === undefined ? {} : { totalBytes: source.plainBytes };
  needs.progress({ phase: 'restore', plainBytes: 0, ...total });
  const report = await engine.restore(bench, source.plain, { origin: source.origin, request }).catch(unexpected);
  bench.signal.throwIfAborted();
  needs.progress({ phase: 'compare' });
  const found = await engine.inventory(bench, target, 'counts');
  const { all, fatal } = restoredDifferences({ origin: source.origin, rows: expected, found }, { job, report });
  if (fatal.length === 0) return { tables: found.tables, differences: all, notices: report.notices };
  throw new Failure('differences_found', `What was restored is not what was backed up: ${lines(fatal)}.`, {
    remedy: 'The target was not put to use; look at the differences, and verify the backup at level 3.',
    details: { differences: fatal.map(({ kind, what }) => `${kind} ${what}`) },
  });
}

function lines(differences: readonly Difference[]): string {
  const first = differences.slice(0, 3).map(({ kind, what }) => `${what} ${kind}`);
  return first.join(', ') + (differences.length > 3 ? `, and ${differences.length - 3} more` : '');
}

/** An engine's own Failure says more than we could. */
function unexpected(error: unknown): RestoreReport {
  if (error instanceof Failure || (error instanceof Error && error.name === 'AbortError')) throw error;
  throw new Failure('restore_failed', messageOf(error), { cause: error, remedy: 'See the last lines of the tool.' });
}

function requestFor(job: RestoreJob, target: Connection): RestoreRequest {
  const { type, only, owners, acls, roles } = job;
  return { target, type, only, owners, acls, roles, inPlace: job.mode.kind === 'in-place' };
}

function refuseBlocked(items: readonly PlanItem[]): void {
  const blocking = items.filter(({ ok, blocks }) => !ok && blocks);
  if (blocking.length === 0) return;
  throw new Failure('restore_refused', blocking.map(({ name, detail }) => `${name}: ${detail}`).join(' '), {
    remedy: 'Remove what is in the way, or restore to another server.',
    details: { blocking: blocking.map(({ name }) => name) },
  });
}

/** In place the engine looks at the target itself; what becomes a new database is not there yet: at the server alone. */
async function engineItems({ engine, bench }: Needs, source: RestoreSource, job: RestoreJob) {
  const target = job.mode.kind === 'in-place' ? job.target : { ...job.target, database: '' };
  return engine.plan(bench, source.origin, requestFor(job, target));
}

async function plan(needs: Needs, source: RestoreSource, job: RestoreJob): Promise<RestorePlan> {
  const admin = needs.engine.admin(needs.bench);
  const { mode, target } = job;
  const items = [...(await targetItems(needs, job)), ...(await engineItems(needs, source, job))];
  const sessions = mode.kind === 'new' ? [] : await admin.sessions(target, target.database);
  const now = needs.now();
  return {
    sourceDatabase: source.origin.database,
    targetDatabase: mode.kind === 'swap' ? derivedName(target.database, 'restore', now) : finalName(job),
    finalDatabase: finalName(job),
    plainBytes: source.plainBytes,
    items: [...items, ...sessionItems(job, sessions)],
    replaces: replaced(job, now),
  };
}

async function targetItems({ engine, bench }: Needs, { target, mode }: RestoreJob): Promise<PlanItem[]> {
  const admin = engine.admin(bench);
  const check = mode.kind === 'new' ? requireFree(admin, target, mode.name) : requireThere(admin, target);
  const problem = await check.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (problem !== undefined && !(problem instanceof Failure)) throw problem;
  const detail = problem === undefined ? '' : `${problem.message} ${problem.remedy ?? ''}`.trim();
  return [{ name: 'target', ok: problem === undefined, detail, blocks: true }];
}

function sessionItems({ mode }: RestoreJob, sessions: readonly string[]): PlanItem[] {
  if (mode.kind === 'new') return [];
  const blocks = mode.kind === 'swap' && !mode.disconnect;
  return [{ name: 'sessions', ok: sessions.length === 0, detail: sessions.join('; '), blocks }];
}

function replaced({ target, mode }: RestoreJob, now: Date): string[] {
  if (mode.kind === 'new') return [];
  const { database } = target;
  if (mode.kind === 'swap') return [`${database} gives way and is kept as ${derivedName(database, 'before', now)}.`];
  return [`The content of ${database} is replaced, after a backup of it to the same store.`];
}
