import { type Selectable, sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';

export type KeyRow = Selectable<CatalogTables['idempotency_keys']>;

export interface NewKey {
  readonly tenantId: string;
  readonly key: string;
  readonly route: string;
  readonly requestHash: string;
}

/** Seconds after which a request that neither answered nor failed is taken for dead. */
const STALE_SECONDS = 900;

/**
 * Takes the key for one request. `mine`: go ahead. Else the row as it stands: answered (`status`), or still at work. A
 * request that died is taken over; its own commit, should it come late, finds the key gone and is rolled back.
 */
export async function takeKey(
  trx: TenantTransaction,
  key: NewKey,
): Promise<{ readonly mine: true; readonly since: Date } | { readonly mine: false; readonly row: KeyRow }> {
  const mine = await trx
    .insertInto('idempotency_keys')
    .values({ tenant_id: key.tenantId, key: key.key, route: key.route, request_hash: key.requestHash })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'key']).doNothing())
    .returning('created_at')
    .executeTakeFirst();
  if (mine !== undefined) return { mine: true, since: mine.created_at };
  const taken = await trx
    .updateTable('idempotency_keys')
    .set({ created_at: sql<never>`clock_timestamp()` })
    .where('key', '=', key.key)
    .where('route', '=', key.route)
    .where('request_hash', '=', key.requestHash)
    .where('status', 'is', null)
    .where('created_at', '<', sql<Date>`clock_timestamp() - make_interval(secs => ${STALE_SECONDS})`)
    .returning('created_at')
    .executeTakeFirst();
  if (taken !== undefined) return { mine: true, since: taken.created_at };
  const row = await trx.selectFrom('idempotency_keys').selectAll().where('key', '=', key.key).executeTakeFirstOrThrow();
  return { mine: false, row };
}

export interface TakenKey {
  readonly key: string;
  /** As `takeKey` said it. */
  readonly since: Date;
}

/** Keeps the answer, in the transaction of the change. False: the key was taken over meanwhile; roll back. */
export async function answerKey(
  trx: TenantTransaction,
  { key, since }: TakenKey,
  answer: { readonly status: number; readonly response: unknown },
): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('idempotency_keys')
    .set({
      status: answer.status,
      response: answer.response === undefined ? null : JSON.stringify(answer.response),
    })
    .where('key', '=', key)
    .where('created_at', '=', since)
    .where('status', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** After a refusal nothing was changed: the same key may try again. What was answered stays (F59). */
export async function freeKey(trx: TenantTransaction, { key, since }: TakenKey): Promise<void> {
  await trx
    .deleteFrom('idempotency_keys')
    .where('key', '=', key)
    .where('created_at', '=', since)
    .where('status', 'is', null)
    .execute();
}

/** Forgets answers older than a day. */
export async function sweepKeys(trx: TenantTransaction): Promise<void> {
  await trx
    .deleteFrom('idempotency_keys')
    .where('created_at', '<', sql<Date>`clock_timestamp() - interval '24 hours'`)
    .execute();
}
