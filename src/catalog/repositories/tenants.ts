import type { Selectable } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';
import { found } from './changing.ts';

export type TenantRow = Selectable<CatalogTables['tenants']>;

export interface NewTenant {
  readonly tenantId: string;
  readonly name: string;
  /** Random, ours, unique: the client's roles trust it and nothing else (F90). */
  readonly externalId: string;
  readonly limits: Readonly<Record<string, number>>;
}

export async function insertTenant(trx: TenantTransaction, tenant: NewTenant): Promise<TenantRow> {
  return trx
    .insertInto('tenants')
    .values({
      tenant_id: tenant.tenantId,
      name: tenant.name,
      external_id: tenant.externalId,
      limits: JSON.stringify(tenant.limits),
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** The tenant of this transaction, or not_found. */
export async function getTenant(trx: TenantTransaction): Promise<TenantRow> {
  return found(await trx.selectFrom('tenants').selectAll().executeTakeFirst(), 'tenant');
}

/** The same, and until the transaction ends nobody else counts or changes what its limits bound. */
export async function lockTenant(trx: TenantTransaction): Promise<TenantRow> {
  return found(await trx.selectFrom('tenants').selectAll().forNoKeyUpdate().executeTakeFirst(), 'tenant');
}

export interface TenantChange {
  readonly name?: string | undefined;
  readonly limits?: Readonly<Record<string, number>> | undefined;
  readonly sealedCredentials?: boolean | undefined;
}

/** Call after `lockTenant` and a look at the version. */
export async function changeTenant(trx: TenantTransaction, change: TenantChange): Promise<TenantRow> {
  return trx
    .updateTable('tenants')
    .set((eb) => ({
      ...(change.name === undefined ? {} : { name: change.name }),
      ...(change.limits === undefined ? {} : { limits: JSON.stringify(change.limits) }),
      ...(change.sealedCredentials === undefined ? {} : { sealed_credentials: change.sealedCredentials }),
      version: eb('version', '+', 1),
    }))
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** From now on nobody signs in; what must still be deleted is, and the audit chain stays. */
export async function closeTenant(trx: TenantTransaction, at: Date): Promise<void> {
  await trx.updateTable('tenants').set({ removed_at: at }).execute();
  await trx.updateTable('schedules').set({ enabled: false, next_slot: null }).execute();
  for (const table of ['sessions', 'sign_in_links', 'api_keys', 'invitations', 'channels', 'members'] as const) {
    await trx.deleteFrom(table).execute();
  }
}
