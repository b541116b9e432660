import { randomUUID } from 'node:crypto';
import type { TenantTransaction } from '../../catalog/catalog.ts';
import { type BackupRow, backupByKey, insertBackup } from '../../catalog/repositories/backups.ts';
import { clock, found } from '../../catalog/repositories/changing.ts';
import { getDatabase } from '../../catalog/repositories/databases.ts';
import { tell } from '../../catalog/repositories/notices.ts';
import { bytesBefore } from '../../catalog/repositories/run-history.ts';
import { finishRun, type RunEnd, renewLease, requireLease } from '../../catalog/repositories/run-lease.ts';
import type { RunRow } from '../../catalog/repositories/runs.ts';
import { BackupFacts, BackupRun } from '../../contract/resources/stored.ts';
import { Failure } from '../../domain/failure.ts';
import { databaseFolder, databaseId } from '../../pipeline/layout.ts';
import type { BackupSummary } from '../../pipeline/pipeline.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { concludeRun } from '../ending.ts';
import { jobOf } from '../job.ts';
import { reportOf, type TaskReport } from '../report.ts';
import { type Claimed, LEASE_SECONDS } from '../workflow.ts';
import { queueLevel3 } from './level3.ts';
import { sealedByRun } from './sealed.ts';

export interface Recorded extends Claimed {
  /** Backups of this run, one for each destination that has its copy. */
  readonly backupIds: readonly string[];
  /** A verification to level 3 that is due now, if one is. */
  readonly verifyRunId: string | undefined;
}

type Needs = Pick<Runtime, 'catalog' | 'trusted' | 'openStorage' | 'now'>;

/** One destination as its store shows it. */
interface Place {
  readonly destinationId: string;
  readonly sealed: BackupSummary | undefined;
  /** The task could write and read it. */
  readonly proved: boolean;
  readonly code: string;
  readonly detail: string;
}

/**
 * Reads from each store what the run has sealed there, then in one transaction, as the attempt that holds the run: its
 * backups, its end, its audit event, its notices, and the verification that is due. All of it is there, or nothing (F57, F59).
 */
export async function record(runtime: Needs, input: Claimed): Promise<Recorded> {
  const { tenantId, runId, lease, attempt } = input;
  const ref = { runId, lease };
  const { run, folder } = await runtime.catalog.withTenant(tenantId, async (trx) => {
    // Between a task and its record more may pass than a lease lasts; it is still this attempt's unless somebody claimed it.
    await renewLease(trx, ref, LEASE_SECONDS * 2);
    const held = await requireLease(trx, ref);
    return { run: held, folder: await folderOf(trx, held) };
  });
  const report = reportOf(run, attempt);
  const places: Place[] = [];
  for (const destinationId of BackupRun.parse(run.request).destinationIds)
    places.push(await lookAt(runtime, { run, folder, destinationId, report }));
  return runtime.catalog.withTenant(tenantId, async (trx) => {
    await renewLease(trx, ref, LEASE_SECONDS);
    const held = await requireLease(trx, ref);
    const recorded: { readonly destinationId: string; readonly row: BackupRow }[] = [];
    for (const { destinationId, sealed } of places)
      if (sealed !== undefined)
        recorded.push({ destinationId, row: await insert(trx, held, { destinationId, sealed }) });
    const ended = await finishRun(trx, ref, endOf(places, recorded));
    for (const { row } of recorded) await tellOfSize(trx, row);
    const verifyRunId = await queueLevel3(
      trx,
      ended,
      recorded.map(({ row }) => row),
    );
    await concludeRun(trx, ended);
    return { ...input, backupIds: recorded.map(({ row }) => row.id), verifyRunId };
  });
}

async function folderOf(trx: TenantTransaction, run: RunRow): Promise<string> {
  const { database } = await jobOf(trx, run);
  const { id, look } = found(database, 'database');
  const { host, port, databaseName = '' } = look.settings;
  return databaseFolder({ engine: look.engine, host, port, database: databaseName }, id);
}

interface Look {
  readonly run: RunRow;
  readonly folder: string;
  readonly destinationId: string;
  readonly report: TaskReport | undefined;
}

async function lookAt(runtime: Needs, look: Look): Promise<Place> {
  const { destinationId, report } = look;
  const outcome = report?.outcomes?.find((one) => one.destinationId === destinationId);
  const { code = 'backup_lost', detail = 'The store holds no backup of this run.' } = outcome ?? {};
  const proved = outcome?.ok !== false;
  try {
    return { destinationId, sealed: await sealedAt(runtime, look), proved, code, detail };
  } catch (error) {
    // What failed for the task may fail for us: the other destinations do not wait for it. What it may hold all the same is
    // adopted once it answers.
    if (outcome?.ok === false) return { destinationId, sealed: undefined, proved, code, detail };
    throw error;
  }
}

async function sealedAt(runtime: Needs, { run, folder, destinationId }: Look): Promise<BackupSummary | undefined> {
  const { tenant_id: tenantId, id: runId } = run;
  const storage = await runtime.openStorage({ tenantId, destinationId, purpose: 'read', runId });
  try {
    return await sealedByRun({ storage, trusted: runtime.trusted }, { folder, runId, until: runtime.now() });
  } finally {
    await storage.close();
  }
}

async function insert(trx: TenantTransaction, run: RunRow, place: { destinationId: string; sealed: BackupSummary }) {
  const { sealed, destinationId } = place;
  const { manifest, status, level, verifiedAt } = sealed;
  const { body, key } = manifest;
  const row = await insertBackup(trx, {
    tenantId: run.tenant_id,
    id: randomUUID(),
    manifestId: body.backup,
    databaseId: run.database_id ?? undefined,
    destinationId,
    runId: run.id,
    key,
    name: BackupRun.parse(run.request).name,
    state: stateOf(status),
    level,
    identity: identityOf(sealed),
    plainBytes: body.plain.bytes,
    storedBytes: body.stored.bytes,
    facts: factsOf(sealed),
    manifest: body,
    manifestSha256: manifest.sha256,
    snapshotAt: new Date(body.snapshotAt),
    verifiedAt: status === 'good' ? verifiedAt : undefined,
  });
  // The catalog has it already where the reconciler was faster.
  return row ?? ((await backupByKey(trx, { destinationId, key })) as BackupRow);
}

function stateOf(status: BackupSummary['status']) {
  if (status === 'lost' || status === 'deleted') {
    throw new Failure('backup_lost', 'The store lost the backup while it was being recorded.', {
      remedy: 'See who may delete at the destination.',
    });
  }
  return status;
}

/** Whose backup it is: another server or another name is another database, and never stands in for this one (F63). */
export function identityOf({ manifest }: Pick<BackupSummary, 'manifest'>): string {
  const { engine, host, port, name } = manifest.body.database;
  return databaseId({ engine, host, port, database: name });
}

/** What lists show of it. A table that nothing has counted yet is one all the same. */
export function factsOf({ manifest, tables }: Pick<BackupSummary, 'manifest' | 'tables'>): BackupFacts {
  const { body } = manifest;
  const names = new Set([...Object.keys(tables), ...body.uncounted]);
  return BackupFacts.parse({
    databaseName: body.database.name,
    engine: body.database.engine,
    type: body.type,
    consistency: body.consistency,
    sha256: body.stored.sha256,
    encrypted: body.encryption !== undefined,
    serverVersion: body.server.version,
    toolVersion: body.tool.version,
    tables: names.size,
    rows: Object.values(tables).reduce((sum, { rows }) => sum + rows, 0),
    warnings: body.warnings,
  });
}

interface Kept {
  readonly destinationId: string;
  readonly row: BackupRow;
}

/** A copy that is there and could not be read again is no success: it is recorded as what it was proved to be. */
function outcomeOf({ destinationId, sealed, proved, code, detail }: Place, kept: readonly Kept[]) {
  const row = kept.find((one) => one.destinationId === destinationId)?.row;
  const about = { destinationId, ...(row === undefined ? {} : { backupId: row.id }) };
  if (row === undefined || !proved) return { ...about, ok: false, code, detail };
  if (['sealed', 'stored', 'good'].includes(row.state)) return { ...about, ok: true };
  return { ...about, ok: false, code: 'backup_damaged', detail: sealed?.reason ?? `It is ${row.state}.` };
}

/** The run's states: all destinations, some, or none have a copy that can be relied on. */
function endOf(places: readonly Place[], kept: readonly Kept[]): RunEnd {
  const outcomes = places.map((place) => outcomeOf(place, kept));
  const bad = outcomes.filter(({ ok }) => !ok);
  const backupId = kept.find(({ row }) => row.state === 'good')?.row.id ?? kept[0]?.row.id;
  const common = { outcomes, backupId, report: {} };
  const [first] = bad;
  if (first === undefined) return { ...common, state: 'succeeded' };
  return {
    ...common,
    state: bad.length === outcomes.length ? 'failed' : 'partly',
    code: 'code' in first ? first.code : undefined,
    cause: 'detail' in first ? first.detail : undefined,
    remedy: 'See the outcome of each destination, and the log of the run.',
  };
}

const DROP_SHARE = 0.5;

async function tellOfSize(trx: TenantTransaction, row: BackupRow): Promise<void> {
  const { tenant_id: tenantId, id, database_id: databaseId, destination_id: destinationId } = row;
  if (databaseId === null || row.state !== 'good') return;
  const before = await bytesBefore(trx, { id, databaseId, destinationId });
  const bytes = Number(row.plain_bytes);
  if (before === undefined || bytes > before * DROP_SHARE) return;
  const databaseName = (await getDatabase(trx, databaseId))?.name ?? databaseId;
  const data = { databaseId, databaseName, backupId: id, bytes, bytesBefore: before };
  await tell(trx, { event: 'size.dropped', tenantId, key: `backup ${id}`, at: await clock(trx), data });
}
