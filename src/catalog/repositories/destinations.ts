import { type Selectable, sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';
import { behind, cutPage, type Page, type PageRequest } from './page.ts';

export type DestinationRow = Selectable<CatalogTables['destinations']>;
export type DestinationWithUse = DestinationRow & { readonly stored_bytes: string };

export interface NewDestination {
  readonly tenantId: string;
  readonly id: string;
  readonly kind: string;
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly place: Readonly<Record<string, unknown>>;
}

const storedBytes = sql<string>`(select coalesce(sum(b.stored_bytes), 0) from backups b
  where b.tenant_id = destinations.tenant_id and b.destination_id = destinations.id and b.state <> 'deleted')`;

export async function insertDestination(trx: TenantTransaction, destination: NewDestination): Promise<DestinationRow> {
  return trx
    .insertInto('destinations')
    .values({
      tenant_id: destination.tenantId,
      id: destination.id,
      kind: destination.kind,
      name: destination.name,
      labels: JSON.stringify(destination.labels),
      place: JSON.stringify(destination.place),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** One that was not removed. */
export async function getDestination(trx: TenantTransaction, id: string): Promise<DestinationWithUse | undefined> {
  return trx
    .selectFrom('destinations')
    .selectAll()
    .select(storedBytes.as('stored_bytes'))
    .where('id', '=', id)
    .where('removed_at', 'is', null)
    .executeTakeFirst();
}

/** Whether removed or not: its backups may still be read. */
export async function getAnyDestination(trx: TenantTransaction, id: string): Promise<DestinationRow | undefined> {
  return trx.selectFrom('destinations').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Those of the ids that exist and were not removed, locked against removal until the transaction ends. */
export async function shareDestinations(
  trx: TenantTransaction,
  ids: readonly string[],
): Promise<readonly DestinationRow[]> {
  return trx
    .selectFrom('destinations')
    .selectAll()
    .where('id', 'in', ids)
    .where('removed_at', 'is', null)
    .orderBy('id')
    .forShare()
    .execute();
}

export async function lockDestination(trx: TenantTransaction, id: string): Promise<DestinationRow | undefined> {
  return trx
    .selectFrom('destinations')
    .selectAll()
    .where('id', '=', id)
    .where('removed_at', 'is', null)
    .forNoKeyUpdate()
    .executeTakeFirst();
}

export async function listDestinations(
  trx: TenantTransaction,
  { limit, cursor }: PageRequest,
): Promise<Page<DestinationWithUse>> {
  const rows = await trx
    .selectFrom('destinations')
    .selectAll()
    .select(storedBytes.as('stored_bytes'))
    .where('removed_at', 'is', null)
    .where(behind('created_at', cursor))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return cutPage(rows, limit, (row) => row.created_at);
}

export interface DestinationChange {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly place: Readonly<Record<string, unknown>>;
  /** Another place must be verified anew (RU-07). */
  readonly reset: boolean;
}

/** Call after `lockDestination` and a look at the version. */
export async function changeDestination(
  trx: TenantTransaction,
  id: string,
  change: DestinationChange,
): Promise<DestinationRow> {
  return trx
    .updateTable('destinations')
    .set((eb) => ({
      name: change.name,
      labels: JSON.stringify(change.labels),
      place: JSON.stringify(change.place),
      ...(change.reset ? { state: 'created', error: null, probes: '[]', capabilities: null, verified_at: null } : {}),
      version: eb('version', '+', 1),
    }))
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function setDestinationVerifying(trx: TenantTransaction, id: string): Promise<void> {
  await trx.updateTable('destinations').set({ state: 'verifying', error: null }).where('id', '=', id).execute();
}

export interface DestinationVerdict {
  readonly id: string;
  /** The version that was looked at; a verdict on an older one is dropped (RU-07). */
  readonly version: number;
  readonly ok: boolean;
  readonly error: string | undefined;
  readonly probes: readonly unknown[];
  readonly capabilities: Readonly<Record<string, boolean>> | undefined;
}

/** True when the verdict was taken; false when the destination had changed since, or was removed. */
export async function judgeDestination(trx: TenantTransaction, verdict: DestinationVerdict): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('destinations')
    .set({
      state: verdict.ok ? 'verified' : 'error',
      error: verdict.error ?? null,
      probes: JSON.stringify(verdict.probes),
      capabilities: verdict.capabilities === undefined ? null : JSON.stringify(verdict.capabilities),
      verified_at: verdict.ok ? sql<Date>`clock_timestamp()` : null,
    })
    .where('id', '=', verdict.id)
    .where('version', '=', verdict.version)
    .where('removed_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export async function removeDestination(trx: TenantTransaction, id: string): Promise<void> {
  await trx
    .updateTable('destinations')
    .set({ removed_at: sql<Date>`clock_timestamp()` })
    .where('id', '=', id)
    .execute();
}
