import type { TenantTransaction } from '../catalog/catalog.ts';
import { found } from '../catalog/repositories/changing.ts';
import {
  deleteMember,
  getMember,
  listMembers,
  lockOwners,
  type MemberRow,
  setRole,
} from '../catalog/repositories/members.ts';
import { Role } from '../contract/resources/people.ts';
import { Failure } from '../domain/failure.ts';
import { change, look } from './change.ts';
import { instant, maybeInstant } from './instant.ts';
import type { Asker, Operation } from './operation.ts';
import { conflict } from './refusal.ts';

function memberResource(row: MemberRow) {
  return {
    id: row.id,
    email: row.email,
    name: row.name,
    role: Role.parse(row.role),
    createdAt: instant(row.created_at),
    lastSeenAt: maybeInstant(row.last_seen_at),
  };
}

export const listAllMembers: Operation<'members.list', 'catalog'> = async (runtime, asker, { query }) => {
  const { rows, next } = await look(runtime, asker, (trx) => listMembers(trx, query));
  return { items: rows.map(memberResource), next };
};

export const updateMember: Operation<'members.update', 'catalog'> = (runtime, asker, { params, body }) =>
  change(runtime, asker, async (trx, told) => {
    const before = await touchable(trx, asker, params.memberId);
    requireReach(asker, body.role);
    if (body.role !== 'owner') await keepAnOwner(trx, before);
    const after = found(await setRole(trx, before.id, body.role), 'member');
    await told({
      action: 'members.update',
      object: `member ${before.id}`,
      before: { role: before.role },
      after: { role: after.role },
    });
    return memberResource(after);
  });

export const removeMember: Operation<'members.remove', 'catalog'> = (runtime, asker, { params }) =>
  change(runtime, asker, async (trx, told) => {
    const before = await touchable(trx, asker, params.memberId);
    await keepAnOwner(trx, before);
    await deleteMember(trx, before.id);
    await told({ action: 'members.remove', object: `member ${before.id}`, before: memberResource(before) });
    return undefined;
  });

/** Owners are locked first: of two who would both leave, the second finds himself the last. */
async function keepAnOwner(trx: TenantTransaction, member: MemberRow): Promise<void> {
  const owners = await lockOwners(trx);
  if (owners.includes(member.id) && owners.length === 1)
    conflict('The last owner cannot leave or be given a lesser role.', 'Make somebody else an owner first.');
}

async function touchable(trx: TenantTransaction, asker: Asker, id: string): Promise<MemberRow> {
  const member = found(await getMember(trx, id), 'member');
  requireReach(asker, Role.parse(member.role));
  return member;
}

/** Nobody gives, or takes away, a role above their own. */
export function requireReach(asker: Asker, role: Role): void {
  const order = Role.options;
  if (order.indexOf(role) >= order.indexOf(asker.role)) return;
  throw new Failure('forbidden', `The role ${asker.role} cannot decide about the role ${role}.`, {
    remedy: `Ask somebody with the role ${role}.`,
  });
}
