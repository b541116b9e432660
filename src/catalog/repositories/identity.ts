import type { TenantTransaction } from '../catalog.ts';

/** Rows that prove who asks. Every function works in the transaction's tenant; the ids come from the finders. */

export interface KeyRow {
  readonly id: string;
  readonly role: string;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
}

export async function apiKeyById(trx: TenantTransaction, id: string): Promise<KeyRow | undefined> {
  return await trx
    .selectFrom('api_keys')
    .select(['id', 'role', 'expires_at as expiresAt', 'last_used_at as lastUsedAt'])
    .where('id', '=', id)
    .executeTakeFirst();
}

export async function touchApiKey(trx: TenantTransaction, id: string, at: Date): Promise<void> {
  await trx.updateTable('api_keys').set({ last_used_at: at }).where('id', '=', id).execute();
}

export interface MemberRow {
  readonly id: string;
  readonly email: string;
  readonly role: string;
  readonly subject: string | null;
  readonly lastSeenAt: Date | null;
}

const MEMBER = [
  'members.id',
  'members.email',
  'members.role',
  'members.subject',
  'members.last_seen_at as lastSeenAt',
] as const;

export async function memberOf(trx: TenantTransaction, id: string): Promise<MemberRow | undefined> {
  return await trx.selectFrom('members').select(MEMBER).where('id', '=', id).executeTakeFirst();
}

export async function touchMember(trx: TenantTransaction, id: string, at: Date): Promise<void> {
  await trx.updateTable('members').set({ last_seen_at: at }).where('id', '=', id).execute();
}

/** The member of a session that has not ended. */
export async function memberOfSession(trx: TenantTransaction, id: string, now: Date): Promise<MemberRow | undefined> {
  return await trx
    .selectFrom('sessions')
    .innerJoin('members', 'members.id', 'sessions.member_id')
    .select(MEMBER)
    .where('sessions.id', '=', id)
    .where('sessions.expires_at', '>', now)
    .executeTakeFirst();
}

export interface NewProof {
  readonly tenantId: string;
  readonly id: string;
  readonly memberId: string;
  readonly hash: Buffer;
  readonly expiresAt: Date;
}

export async function insertSession(trx: TenantTransaction, proof: NewProof): Promise<void> {
  await trx.insertInto('sessions').values(rowOf(proof)).execute();
}

export async function insertSignInLink(trx: TenantTransaction, proof: NewProof): Promise<void> {
  await trx.insertInto('sign_in_links').values(rowOf(proof)).execute();
}

function rowOf({ tenantId, id, memberId, hash, expiresAt }: NewProof) {
  return { tenant_id: tenantId, id, member_id: memberId, token_hash: hash, expires_at: expiresAt };
}

export async function deleteSession(trx: TenantTransaction, id: string): Promise<void> {
  await trx.deleteFrom('sessions').where('id', '=', id).execute();
}

/** Sessions and links that can prove nothing any more. */
export async function deleteEnded(trx: TenantTransaction, now: Date): Promise<void> {
  await trx.deleteFrom('sessions').where('expires_at', '<=', now).execute();
  await trx.deleteFrom('sign_in_links').where('expires_at', '<=', now).execute();
}

/** Uses a link up. One statement: of two that come at once, one gets the member and the other nothing. */
export async function useSignInLink(trx: TenantTransaction, id: string, now: Date): Promise<string | undefined> {
  const row = await trx
    .updateTable('sign_in_links')
    .set({ used_at: now })
    .where('id', '=', id)
    .where('used_at', 'is', null)
    .where('expires_at', '>', now)
    .returning('member_id')
    .executeTakeFirst();
  return row?.member_id;
}

export interface TakenInvitation {
  readonly email: string;
  readonly role: string;
}

/** Uses an invitation up, in one statement like a link. */
export async function takeInvitation(
  trx: TenantTransaction,
  id: string,
  now: Date,
): Promise<TakenInvitation | undefined> {
  return await trx
    .deleteFrom('invitations')
    .where('id', '=', id)
    .where('expires_at', '>', now)
    .returning(['email', 'role'])
    .executeTakeFirst();
}

export interface NewMember {
  readonly tenantId: string;
  readonly id: string;
  readonly subject: string | undefined;
  readonly email: string;
  readonly name: string;
  readonly role: string;
}

/** Adds a member; one with that address stays as it is, but for a subject that it did not have. Returns the member's id. */
export async function addMember(trx: TenantTransaction, member: NewMember): Promise<string> {
  const { tenantId, id, subject, email, name, role } = member;
  const row = await trx
    .insertInto('members')
    .values({ tenant_id: tenantId, id, subject: subject ?? null, email, name, role })
    .onConflict((conflict) =>
      conflict.columns(['tenant_id', 'email']).doUpdateSet((eb) => ({
        subject: eb.fn.coalesce('members.subject', eb.ref('excluded.subject')),
      })),
    )
    .returning('id')
    .executeTakeFirstOrThrow();
  return row.id;
}
