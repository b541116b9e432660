import { randomUUID } from 'node:crypto';
import type { TenantTransaction } from '../catalog/catalog.ts';
import {
  type ApiKeyRow,
  deleteApiKey,
  getApiKey,
  insertApiKey,
  listApiKeys,
} from '../catalog/repositories/api-keys.ts';
import { found } from '../catalog/repositories/changing.ts';
import { Role } from '../contract/resources/people.ts';
import { change, look, ShownOnce, tell } from './change.ts';
import { newToken } from './identity/token.ts';
import { instant, maybeInstant } from './instant.ts';
import { requireReach } from './members.ts';
import type { Asker, Operation } from './operation.ts';

const DAY_MS = 86_400_000;

function keyResource(row: ApiKeyRow) {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    role: Role.parse(row.role),
    createdAt: instant(row.created_at),
    expiresAt: maybeInstant(row.expires_at),
    lastUsedAt: maybeInstant(row.last_used_at),
  };
}

export const listKeys: Operation<'apiKeys.list', 'catalog'> = async (runtime, asker, { query }) => {
  const { rows, next } = await look(runtime, asker, (trx) => listApiKeys(trx, query));
  return { items: rows.map(keyResource), next };
};

/** Shown this once; the catalog keeps its SHA-256. */
export const createKey: Operation<'apiKeys.create', 'catalog' | 'now'> = async (runtime, asker, { body }) => {
  const { expiresInDays, name, role } = body;
  const expiresAt =
    expiresInDays === undefined ? undefined : new Date(runtime.now().getTime() + expiresInDays * DAY_MS);
  const { answer } = await change(
    runtime,
    asker,
    async (trx) => new ShownOnce(await makeKey(trx, asker, { name, role, expiresAt })),
  );
  return answer;
};

export interface WantedKey {
  readonly name: string;
  readonly role: Role;
  readonly expiresAt: Date | undefined;
}

/** Nobody makes a key that may more than they may themselves. */
export async function makeKey(trx: TenantTransaction, asker: Asker, { name, role, expiresAt }: WantedKey) {
  requireReach(asker, role);
  const { token, hash, prefix } = newToken('apiKey');
  const { tenantId, actor } = asker;
  const given = { tenantId, id: randomUUID(), name, prefix, hash, role, createdBy: actor, expiresAt };
  const key = keyResource(await insertApiKey(trx, given));
  await tell(trx, asker, { action: 'apiKeys.create', object: `api-key ${key.id}`, after: key });
  return { ...key, key: token };
}

export const revokeKey: Operation<'apiKeys.revoke', 'catalog'> = (runtime, asker, { params }) =>
  change(runtime, asker, async (trx, told) => {
    const before = keyResource(found(await getApiKey(trx, params.apiKeyId), 'API key'));
    requireReach(asker, before.role);
    await deleteApiKey(trx, before.id);
    await told({ action: 'apiKeys.revoke', object: `api-key ${before.id}`, before });
    return undefined;
  });
