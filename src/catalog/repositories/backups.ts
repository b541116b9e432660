import { type Selectable, sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';
import { behind, cutPage, type Page, type PageRequest } from './page.ts';

export type BackupRow = Selectable<CatalogTables['backups']>;
/** Without its manifest and what is said of each table, which can be large. */
export type BackupSummaryRow = Omit<BackupRow, 'manifest' | 'table_rows'>;

export interface NewBackup {
  readonly tenantId: string;
  readonly id: string;
  /** The manifest's own id: the same for each destination of one run. */
  readonly manifestId: string;
  readonly databaseId: string | undefined;
  readonly destinationId: string;
  readonly runId: string | undefined;
  /** Store key of `manifest.json`. */
  readonly key: string;
  readonly name: string | undefined;
  readonly state: 'sealed' | 'stored' | 'good' | 'suspect' | 'archived';
  readonly level: number;
  /** The database's own identity (F63). */
  readonly identity: string;
  readonly plainBytes: number;
  readonly storedBytes: number;
  /** What lists show; see the contract's `BackupFacts`. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly manifest: Readonly<Record<string, unknown>>;
  /** By table, as far as they are known. */
  readonly tableRows: Readonly<Record<string, number>>;
  readonly manifestSha256: string;
  readonly snapshotAt: Date;
  readonly verifiedAt: Date | undefined;
  readonly lockedUntil?: Date | undefined;
}

const SUMMARY = [
  'tenant_id',
  'id',
  'manifest_id',
  'database_id',
  'destination_id',
  'run_id',
  'key',
  'name',
  'tags',
  'state',
  'state_before',
  'level',
  'identity',
  'plain_bytes',
  'stored_bytes',
  'facts',
  'manifest_sha256',
  'snapshot_at',
  'verified_at',
  'level3_at',
  'last_read_at',
  'pin',
  'locked_until',
  'delete_after',
  'created_at',
  'version',
] as const;

/**
 * Records a sealed backup, or adopts one that was found in the store (F26, F58, T18). Undefined when the catalog has it
 * already: a manifest is recorded once, however often it is found or a step is repeated.
 */
export async function insertBackup(trx: TenantTransaction, backup: NewBackup): Promise<BackupRow | undefined> {
  return trx
    .insertInto('backups')
    .values({
      tenant_id: backup.tenantId,
      id: backup.id,
      manifest_id: backup.manifestId,
      database_id: backup.databaseId ?? null,
      destination_id: backup.destinationId,
      run_id: backup.runId ?? null,
      key: backup.key,
      name: backup.name ?? null,
      state: backup.state,
      level: backup.level,
      identity: backup.identity,
      plain_bytes: String(backup.plainBytes),
      stored_bytes: String(backup.storedBytes),
      facts: JSON.stringify(backup.facts),
      manifest: JSON.stringify(backup.manifest),
      table_rows: JSON.stringify(backup.tableRows),
      manifest_sha256: backup.manifestSha256,
      snapshot_at: backup.snapshotAt,
      verified_at: backup.verifiedAt ?? null,
      level3_at: backup.level === 3 ? (backup.verifiedAt ?? null) : null,
      locked_until: backup.lockedUntil ?? null,
    })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'destination_id', 'key']).doNothing())
    .returningAll()
    .executeTakeFirst();
}

export async function getBackup(trx: TenantTransaction, id: string): Promise<BackupRow | undefined> {
  return trx.selectFrom('backups').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function backupByKey(
  trx: TenantTransaction,
  { destinationId, key }: { readonly destinationId: string; readonly key: string },
): Promise<BackupSummaryRow | undefined> {
  return trx
    .selectFrom('backups')
    .select(SUMMARY)
    .where('destination_id', '=', destinationId)
    .where('key', '=', key)
    .executeTakeFirst();
}

export async function lockBackup(trx: TenantTransaction, id: string): Promise<BackupSummaryRow | undefined> {
  return trx.selectFrom('backups').select(SUMMARY).where('id', '=', id).forNoKeyUpdate().executeTakeFirst();
}

export interface BackupQuery extends PageRequest {
  readonly databaseId?: string | undefined;
  readonly destinationId?: string | undefined;
  readonly state?: string | undefined;
  readonly tag?: string | undefined;
  /** Snapshots before, and from, an instant. */
  readonly before?: Date | undefined;
  readonly after?: Date | undefined;
}

/** Newest first. Deleted ones are left out unless that state is asked for. */
export async function listBackupRows(trx: TenantTransaction, query: BackupQuery): Promise<Page<BackupSummaryRow>> {
  const { databaseId, destinationId, state, tag, before, after, limit, cursor } = query;
  let rows = trx.selectFrom('backups').select(SUMMARY).where(behind('created_at', cursor));
  rows = state === undefined ? rows.where('state', '<>', 'deleted') : rows.where('state', '=', state);
  if (databaseId !== undefined) rows = rows.where('database_id', '=', databaseId);
  if (destinationId !== undefined) rows = rows.where('destination_id', '=', destinationId);
  if (tag !== undefined) rows = rows.where(sql<boolean>`tags @> array[${tag}::text] and tags <> '{}'`);
  if (before !== undefined) rows = rows.where('snapshot_at', '<', before);
  if (after !== undefined) rows = rows.where('snapshot_at', '>=', after);
  const list = await rows
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return cutPage(list, limit, (row) => row.created_at);
}

export interface BackupLabels {
  readonly name?: string | null | undefined;
  readonly tags?: readonly string[] | undefined;
}

/** Call after `lockBackup` and a look at the version. */
export async function labelBackup(trx: TenantTransaction, id: string, labels: BackupLabels): Promise<BackupSummaryRow> {
  return trx
    .updateTable('backups')
    .set((eb) => ({
      ...(labels.name === undefined ? {} : { name: labels.name }),
      ...(labels.tags === undefined ? {} : { tags: [...labels.tags] }),
      version: eb('version', '+', 1),
    }))
    .where('id', '=', id)
    .returning(SUMMARY)
    .executeTakeFirstOrThrow();
}

export async function setPin(trx: TenantTransaction, id: string, pin: string | null): Promise<BackupSummaryRow> {
  return trx
    .updateTable('backups')
    .set((eb) => ({ pin, version: eb('version', '+', 1) }))
    .where('id', '=', id)
    .returning(SUMMARY)
    .executeTakeFirstOrThrow();
}

export interface BackupVerdict {
  readonly id: string;
  readonly state: 'sealed' | 'stored' | 'good' | 'suspect' | 'lost' | 'archived';
  /** The level that was reached. */
  readonly level: number;
  readonly lockedUntil?: Date | undefined;
}

/**
 * What a verification found. A lower level never takes away what a higher one proved, unless something was wrong; what is
 * being deleted only remembers the verdict. False when the backup is deleted or unknown.
 */
export async function judgeBackup(trx: TenantTransaction, verdict: BackupVerdict): Promise<boolean> {
  const row = await lockBackup(trx, verdict.id);
  if (row === undefined || row.state === 'deleted') return false;
  const state = stateAfter(row, verdict);
  await trx
    .updateTable('backups')
    .set((eb) => ({
      ...(row.state === 'deleting' ? { state_before: state } : { state }),
      level: state === verdict.state ? verdict.level : row.level,
      ...proofs(verdict),
      version: eb('version', '+', 1),
    }))
    .where('id', '=', verdict.id)
    .execute();
  return true;
}

/** Reading a good backup's bytes again proves them once more; it does not make it less than good. */
function stateAfter(row: BackupSummaryRow, verdict: BackupVerdict): string {
  const before = row.state === 'deleting' ? row.state_before : row.state;
  return before === 'good' && verdict.state === 'stored' ? 'good' : verdict.state;
}

function proofs({ state, level, lockedUntil }: BackupVerdict) {
  const now = sql<Date>`clock_timestamp()`;
  const good = state === 'good';
  return {
    ...(level > 0 ? { last_read_at: now } : {}),
    ...(good ? { verified_at: now } : {}),
    ...(good && level === 3 ? { level3_at: now } : {}),
    ...(lockedUntil === undefined ? {} : { locked_until: lockedUntil }),
  };
}

/** Backups whose turn it is to be verified: never at that level, or longest ago. */
export async function dueForVerification(
  trx: TenantTransaction,
  due: { readonly column: 'level3_at' | 'last_read_at'; readonly before: Date; readonly most: number },
): Promise<readonly BackupSummaryRow[]> {
  return trx
    .selectFrom('backups')
    .select(SUMMARY)
    .where('state', 'in', ['sealed', 'stored', 'good'])
    .where((eb) => eb.or([eb(due.column, 'is', null), eb(due.column, '<', due.before)]))
    .orderBy(sql`${sql.ref(due.column)} asc nulls first`)
    .orderBy('created_at', 'desc')
    .limit(due.most)
    .execute();
}

/** Store keys of everything the catalog knows at a destination, deleted ones too: for the reconciler. */
export async function knownKeys(
  trx: TenantTransaction,
  destinationId: string,
): Promise<readonly { readonly id: string; readonly key: string; readonly state: string }[]> {
  return trx
    .selectFrom('backups')
    .select(['id', 'key', 'state'])
    .where('destination_id', '=', destinationId)
    .orderBy('key')
    .execute();
}
