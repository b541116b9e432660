import type { Selectable } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';
import { behind, cutPage, type Page, type PageRequest } from './page.ts';

export type ApiKeyRow = Selectable<CatalogTables['api_keys']>;

export interface NewApiKey {
  readonly tenantId: string;
  readonly id: string;
  readonly name: string;
  /** Its first letters, for people to tell keys apart. */
  readonly prefix: string;
  readonly hash: Buffer;
  readonly role: string;
  readonly createdBy: string;
  readonly expiresAt: Date | undefined;
}

export async function insertApiKey(trx: TenantTransaction, key: NewApiKey): Promise<ApiKeyRow> {
  return trx
    .insertInto('api_keys')
    .values({
      tenant_id: key.tenantId,
      id: key.id,
      name: key.name,
      prefix: key.prefix,
      key_hash: key.hash,
      role: key.role,
      created_by: key.createdBy,
      expires_at: key.expiresAt ?? null,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function getApiKey(trx: TenantTransaction, id: string): Promise<ApiKeyRow | undefined> {
  return trx.selectFrom('api_keys').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function listApiKeys(trx: TenantTransaction, { limit, cursor }: PageRequest): Promise<Page<ApiKeyRow>> {
  const rows = await trx
    .selectFrom('api_keys')
    .selectAll()
    .where(behind('created_at', cursor))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return cutPage(rows, limit, (row) => row.created_at);
}

export async function setKeyUsed(trx: TenantTransaction, id: string, at: Date): Promise<void> {
  await trx.updateTable('api_keys').set({ last_used_at: at }).where('id', '=', id).execute();
}

export async function deleteApiKey(trx: TenantTransaction, id: string): Promise<ApiKeyRow | undefined> {
  return trx.deleteFrom('api_keys').where('id', '=', id).returningAll().executeTakeFirst();
}

/** Keys that end before that time and have not yet. */
export async function expiringKeys(trx: TenantTransaction, before: Date): Promise<readonly ApiKeyRow[]> {
  return trx.selectFrom('api_keys').selectAll().where('expires_at', '<', before).orderBy('expires_at').execute();
}
