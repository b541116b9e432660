import { randomBytes, randomUUID } from 'node:crypto';
import type { TenantTransaction } from '../catalog/catalog.ts';
import { found, requireVersion } from '../catalog/repositories/changing.ts';
import { exportRows } from '../catalog/repositories/export.ts';
import { getMember, insertMember } from '../catalog/repositories/members.ts';
import { changeTenant, getTenant, insertTenant, lockTenant, type TenantRow } from '../catalog/repositories/tenants.ts';
import { DEFAULT_LIMITS } from '../contract/resources/people.ts';
import { Failure } from '../domain/failure.ts';
import { change, look, tell } from './change.ts';
import { localSubject } from './identity/access-token.ts';
import { instant } from './instant.ts';
import { limitsOf } from './limits.ts';
import type { Asker, Operation } from './operation.ts';
import { recoveryKitOf } from './recovery-kit.ts';

/** Random bits of an external id: nobody guesses another tenant's (F90). */
const EXTERNAL_ID_BYTES = 20;

export function tenantResource(row: TenantRow) {
  return {
    id: row.tenant_id,
    name: row.name,
    externalId: row.external_id,
    limits: limitsOf(row),
    sealedCredentials: row.sealed_credentials,
    createdAt: instant(row.created_at),
    version: row.version,
  };
}

export const getOwnTenant: Operation<'tenant.get', 'catalog'> = async (runtime, asker) =>
  tenantResource(await look(runtime, asker, getTenant));

export const updateTenant: Operation<'tenant.update', 'catalog'> = (runtime, asker, { body }) =>
  change(runtime, asker, async (trx, told) => {
    const before = tenantResource(await lockTenant(trx));
    requireVersion(before, asker.ifMatch);
    const limits =
      body.limits === undefined ? undefined : limitsOf({ limits: { ...before.limits, ...given(body.limits) } });
    const after = tenantResource(await changeTenant(trx, { ...body, limits }));
    await told({ action: 'tenant.update', object: `tenant ${asker.tenantId}`, before, after });
    return after;
  });

function given(limits: Readonly<Record<string, number | undefined>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(limits).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

/** The new tenant's first transaction: the tenant, its owner and the first event of its chain. */
export async function foundTenant(trx: TenantTransaction, asker: Asker, facts: NewTenantFacts) {
  const { tenantId } = asker;
  const externalId = `dbd-${randomBytes(EXTERNAL_ID_BYTES).toString('base64url')}`;
  const tenant = await insertTenant(trx, { tenantId, name: facts.name, externalId, limits: DEFAULT_LIMITS });
  const { owner } = facts;
  await insertMember(trx, { tenantId, ...owner, role: 'owner' });
  const after = { name: facts.name, owner: owner.email };
  await tell(trx, asker, { action: 'tenants.create', object: `tenant ${tenantId}`, after });
  return tenantResource(tenant);
}

export interface NewTenantFacts {
  readonly name: string;
  readonly owner: { readonly id: string; readonly subject: string; readonly email: string; readonly name: string };
}

/** The asker becomes the owner, so it must be a person: a key belongs to one tenant for good. */
export const createTenant: Operation<'tenants.create', 'catalog'> = async (runtime, asker, { body }) => {
  const { memberId } = asker;
  if (memberId === undefined) {
    throw new Failure('forbidden', 'An API key cannot create a tenant.', {
      remedy: 'Sign in as a person: that person will be its owner.',
    });
  }
  const member = await look(runtime, asker, async (trx) => found(await getMember(trx, memberId), 'member'));
  const tenantId = randomUUID();
  const { email, name } = member;
  const owner = { id: randomUUID(), subject: member.subject ?? localSubject(member.id), email, name };
  const founder = { ...asker, tenantId, actor: `member ${owner.id}` };
  return runtime.catalog.withTenant(tenantId, (trx) => foundTenant(trx, founder, { name: body.name, owner }));
};

export const exportTenant: Operation<'tenant.export', 'catalog' | 'signer' | 'trusted' | 'engines' | 'now'> = (
  runtime,
  asker,
) =>
  change(runtime, asker, async (trx, told) => {
    const rows = await exportRows(trx);
    const tables = Object.fromEntries(Object.entries(rows).map(([name, list]) => [name, [...list]]));
    const recoveryKit = await recoveryKitOf(runtime, trx);
    await told({ action: 'tenant.export', object: `tenant ${asker.tenantId}` });
    return { exportedAt: instant(runtime.now()), tables, recoveryKit };
  });
