import type { Selectable } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';
import { behind, cutPage, type Page, type PageRequest } from './page.ts';

export type MemberRow = Selectable<CatalogTables['members']>;

export interface NewMember {
  readonly tenantId: string;
  readonly id: string;
  /** The `sub` of whoever signs them in; `local:<id>` for our own issuer. */
  readonly subject: string;
  readonly email: string;
  readonly name: string;
  readonly role: string;
}

export async function insertMember(trx: TenantTransaction, member: NewMember): Promise<MemberRow> {
  return trx
    .insertInto('members')
    .values({
      tenant_id: member.tenantId,
      id: member.id,
      subject: member.subject,
      email: member.email,
      name: member.name,
      role: member.role,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function getMember(trx: TenantTransaction, id: string): Promise<MemberRow | undefined> {
  return trx.selectFrom('members').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function memberByEmail(trx: TenantTransaction, email: string): Promise<MemberRow | undefined> {
  return trx.selectFrom('members').selectAll().where('email', '=', email).executeTakeFirst();
}

export async function listMembers(trx: TenantTransaction, { limit, cursor }: PageRequest): Promise<Page<MemberRow>> {
  const rows = await trx
    .selectFrom('members')
    .selectAll()
    .where(behind('created_at', cursor))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return cutPage(rows, limit, (row) => row.created_at);
}

/** Ids of all owners, locked: two who leave at once are judged one after the other. */
export async function lockOwners(trx: TenantTransaction): Promise<readonly string[]> {
  const rows = await trx
    .selectFrom('members')
    .select('id')
    .where('role', '=', 'owner')
    .orderBy('id')
    .forNoKeyUpdate()
    .execute();
  return rows.map((row) => row.id);
}

export async function setRole(trx: TenantTransaction, id: string, role: string): Promise<MemberRow | undefined> {
  return trx.updateTable('members').set({ role }).where('id', '=', id).returningAll().executeTakeFirst();
}

export async function setLastSeen(trx: TenantTransaction, id: string, at: Date): Promise<void> {
  await trx.updateTable('members').set({ last_seen_at: at }).where('id', '=', id).execute();
}

/** Also ends the member's sessions and links. */
export async function deleteMember(trx: TenantTransaction, id: string): Promise<void> {
  await trx.deleteFrom('members').where('id', '=', id).execute();
}
