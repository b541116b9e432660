import { sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';

/** Figures for the operator: counts and ages, no names. */
export interface ServiceFigures {
  readonly runs: readonly { readonly kind: string; readonly state: string; readonly n: number }[];
  /** Seconds since the snapshot of each managed database's newest good backup; null where there is none. */
  readonly ages: readonly { readonly id: string; readonly seconds: number | null }[];
  readonly outbox: readonly { readonly state: string; readonly n: number }[];
  /** Conditions that hold now. */
  readonly alarms: readonly { readonly event: string; readonly severity: string; readonly n: number }[];
}

/** Runs at work and those that ended in the last 24 hours; notices that are not delivered. */
export async function serviceFigures(trx: TenantTransaction): Promise<ServiceFigures> {
  const runs = await sql<ServiceFigures['runs'][number]>`
    select kind, state, count(*)::int as n from runs
    where finished_at is null or finished_at > clock_timestamp() - interval '24 hours'
    group by kind, state order by kind, state`.execute(trx);
  const ages = await sql<ServiceFigures['ages'][number]>`
    select d.id, (select extract(epoch from clock_timestamp() - max(b.snapshot_at))::float8 from backups b
      where b.tenant_id = d.tenant_id and b.database_id = d.id and b.state = 'good') as seconds
    from databases d where d.removed_at is null order by d.id`.execute(trx);
  const outbox = await sql<ServiceFigures['outbox'][number]>`
    select state, count(*)::int as n from outbox where state <> 'delivered' group by state order by state`.execute(trx);
  const alarms = await sql<ServiceFigures['alarms'][number]>`
    select event, severity, count(*)::int as n from alarms where closed_at is null
    group by event, severity order by event, severity`.execute(trx);
  return { runs: runs.rows, ages: ages.rows, outbox: outbox.rows, alarms: alarms.rows };
}
