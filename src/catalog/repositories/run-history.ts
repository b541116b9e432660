import { sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';
import type { BackupRow } from './backups.ts';

export interface BadRuns {
  /** Runs that ended badly one after the other, the newest among them. */
  readonly n: number;
  /** When the first of them ended. */
  readonly since: Date | undefined;
}

/** Backups of a database that have ended badly since the last good one; those that somebody cancelled say nothing. */
export async function badBackupsInARow(
  trx: TenantTransaction,
  { databaseId, besides }: { readonly databaseId: string; readonly besides: string },
): Promise<BadRuns> {
  const { rows } = await sql<{ n: number; since: Date | null }>`
    select count(*)::int as n, min(finished_at) as since from runs
    where database_id = ${databaseId}::uuid and kind = 'backup' and id <> ${besides}::uuid
      and state in ('failed', 'partly', 'interrupted')
      and queued_at > coalesce((select max(queued_at) from runs
        where database_id = ${databaseId}::uuid and kind = 'backup' and state = 'succeeded' and id <> ${besides}::uuid),
        '-infinity'::timestamptz)`.execute(trx);
  return { n: rows[0]?.n ?? 0, since: rows[0]?.since ?? undefined };
}

type Whose = Pick<BackupRow, 'database_id' | 'identity'>;

/** When a backup of the same database was last restored and compared. */
export async function lastLevel3(trx: TenantTransaction, { database_id, identity }: Whose): Promise<Date | undefined> {
  const { rows } = await sql<{ at: Date | null }>`
    select max(level3_at) as at from backups
    where database_id = ${database_id}::uuid and identity = ${identity}`.execute(trx);
  return rows[0]?.at ?? undefined;
}

/** Plain bytes of the newest verified backup of a database and destination, besides one. */
export async function bytesBefore(
  trx: TenantTransaction,
  backup: Whose & Pick<BackupRow, 'id' | 'destination_id'>,
): Promise<number | undefined> {
  const { rows } = await sql<{ bytes: string }>`
    select plain_bytes as bytes from backups
    where database_id = ${backup.database_id}::uuid and destination_id = ${backup.destination_id}::uuid
      and identity = ${backup.identity} and id <> ${backup.id}::uuid and state = 'good' and facts ->> 'type' = (select facts ->> 'type' from backups where id = ${backup.id}::uuid)
    order by created_at desc limit 1`.execute(trx);
  return rows[0] === undefined ? undefined : Number(rows[0].bytes);
}
