import { sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';

/** Whether the tenant's daily work was queued within so many hours. */
export async function upkeepSince(trx: TenantTransaction, hours: number): Promise<boolean> {
  const row = await trx
    .selectFrom('runs')
    .select('id')
    .where('kind', '=', 'retention')
    .where('trigger', '=', 'system')
    .where('queued_at', '>', sql<Date>`clock_timestamp() - make_interval(hours => ${hours})`)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Destinations that backups can be in: what is removed or was never seen to work is not looked at. */
export async function destinationsInUse(trx: TenantTransaction): Promise<readonly string[]> {
  const rows = await trx
    .selectFrom('destinations')
    .select('id')
    .where('removed_at', 'is', null)
    .where('verified_at', 'is not', null)
    .orderBy('id')
    .execute();
  return rows.map(({ id }) => id);
}

/** Backups whose bytes ought to be read again from time to time. */
export async function countReadable(trx: TenantTransaction): Promise<number> {
  const row = await trx
    .selectFrom('backups')
    .select((eb) => eb.fn.countAll<string>().as('n'))
    .where('state', 'in', ['sealed', 'stored', 'good'])
    .executeTakeFirstOrThrow();
  return Number(row.n);
}
