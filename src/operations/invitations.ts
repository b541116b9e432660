import { randomUUID } from 'node:crypto';
import { found } from '../catalog/repositories/changing.ts';
import {
  deleteInvitationsFor,
  type InvitationRow,
  insertInvitation,
  listInvitations,
  takeInvitation,
} from '../catalog/repositories/invitations.ts';
import { memberByEmail } from '../catalog/repositories/members.ts';
import { Role } from '../contract/resources/people.ts';
import { change, look, ShownOnce } from './change.ts';
import { newToken } from './identity/token.ts';
import { instant } from './instant.ts';
import { requireReach } from './members.ts';
import type { Operation } from './operation.ts';
import { conflict } from './refusal.ts';

const DAYS = 7;
const DAY_MS = 86_400_000;

function invitationResource(row: InvitationRow) {
  return {
    id: row.id,
    email: row.email,
    role: Role.parse(row.role),
    invitedBy: row.invited_by,
    createdAt: instant(row.created_at),
    expiresAt: instant(row.expires_at),
  };
}

export const listOpenInvitations: Operation<'invitations.list', 'catalog'> = async (runtime, asker, { query }) => {
  const { rows, next } = await look(runtime, asker, (trx) => listInvitations(trx, query));
  return { items: rows.map(invitationResource), next };
};

/** A newer invitation of the same person takes the older one's place. */
export const createInvitation: Operation<'invitations.create', 'catalog' | 'installation' | 'now'> = async (
  runtime,
  asker,
  { body },
) => {
  requireReach(asker, body.role);
  const email = body.email.toLowerCase();
  const { token, hash } = newToken('invitation');
  const expiresAt = new Date(runtime.now().getTime() + DAYS * DAY_MS);
  const { answer } = await change(runtime, asker, async (trx, told) => {
    if ((await memberByEmail(trx, email)) !== undefined)
      conflict(`${email} is a member already.`, 'Change the role of that member.');
    await deleteInvitationsFor(trx, email);
    const { tenantId, actor } = asker;
    const given = { tenantId, id: randomUUID(), email, role: body.role, tokenHash: hash, invitedBy: actor, expiresAt };
    const invitation = invitationResource(await insertInvitation(trx, given));
    await told({ action: 'invitations.create', object: `invitation ${invitation.id}`, after: invitation });
    // Behind #, so that it is in no server's log.
    return new ShownOnce({ ...invitation, link: `${runtime.installation.publicUrl}/sign-in#${token}` });
  });
  return answer;
};

export const revokeInvitation: Operation<'invitations.revoke', 'catalog'> = (runtime, asker, { params }) =>
  change(runtime, asker, async (trx, told) => {
    const before = invitationResource(found(await takeInvitation(trx, params.invitationId), 'invitation'));
    await told({ action: 'invitations.revoke', object: `invitation ${before.id}`, before });
    return undefined;
  });
