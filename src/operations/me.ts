import type { OwnedId } from '../catalog/catalog.ts';
import { getApiKey } from '../catalog/repositories/api-keys.ts';
import { found } from '../catalog/repositories/changing.ts';
import { getMember } from '../catalog/repositories/members.ts';
import { getTenant } from '../catalog/repositories/tenants.ts';
import { Role } from '../contract/resources/people.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { look } from './change.ts';
import type { Asker, Operation } from './operation.ts';

/** Who asks, in which tenant, and in which others they could. An API key belongs to one tenant alone. */
export const getMe: Operation<'me.get', 'catalog'> = (runtime, asker) => describeMe(runtime, asker);

export async function describeMe(runtime: Pick<Runtime, 'catalog'>, asker: Asker) {
  const { id, subject, ...who } = await look(runtime, asker, async (trx) => {
    const tenant = await getTenant(trx);
    const here = { id: asker.tenantId, name: tenant.name };
    if (asker.memberId === undefined) {
      const key = found(await getApiKey(trx, asker.actor.replace(/^api-key /, '')), 'API key');
      return { id: key.id, email: '', name: key.name, role: Role.parse(key.role), subject: null, tenant: here };
    }
    const member = found(await getMember(trx, asker.memberId), 'member');
    const { email, name } = member;
    return { id: member.id, email, name, role: Role.parse(member.role), subject: member.subject, tenant: here };
  });
  const { tenant, ...member } = who;
  const own = { ...tenant, role: member.role };
  const others = subject === null ? [] : await tenantsOf(runtime, await runtime.catalog.find.memberships(subject));
  const tenants = [own, ...others.filter((other) => other.id !== own.id)];
  return { member: { id, ...member }, tenant, tenants, via: asker.via };
}

async function tenantsOf({ catalog }: Pick<Runtime, 'catalog'>, memberships: readonly OwnedId[]) {
  const tenants: { id: string; name: string; role: Role }[] = [];
  for (const { tenantId, id } of memberships) {
    await catalog.withTenant(tenantId, async (trx) => {
      const tenant = await getTenant(trx);
      const member = await getMember(trx, id);
      if (member !== undefined && tenant.removed_at === null)
        tenants.push({ id: tenantId, name: tenant.name, role: Role.parse(member.role) });
    });
  }
  return tenants;
}
