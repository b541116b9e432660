import { sql } from 'kysely';
import { Failure } from '../../domain/failure.ts';
import type { TenantTransaction } from '../catalog.ts';

/** The database's clock, now: leases, slots and grace periods go by it and by nothing else (F34, F67). */
export async function clock(trx: TenantTransaction): Promise<Date> {
  const { rows } = await sql<{
    now: Date;
  }>`select date_trunc('milliseconds', clock_timestamp()) as now`.execute(trx);
  return rows[0]?.now ?? new Date(Number.NaN);
}

/** One holder of a named lock at a time, until the transaction ends. Names carry the tenant: tenants never wait for each other. */
export async function lockName(trx: TenantTransaction, name: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(current_setting('app.tenant_id') || ${name}, 0))`.execute(
    trx,
  );
}

/** The row, or the one answer that unknown and foreign ids get alike (F91). */
export function found<Row>(row: Row | undefined, what: string): Row {
  if (row !== undefined) return row;
  throw new Failure('not_found', `There is no such ${what}.`, { remedy: `List what there is to find the id.` });
}

/** Refuses a change that was based on an older version than the one that stands. */
export function requireVersion(row: { readonly version: number }, expected: number | undefined): void {
  if (expected === undefined || expected === row.version) return;
  throw new Failure('version_conflict', `This was changed meanwhile: it is at version ${row.version}.`, {
    remedy: 'Read it again and repeat the change on what it is now.',
    details: { version: row.version, expected },
  });
}
