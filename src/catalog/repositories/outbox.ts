import { type Selectable, sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';
import { behind, cutPage, type Page, type PageRequest } from './page.ts';

export type NoticeRow = Selectable<CatalogTables['outbox']>;

export interface NewNotice {
  readonly tenantId: string;
  readonly id: string;
  readonly channelId: string;
  readonly event: string;
  readonly severity: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** In the transaction of what it tells of: neither is ever there without the other. The same id again is the same notice. */
export async function insertNotice(trx: TenantTransaction, notice: NewNotice): Promise<NoticeRow | undefined> {
  return trx
    .insertInto('outbox')
    .values({
      tenant_id: notice.tenantId,
      id: notice.id,
      channel_id: notice.channelId,
      event: notice.event,
      severity: notice.severity,
      payload: JSON.stringify(notice.payload),
    })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'id']).doNothing())
    .returningAll()
    .executeTakeFirst();
}

/**
 * Takes a due notice for one try: nobody else gets it before `seconds` have passed, so a sender that dies loses nothing.
 * Undefined when it is not due, or somebody is at it.
 */
export async function takeNotice(trx: TenantTransaction, id: string, seconds: number): Promise<NoticeRow | undefined> {
  return trx
    .updateTable('outbox')
    .set((eb) => ({
      attempts: eb('attempts', '+', 1),
      next_try_at: sql<Date>`clock_timestamp() + make_interval(secs => ${seconds})`,
    }))
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .where('next_try_at', '<=', sql<Date>`clock_timestamp()`)
    .returningAll()
    .executeTakeFirst();
}

export async function noticeDelivered(trx: TenantTransaction, id: string): Promise<void> {
  await trx
    .updateTable('outbox')
    .set({ state: 'delivered', delivered_at: sql<Date>`clock_timestamp()`, last_error: null })
    .where('id', '=', id)
    .execute();
}

/** `again` undefined: it was the last try. */
export async function noticeRefused(
  trx: TenantTransaction,
  id: string,
  outcome: { readonly error: string; readonly againInSeconds: number | undefined },
): Promise<void> {
  const { error, againInSeconds } = outcome;
  await trx
    .updateTable('outbox')
    .set({
      last_error: error.slice(0, 500),
      ...(againInSeconds === undefined
        ? { state: 'failed' }
        : { next_try_at: sql<Date>`clock_timestamp() + make_interval(secs => ${againInSeconds})` }),
    })
    .where('id', '=', id)
    .where('state', '=', 'pending')
    .execute();
}

export async function listNotices(
  trx: TenantTransaction,
  channelId: string,
  { limit, cursor }: PageRequest,
): Promise<Page<NoticeRow>> {
  const rows = await trx
    .selectFrom('outbox')
    .selectAll()
    .where('channel_id', '=', channelId)
    .where(behind('created_at', cursor))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return cutPage(rows, limit, (row) => row.created_at);
}

/** Notices that were given up: an alarm of their own (F69). */
export async function undelivered(trx: TenantTransaction): Promise<number> {
  const row = await trx
    .selectFrom('outbox')
    .select((eb) => eb.fn.countAll<string>().as('n'))
    .where('state', '=', 'failed')
    .where('created_at', '>', sql<Date>`clock_timestamp() - interval '7 days'`)
    .executeTakeFirstOrThrow();
  return Number(row.n);
}

/** Which of these notices are there. */
export async function knownNotices(trx: TenantTransaction, ids: readonly string[]): Promise<ReadonlySet<string>> {
  const rows = await trx
    .selectFrom('outbox')
    .select('id')
    .where(sql<boolean>`id = any(${[...ids]}::uuid[])`)
    .execute();
  return new Set(rows.map(({ id }) => id));
}

/** What was delivered or given up long ago; the log of a channel's deliveries goes back no further. */
export async function forgetNotices(trx: TenantTransaction, before: Date): Promise<void> {
  await trx.deleteFrom('outbox').where('state', '<>', 'pending').where('created_at', '<', before).execute();
}
