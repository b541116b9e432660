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
import { databaseId } from '../../pipeline/layout.ts';
import type { BackupSummary } from '../../pipeline/pipeline.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { concludeRun } from '../ending.ts';
import { type JobDatabase, jobOf } from '../job.ts';
import { reportOf, type TaskReport } from '../report.ts';
import { type Claimed, LEASE_SECONDS } from '../workflow.ts';
import { queueLevel3 } from './level3.ts';
import { folderOf } from './pieces.ts';
import { sealedByRun } from './sealed.ts';

export interface Recorded extends Claimed {
  /** Backups of this run, one for each destination that has its copy. */
  readonly backupIds: readonly string[];
  /** Verifications to level 3 that are due now. */
  readonly verifyRunIds: readonly string[];
}

type Needs = Pick<Runtime, 'catalog' | 'trusted' | 'openStorage' | 'now'>;

/** One database at one destination, as the store shows it. */
interface Place {
  readonly destinationId: string;
  readonly databaseName: string | undefined;
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
  const { run, entry } = await runtime.catalog.withTenant(tenantId, async (trx) => {
    // Between a task and its record more may pass than a lease lasts; it is still this attempt's unless somebody claimed it.
    await renewLease(trx, ref, LEASE_SECONDS * 2);
    const held = await requireLease(trx, ref);
    return { run: held, entry: found((await jobOf(trx, held)).database, 'database') };
  });
  const report = reportOf(run, attempt);
  const places: Place[] = [];
  for (const databaseName of membersOf(entry, report)) {
    const folder = folderOf(entry, databaseName);
    for (const destinationId of BackupRun.parse(run.request).destinationIds)
      places.push(await lookAt(runtime, { run, folder, databaseName, destinationId, report }));
  }
  return runtime.catalog.withTenant(tenantId, async (trx) => {
    await renewLease(trx, ref, LEASE_SECONDS);
    const held = await requireLease(trx, ref);
    const recorded: Kept[] = [];
    for (const place of places) {
      const { destinationId, sealed } = place;
      if (sealed !== undefined) recorded.push({ place, row: await insert(trx, held, { destinationId, sealed }) });
    }
    const ended = await finishRun(trx, ref, endOf(places, recorded));
    for (const { row } of recorded) await tellOfSize(trx, row);
    const verifyRunIds = await queueLevel3(
      trx,
      ended,
      recorded.map(({ row }) => row),
    );
    await concludeRun(trx, ended);
    return { ...input, backupIds: recorded.map(({ row }) => row.id), verifyRunIds };
  });
}

/** Which databases the task says it saved, or tried to; undefined is the one of an entry that is one database. */
function membersOf({ look }: JobDatabase, report: TaskReport | undefined): readonly (string | undefined)[] {
  if (!look.settings.allDatabases) return [undefined];
  const names = (report?.outcomes ?? []).flatMap(({ databaseName }) => databaseName ?? []);
  if (names.length > 0) return [...new Set(names)];
  throw new Failure('internal', 'The task does not say which databases it saved.', { remedy: 'Start another backup.' });
}

interface Look {
  readonly run: RunRow;
  readonly folder: string;
  readonly databaseName: string | undefined;
  readonly destinationId: string;
  readonly report: TaskReport | undefined;
}

async function lookAt(runtime: Needs, look: Look): Promise<Place> {
  const { destinationId, databaseName, report } = look;
  const outcome = report?.outcomes?.find(
    (one) => one.destinationId === destinationId && one.databaseName === databaseName,
  );
  const { code = 'backup_lost', detail = 'The store holds no backup of this run.' } = outcome ?? {};
  const told = { destinationId, databaseName, proved: outcome?.ok !== false, code, detail };
  try {
    return { ...told, sealed: await sealedAt(runtime, look) };
  } catch (error) {
    // What failed for the task may fail for us: the other destinations do not wait for it. What it may hold all the same is
    // adopted once it answers.
    if (outcome?.ok === false) return { ...told, sealed: undefined };
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
    tableRows: rowsByTable(sealed),
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

/**
 * Whose backup it is: another server or another name is another database, and never stands in for this one (F63). Nor do a
 * server's roles and settings for the database through which they were read.
 */
export function identityOf({ manifest }: Pick<BackupSummary, 'manifest'>): string {
  const { type, database } = manifest.body;
  const { engine, host, port, name } = database;
  const id = databaseId({ engine, host, port, database: name });
  return type === 'globals' ? `${id} ${type}` : id;
}

export function rowsByTable({ tables }: Pick<BackupSummary, 'tables'>): Record<string, number> {
  return Object.fromEntries(Object.entries(tables).map(([name, { rows }]) => [name, rows]));
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
  readonly place: Place;
  readonly row: BackupRow;
}

/** A copy that is there and could not be read again is no success: it is recorded as what it was proved to be. */
function outcomeOf(place: Place, kept: readonly Kept[]) {
  const { destinationId, databaseName, sealed, proved, code, detail } = place;
  const row = kept.find((one) => one.place === place)?.row;
  const about = {
    destinationId,
    ...(databaseName === undefined ? {} : { databaseName }),
    ...(row === undefined ? {} : { backupId: row.id }),
  };
  if (row === undefined || !proved) return { ...about, ok: false, code, detail };
  if (['sealed', 'stored', 'good'].includes(row.state)) return { ...about, ok: true };
  return { ...about, ok: false, code: 'backup_damaged', detail: sealed?.reason ?? `It is ${row.state}.` };
}

/** The run's states: of all databases at all destinations, of some, or of none there is a copy that can be relied on. */
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
  const { tenant_id: tenantId, id, database_id: databaseId } = row;
  if (databaseId === null || row.state !== 'good') return;
  const before = await bytesBefore(trx, row);
  const bytes = Number(row.plain_bytes);
  if (before === undefined || bytes > before * DROP_SHARE) return;
  const databaseName = (await getDatabase(trx, databaseId))?.name ?? databaseId;
  const data = { databaseId, databaseName, backupId: id, bytes, bytesBefore: before };
  await tell(trx, { event: 'size.dropped', tenantId, key: `backup ${id}`, at: await clock(trx), data });
}
