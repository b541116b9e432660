import { sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';

/** A database that is still managed, and how old its newest verified backup is. */
export interface DatabaseFigures {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly error: string | null;
  readonly rpo_hours: number | null;
  readonly last_good_at: Date | null;
  readonly hours: number | null;
  readonly last_run_state: string | null;
  readonly last_cause: string | null;
  readonly last_remedy: string | null;
}

/** All of them; hours by the catalog's clock. */
export async function databaseFigures(trx: TenantTransaction): Promise<readonly DatabaseFigures[]> {
  const { rows } = await sql<DatabaseFigures>`
    select d.id, d.name, d.state, d.error, (d.settings ->> 'rpoHours')::float8 as rpo_hours, g.at as last_good_at,
      extract(epoch from clock_timestamp() - g.at)::float8 / 3600 as hours,
      r.state as last_run_state, r.cause as last_cause, r.remedy as last_remedy
    from databases d
    left join lateral (select max(b.snapshot_at) as at from backups b
      where b.tenant_id = d.tenant_id and b.database_id = d.id and b.state = 'good') g on true
    left join lateral (select r.state, r.cause, r.remedy from runs r
      where r.tenant_id = d.tenant_id and r.database_id = d.id and r.kind = 'backup' and r.finished_at is not null
      order by r.queued_at desc, r.id desc limit 1) r on true
    where d.removed_at is null order by d.name, d.id`.execute(trx);
  return rows;
}

export interface DayFigures {
  /** `2026-11-24`, UTC. */
  readonly day: string;
  readonly succeeded: number;
  readonly failed: number;
  readonly missed: number;
  /** Stored at the end of that day, as far as the rows still tell. */
  readonly bytes: string;
}

/** The last so many days, oldest first, today included. */
export async function dayFigures(trx: TenantTransaction, days: number): Promise<readonly DayFigures[]> {
  const { rows } = await sql<DayFigures>`
    with days as materialized (select (date_trunc('day', clock_timestamp() at time zone 'UTC') - make_interval(days => n)) as day
      from generate_series(0, ${days - 1}::int) n),
    runs_of as materialized (select date_trunc('day', queued_at at time zone 'UTC') as day,
        count(*) filter (where state = 'succeeded')::int as succeeded,
        count(*) filter (where state in ('failed', 'partly', 'interrupted'))::int as failed,
        count(*) filter (where state = 'missed')::int as missed
      from runs where kind = 'backup' and queued_at > clock_timestamp() - make_interval(days => ${days}::int + 1) group by 1),
    stored as materialized (select least(date_trunc('day', created_at at time zone 'UTC'), (select max(day) from days)) as day,
        sum(stored_bytes) as bytes from backups where state <> 'deleted' group by 1)
    select to_char(d.day, 'YYYY-MM-DD') as day, coalesce(r.succeeded, 0) as succeeded, coalesce(r.failed, 0) as failed,
      coalesce(r.missed, 0) as missed,
      (select coalesce(sum(s.bytes), 0) from stored s where s.day <= d.day)::text as bytes
    from days d left join runs_of r on r.day = d.day order by d.day`.execute(trx);
  return rows;
}

/** Backups that ended, or were missed, between two instants, and what is stored now. */
export async function periodFigures(
  trx: TenantTransaction,
  from: Date,
  to: Date,
): Promise<{
  readonly succeeded: number;
  readonly failed: number;
  readonly missed: number;
  readonly storedBytes: number;
}> {
  const { rows } = await sql<{ succeeded: number; failed: number; missed: number; storedBytes: number }>`
    select count(*) filter (where state = 'succeeded')::int as succeeded,
      count(*) filter (where state in ('failed', 'partly', 'interrupted'))::int as failed,
      count(*) filter (where state = 'missed')::int as missed,
      (select coalesce(sum(stored_bytes), 0)::float8 from backups where state <> 'deleted') as "storedBytes"
    from runs where kind = 'backup' and queued_at >= ${from} and queued_at < ${to}`.execute(trx);
  return rows[0] ?? { succeeded: 0, failed: 0, missed: 0, storedBytes: 0 };
}

/** Figures of one database's backups. */
export async function backupFigures(
  trx: TenantTransaction,
  databaseId: string,
): Promise<{ readonly backups: number; readonly storedBytes: number }> {
  const row = await trx
    .selectFrom('backups')
    .select((eb) => [eb.fn.countAll<string>().as('n'), eb.fn.sum<string | null>('stored_bytes').as('bytes')])
    .where('database_id', '=', databaseId)
    .where('state', '<>', 'deleted')
    .executeTakeFirstOrThrow();
  return { backups: Number(row.n), storedBytes: Number(row.bytes ?? 0) };
}

export interface UsageFigures {
  readonly runs: number;
  readonly run_seconds: number;
  readonly stored_bytes: string;
  readonly plain_bytes: string;
}

/** Runs that began in [from, to); bytes of backups that were there before `to` and still are. */
export async function usageFigures(
  trx: TenantTransaction,
  { from, to }: { readonly from: Date; readonly to: Date },
): Promise<UsageFigures> {
  const { rows } = await sql<UsageFigures>`
    select (select count(*)::int from runs where queued_at >= ${from} and queued_at < ${to} and state <> 'missed') as runs,
      (select coalesce(sum(extract(epoch from finished_at - started_at)), 0)::float8 from runs
        where queued_at >= ${from} and queued_at < ${to} and finished_at is not null) as run_seconds,
      (select coalesce(sum(stored_bytes), 0)::text from backups where created_at < ${to} and state <> 'deleted') as stored_bytes,
      (select coalesce(sum(plain_bytes), 0)::text from backups where created_at < ${to} and state <> 'deleted') as plain_bytes`.execute(
    trx,
  );
  return rows[0] ?? { runs: 0, run_seconds: 0, stored_bytes: '0', plain_bytes: '0' };
}

/** The newest usable backup of each database at each destination, for the recovery kit. */
export interface KitPlace {
  readonly destination_id: string;
  readonly engine: string;
  readonly database: string;
  readonly recipients: readonly string[];
}

export async function kitPlaces(trx: TenantTransaction): Promise<readonly KitPlace[]> {
  const { rows } = await sql<KitPlace>`
    select distinct on (b.destination_id, b.manifest #>> '{database,name}') b.destination_id,
      b.manifest #>> '{database,engine}' as engine, b.manifest #>> '{database,name}' as database,
      coalesce(b.manifest #> '{encryption,recipients}', '[]') as recipients
    from backups b where b.state not in ('deleted', 'lost')
    order by b.destination_id, b.manifest #>> '{database,name}', (b.state = 'good') desc, b.snapshot_at desc`.execute(
    trx,
  );
  return rows;
}
