import { type Selectable, sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';
import { behind, cutPage, type Page, type PageRequest } from './page.ts';

export type ChannelRow = Selectable<CatalogTables['channels']>;

export interface NewChannel {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly enabled: boolean;
  /** The signing secret, sealed. */
  readonly sealed: Uint8Array | undefined;
}

export async function insertChannel(trx: TenantTransaction, channel: NewChannel): Promise<ChannelRow> {
  return trx
    .insertInto('channels')
    .values({
      tenant_id: channel.tenantId,
      id: channel.id,
      name: channel.name,
      settings: JSON.stringify(channel.settings),
      enabled: channel.enabled,
      sealed_secret: channel.sealed === undefined ? null : Buffer.from(channel.sealed),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function getChannel(trx: TenantTransaction, id: string): Promise<ChannelRow | undefined> {
  return trx.selectFrom('channels').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function lockChannel(trx: TenantTransaction, id: string): Promise<ChannelRow | undefined> {
  return trx.selectFrom('channels').selectAll().where('id', '=', id).forNoKeyUpdate().executeTakeFirst();
}

export async function enabledChannels(trx: TenantTransaction): Promise<readonly ChannelRow[]> {
  return trx.selectFrom('channels').selectAll().where('enabled', '=', true).orderBy('id').execute();
}

export async function listChannels(trx: TenantTransaction, { limit, cursor }: PageRequest): Promise<Page<ChannelRow>> {
  const rows = await trx
    .selectFrom('channels')
    .selectAll()
    .where(behind('created_at', cursor))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return cutPage(rows, limit, (row) => row.created_at);
}

export interface ChannelChange {
  readonly name: string;
  readonly settings: Readonly<Record<string, unknown>>;
  readonly enabled: boolean;
}

/** Call after `lockChannel` and a look at the version. */
export async function changeChannel(trx: TenantTransaction, id: string, change: ChannelChange): Promise<ChannelRow> {
  return trx
    .updateTable('channels')
    .set((eb) => ({
      name: change.name,
      settings: JSON.stringify(change.settings),
      enabled: change.enabled,
      version: eb('version', '+', 1),
    }))
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Call after `lockChannel`. The secret before it signs too for so long: receivers take over the new one meanwhile. */
export async function rotateSecret(
  trx: TenantTransaction,
  id: string,
  { sealed, hours }: { readonly sealed: Uint8Array; readonly hours: number },
): Promise<ChannelRow> {
  return trx
    .updateTable('channels')
    .set((eb) => ({
      sealed_previous: eb.ref('sealed_secret'),
      previous_until: sql<Date>`clock_timestamp() + make_interval(hours => ${hours})`,
      sealed_secret: Buffer.from(sealed),
      version: eb('version', '+', 1),
    }))
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** With everything that was sent or was to be sent through it. */
export async function deleteChannel(trx: TenantTransaction, id: string): Promise<ChannelRow | undefined> {
  return trx.deleteFrom('channels').where('id', '=', id).returningAll().executeTakeFirst();
}
