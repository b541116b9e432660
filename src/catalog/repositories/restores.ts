import { type Selectable, sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';
import { cutPage, type Page, type PageRequest, positionAfter } from './page.ts';

/** With the state of its run. */
export type RestoreRow = Selectable<CatalogTables['restores']> & {
  readonly state: string;
  readonly finished_at: Date | null;
};

export interface NewRestore {
  readonly tenantId: string;
  readonly id: string;
  readonly runId: string;
  readonly backupId: string;
  /** The target's. */
  readonly databaseId: string;
  /** What was asked for, without any password. */
  readonly request: Readonly<Record<string, unknown>>;
}

export async function insertRestore(trx: TenantTransaction, restore: NewRestore): Promise<void> {
  await trx
    .insertInto('restores')
    .values({
      tenant_id: restore.tenantId,
      id: restore.id,
      run_id: restore.runId,
      backup_id: restore.backupId,
      database_id: restore.databaseId,
      request: JSON.stringify(restore.request),
    })
    .execute();
}

const withRun = (trx: TenantTransaction) =>
  trx
    .selectFrom('restores')
    .innerJoin('runs', (join) =>
      join.onRef('runs.tenant_id', '=', 'restores.tenant_id').onRef('runs.id', '=', 'restores.run_id'),
    )
    .selectAll('restores')
    .select(['runs.state', 'runs.finished_at']);

export async function getRestore(trx: TenantTransaction, id: string): Promise<RestoreRow | undefined> {
  return withRun(trx).where('restores.id', '=', id).executeTakeFirst();
}

export async function restoreOfRun(trx: TenantTransaction, runId: string): Promise<RestoreRow | undefined> {
  return withRun(trx).where('restores.run_id', '=', runId).executeTakeFirst();
}

export async function listRestores(trx: TenantTransaction, { limit, cursor }: PageRequest): Promise<Page<RestoreRow>> {
  const after = positionAfter(cursor);
  const rows = await withRun(trx)
    .$if(after !== undefined, (query) =>
      query.where(
        sql<boolean>`(restores.created_at, restores.id) < (${after?.at ?? ''}::timestamptz, ${after?.id ?? ''}::uuid)`,
      ),
    )
    .orderBy('restores.created_at', 'desc')
    .orderBy('restores.id', 'desc')
    .limit(limit + 1)
    .execute();
  return cutPage(rows, limit, (row) => row.created_at);
}

/** What came of it; written by the attempt that did it. */
export async function setRestoreResult(
  trx: TenantTransaction,
  id: string,
  result: Readonly<Record<string, unknown>>,
): Promise<void> {
  await trx
    .updateTable('restores')
    .set({ result: JSON.stringify(result) })
    .where('id', '=', id)
    .execute();
}

/** Seconds the newest restore into a database took, where one ended well. */
export async function lastRestoreSeconds(trx: TenantTransaction, databaseId: string): Promise<number | undefined> {
  const { rows } = await sql<{ seconds: number | null }>`
    select extract(epoch from finished_at - started_at)::float8 as seconds from runs
    where kind = 'restore' and state = 'succeeded' and database_id = ${databaseId}::uuid
    order by queued_at desc, id desc limit 1`.execute(trx);
  return rows[0]?.seconds ?? undefined;
}
