import type { z } from 'zod';
import type { TenantTransaction } from '../catalog/catalog.ts';
import { countDatabases } from '../catalog/repositories/databases.ts';
import { countRunsToday } from '../catalog/repositories/runs.ts';
import { lockTenant, type TenantRow } from '../catalog/repositories/tenants.ts';
import { DEFAULT_LIMITS, Limits } from '../contract/resources/people.ts';
import { Failure } from '../domain/failure.ts';

export type TenantLimits = z.infer<typeof Limits>;

export function limitsOf(row: Pick<TenantRow, 'limits'>): TenantLimits {
  return Limits.parse({ ...DEFAULT_LIMITS, ...row.limits });
}

/** The tenant, locked: two who take the last place at once are counted one after the other. */
export async function requireRoomForDatabase(trx: TenantTransaction): Promise<TenantRow> {
  const tenant = await lockTenant(trx);
  const { databases } = limitsOf(tenant);
  if ((await countDatabases(trx)) >= databases) throw reached('databases', databases);
  return tenant;
}

export async function requireRoomForRun(trx: TenantTransaction): Promise<void> {
  const { runsPerDay } = limitsOf(await lockTenant(trx));
  if ((await countRunsToday(trx)) >= runsPerDay) throw reached('runs in 24 hours', runsPerDay);
}

function reached(what: string, limit: number): Failure {
  return new Failure('limit_reached', `The tenant's limit of ${limit} ${what} is reached.`, {
    remedy: 'Remove what is not needed, or let an owner raise the limit.',
    details: { what, limit },
  });
}
