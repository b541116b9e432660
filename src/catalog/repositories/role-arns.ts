import { sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';

/**
 * Whether another tenant names that role, in a destination or a database, removed ones included (F90). Until this transaction
 * ends nobody else gets an answer about the same role, so of two tenants that name it at once one is told.
 */
export async function isRoleOfAnother(trx: TenantTransaction, arn: string): Promise<boolean> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`role ${arn}`}, 0))`.execute(trx);
  const { rows } = await sql<{ foreign: boolean }>`select exists (select from find_role_users(${arn})
    where tenant_id <> nullif(current_setting('app.tenant_id', true), '')::uuid) as "foreign"`.execute(trx);
  return rows[0]?.foreign ?? true;
}
