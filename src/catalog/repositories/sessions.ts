import { type Selectable, sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';

export type SessionRow = Selectable<CatalogTables['sessions']>;
export type SignInLinkRow = Selectable<CatalogTables['sign_in_links']>;

export interface NewToken {
  readonly tenantId: string;
  readonly id: string;
  readonly memberId: string;
  /** SHA-256 of the token; the token itself is never kept. */
  readonly hash: Buffer;
  readonly expiresAt: Date;
}

const values = ({ tenantId, id, memberId, hash, expiresAt }: NewToken) => ({
  tenant_id: tenantId,
  id,
  member_id: memberId,
  token_hash: hash,
  expires_at: expiresAt,
});

export async function insertSession(trx: TenantTransaction, session: NewToken): Promise<void> {
  await trx.insertInto('sessions').values(values(session)).execute();
}

/** A session that has not ended, by the catalog's clock. */
export async function liveSession(trx: TenantTransaction, id: string): Promise<SessionRow | undefined> {
  return trx
    .selectFrom('sessions')
    .selectAll()
    .where('id', '=', id)
    .where('expires_at', '>', sql<Date>`clock_timestamp()`)
    .executeTakeFirst();
}

export async function deleteSession(trx: TenantTransaction, id: string): Promise<void> {
  await trx.deleteFrom('sessions').where('id', '=', id).execute();
}

export async function insertSignInLink(trx: TenantTransaction, link: NewToken): Promise<void> {
  await trx.insertInto('sign_in_links').values(values(link)).execute();
}

/** Uses the link up: of any number who try, one gets it, and only in time. */
export async function takeSignInLink(trx: TenantTransaction, id: string): Promise<SignInLinkRow | undefined> {
  return trx
    .updateTable('sign_in_links')
    .set({ used_at: sql<Date>`clock_timestamp()` })
    .where('id', '=', id)
    .where('used_at', 'is', null)
    .where('expires_at', '>', sql<Date>`clock_timestamp()`)
    .returningAll()
    .executeTakeFirst();
}

/** Forgets what is over. */
export async function sweepTokens(trx: TenantTransaction): Promise<void> {
  const over = sql<Date>`clock_timestamp() - interval '1 day'`;
  await trx.deleteFrom('sessions').where('expires_at', '<', over).execute();
  await trx.deleteFrom('sign_in_links').where('expires_at', '<', over).execute();
  await trx.deleteFrom('invitations').where('expires_at', '<', over).execute();
}
