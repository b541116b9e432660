import { type Selectable, sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';
import { behind, cutPage, type Page, type PageRequest } from './page.ts';

export type DatabaseRow = Selectable<CatalogTables['databases']>;
/** With what its backups and runs say of it. */
export type DatabaseWithUse = DatabaseRow & {
  readonly stored_bytes: string;
  /** Snapshot time of its newest verified backup. */
  readonly last_good_at: Date | null;
  readonly last_run_state: string | null;
};

export interface NewDatabase {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string;
  readonly engine: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly sealed: Uint8Array | undefined;
}

const storedBytes = sql<string>`(select coalesce(sum(b.stored_bytes), 0) from backups b
  where b.tenant_id = databases.tenant_id and b.database_id = databases.id and b.state <> 'deleted')`;
const lastGood = sql<Date | null>`(select max(b.snapshot_at) from backups b
  where b.tenant_id = databases.tenant_id and b.database_id = databases.id and b.state = 'good')`;
const lastRun = sql<string | null>`(select r.state from runs r
  where r.tenant_id = databases.tenant_id and r.database_id = databases.id and r.kind = 'backup'
  order by r.queued_at desc, r.id desc limit 1)`;

export async function insertDatabase(trx: TenantTransaction, database: NewDatabase): Promise<DatabaseRow> {
  return trx
    .insertInto('databases')
    .values({
      tenant_id: database.tenantId,
      id: database.id,
      name: database.name,
      engine: database.engine,
      settings: JSON.stringify(database.settings),
      sealed_secret: database.sealed === undefined ? null : Buffer.from(database.sealed),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function countDatabases(trx: TenantTransaction): Promise<number> {
  const row = await trx
    .selectFrom('databases')
    .select((eb) => eb.fn.countAll<string>().as('n'))
    .where('removed_at', 'is', null)
    .executeTakeFirstOrThrow();
  return Number(row.n);
}

const withUse = (trx: TenantTransaction) =>
  trx
    .selectFrom('databases')
    .selectAll()
    .select([storedBytes.as('stored_bytes'), lastGood.as('last_good_at'), lastRun.as('last_run_state')]);

/** Whether removed or not: what was removed and kept its backups is listed as unmanaged (product.md §14). */
export async function getDatabase(trx: TenantTransaction, id: string): Promise<DatabaseWithUse | undefined> {
  return withUse(trx).where('id', '=', id).executeTakeFirst();
}

/** Not removed, and locked until the transaction ends. */
export async function lockDatabase(trx: TenantTransaction, id: string): Promise<DatabaseRow | undefined> {
  return trx
    .selectFrom('databases')
    .selectAll()
    .where('id', '=', id)
    .where('removed_at', 'is', null)
    .forNoKeyUpdate()
    .executeTakeFirst();
}

/** Removed ones stay in the list as long as they have backups. */
export async function listDatabases(
  trx: TenantTransaction,
  { limit, cursor }: PageRequest,
): Promise<Page<DatabaseWithUse>> {
  const rows = await withUse(trx)
    .where(sql<boolean>`(removed_at is null or exists (select from backups b
      where b.tenant_id = databases.tenant_id and b.database_id = databases.id and b.state <> 'deleted'))`)
    .where(behind('created_at', cursor))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return cutPage(rows, limit, (row) => row.created_at);
}

export interface DatabaseChange {
  readonly name: string;
  readonly engine: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Undefined: the sealed secret stays; null: it goes. */
  readonly sealed: Uint8Array | null | undefined;
  /** Another address or credential must be verified anew (RU-07). */
  readonly reset: boolean;
}

/** Call after `lockDatabase` and a look at the version. */
export async function changeDatabase(trx: TenantTransaction, id: string, change: DatabaseChange): Promise<DatabaseRow> {
  const { sealed } = change;
  return trx
    .updateTable('databases')
    .set((eb) => ({
      name: change.name,
      engine: change.engine,
      settings: JSON.stringify(change.settings),
      ...(sealed === undefined ? {} : { sealed_secret: sealed === null ? null : Buffer.from(sealed) }),
      ...(change.reset ? { state: 'created', error: null, probe: null, verified_at: null } : {}),
      version: eb('version', '+', 1),
    }))
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function setDatabaseVerifying(trx: TenantTransaction, id: string): Promise<void> {
  await trx.updateTable('databases').set({ state: 'verifying', error: null }).where('id', '=', id).execute();
}

export interface DatabaseVerdict {
  readonly id: string;
  /** The version that was looked at; a verdict on an older one is dropped (RU-07). */
  readonly version: number;
  readonly ok: boolean;
  readonly error: string | undefined;
  readonly probe: Readonly<Record<string, unknown>> | undefined;
}

/** True when the verdict was taken; false when the database had changed since, or was removed. */
export async function judgeDatabase(trx: TenantTransaction, verdict: DatabaseVerdict): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('databases')
    .set({
      state: verdict.ok ? 'verified' : 'error',
      error: verdict.error ?? null,
      probe: verdict.probe === undefined ? null : JSON.stringify(verdict.probe),
      verified_at: verdict.ok ? sql<Date>`clock_timestamp()` : null,
    })
    .where('id', '=', verdict.id)
    .where('version', '=', verdict.version)
    .where('removed_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** The row stays for its backups' sake; its credential does not. */
export async function removeDatabase(trx: TenantTransaction, id: string): Promise<void> {
  await trx
    .updateTable('databases')
    .set({ removed_at: sql<Date>`clock_timestamp()`, sealed_secret: null })
    .where('id', '=', id)
    .execute();
}
