import { randomBytes, randomUUID } from 'node:crypto';
import type { Catalog, OwnedId } from '../../catalog/catalog.ts';
import { insertApiKey } from '../../catalog/repositories/api-keys.ts';
import { appendAudit } from '../../catalog/repositories/audit.ts';
import { insertMember } from '../../catalog/repositories/members.ts';
import { insertTenant } from '../../catalog/repositories/tenants.ts';
import { localSubject } from './access-token.ts';
import { newToken, tokenHash } from './token.ts';

/** Whoever runs the service on one machine, as our own issuer names them. */
export const FIRST_OWNER = 'owner';

const LIMITS = { databases: 1000, concurrentRuns: 4, runsPerDay: 10_000 } as const;

export interface FirstOwner extends OwnedId {
  readonly key: string;
}

/**
 * The owner of the first tenant and a key that works; both are made where they are missing. `key`: the one that is in the
 * file from earlier starts, which is kept as long as the catalog knows it.
 */
export async function ensureFirstOwner(catalog: Catalog, key: string | undefined): Promise<FirstOwner> {
  const [known] = await catalog.find.memberships(localSubject(FIRST_OWNER));
  const owner = known ?? (await makeTenant(catalog));
  const held = key === undefined ? undefined : await catalog.find.apiKey(tokenHash(key));
  if (key !== undefined && held?.tenantId === owner.tenantId) return { ...owner, key };
  return { ...owner, key: await makeKey(catalog, owner) };
}

const BY_THE_SYSTEM = { actor: 'system', origin: null, requestId: 'start', before: undefined } as const;

async function makeTenant(catalog: Catalog): Promise<OwnedId> {
  const tenantId = randomUUID();
  const id = randomUUID();
  await catalog.withTenant(tenantId, async (trx) => {
    const externalId = randomBytes(24).toString('base64url');
    await insertTenant(trx, { tenantId, name: 'This machine', externalId, limits: LIMITS });
    const email = 'owner@localhost.localdomain';
    await insertMember(trx, { tenantId, id, subject: localSubject(FIRST_OWNER), email, name: 'Owner', role: 'owner' });
    const object = `tenant ${tenantId}`;
    await appendAudit(trx, { ...BY_THE_SYSTEM, tenantId, action: 'tenants.create', object, after: { owner: id } });
  });
  return { tenantId, id };
}

async function makeKey(catalog: Catalog, { tenantId, id: owner }: OwnedId): Promise<string> {
  const { token, hash, prefix } = newToken('apiKey');
  const id = randomUUID();
  await catalog.withTenant(tenantId, async (trx) => {
    const facts = { name: 'owner.key of this machine', role: 'owner' } as const;
    await insertApiKey(trx, {
      ...facts,
      tenantId,
      id,
      prefix,
      hash,
      createdBy: `member ${owner}`,
      expiresAt: undefined,
    });
    const object = `api-key ${id}`;
    await appendAudit(trx, { ...BY_THE_SYSTEM, tenantId, action: 'apiKeys.create', object, after: facts });
  });
  return token;
}
