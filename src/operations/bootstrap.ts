import { randomUUID } from 'node:crypto';
import type { OwnedId } from '../catalog/catalog.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { makeKey } from './api-keys.ts';
import { localSubject } from './identity/access-token.ts';
import type { Asker } from './operation.ts';
import { foundTenant } from './tenants.ts';

export interface Bootstrapped {
  readonly tenantId: string;
  /** The owner, for a sign-in link. */
  readonly owner: OwnedId;
  /** An API key with the owner's role, shown this once; the caller puts it into a file of mode 0600. */
  readonly key: string;
}

export interface FirstTenant {
  readonly name: string;
  readonly email: string;
  /** Ids to be taken, where the caller has written them down before. */
  readonly owner?: OwnedId;
}

/**
 * Makes the first tenant of an installation, with its owner and an API key. For a catalog that has none yet: `find.tenants()`
 * says so.
 */
export async function bootstrapTenant(
  { catalog }: Pick<Runtime, 'catalog'>,
  first: FirstTenant,
): Promise<Bootstrapped> {
  const { tenantId, id } = first.owner ?? { tenantId: randomUUID(), id: randomUUID() };
  const asker = setUp(tenantId);
  return catalog.withTenant(tenantId, async (trx) => {
    const owner = { id, subject: localSubject(id), email: first.email, name: first.email.split('@')[0] || first.email };
    await foundTenant(trx, asker, { name: first.name, owner });
    const { key } = await makeKey(trx, asker, {
      name: 'owner key of this machine',
      role: 'owner',
      expiresAt: undefined,
    });
    return { tenantId, owner: { tenantId, id }, key };
  });
}

/** Another API key with the owner's role, for a machine whose key file is gone. */
export async function anotherOwnerKey({ catalog }: Pick<Runtime, 'catalog'>, tenantId: string): Promise<string> {
  const { key } = await catalog.withTenant(tenantId, (trx) =>
    makeKey(trx, setUp(tenantId), { name: 'owner key of this machine', role: 'owner', expiresAt: undefined }),
  );
  return key;
}

function setUp(tenantId: string): Asker {
  return {
    tenantId,
    role: 'owner',
    actor: 'set-up of this machine',
    memberId: undefined,
    via: 'api-key',
    origin: undefined,
    requestId: randomUUID(),
    ifMatch: undefined,
  };
}
