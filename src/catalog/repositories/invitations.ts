import type { Selectable } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';
import { behind, cutPage, type Page, type PageRequest } from './page.ts';

export type InvitationRow = Selectable<CatalogTables['invitations']>;

export interface NewInvitation {
  readonly tenantId: string;
  readonly id: string;
  readonly email: string;
  readonly role: string;
  readonly tokenHash: Buffer;
  readonly invitedBy: string;
  readonly expiresAt: Date;
}

export async function insertInvitation(trx: TenantTransaction, invitation: NewInvitation): Promise<InvitationRow> {
  return trx
    .insertInto('invitations')
    .values({
      tenant_id: invitation.tenantId,
      id: invitation.id,
      email: invitation.email,
      role: invitation.role,
      token_hash: invitation.tokenHash,
      invited_by: invitation.invitedBy,
      expires_at: invitation.expiresAt,
    })
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function listInvitations(
  trx: TenantTransaction,
  { limit, cursor }: PageRequest,
): Promise<Page<InvitationRow>> {
  const rows = await trx
    .selectFrom('invitations')
    .selectAll()
    .where(behind('created_at', cursor))
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(limit + 1)
    .execute();
  return cutPage(rows, limit, (row) => row.created_at);
}

/** Takes it out: of several who use one link at once, one gets it. Expired ones are the caller's to refuse. */
export async function takeInvitation(trx: TenantTransaction, id: string): Promise<InvitationRow | undefined> {
  return trx.deleteFrom('invitations').where('id', '=', id).returningAll().executeTakeFirst();
}

export async function deleteInvitationsFor(trx: TenantTransaction, email: string): Promise<void> {
  await trx.deleteFrom('invitations').where('email', '=', email).execute();
}
