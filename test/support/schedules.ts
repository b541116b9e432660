import { randomUUID } from 'node:crypto';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { insertSchedule } from '../../src/catalog/repositories/schedules.ts';
import { ScheduleSettings } from '../../src/contract/resources/work.ts';
import { nextRuns } from '../../src/domain/time.ts';
import type { TestCatalog } from './catalog.ts';

/** A catalog whose clock says what a test says; everything that goes by `catalog.now()` goes by it. */
export interface ClockedCatalog {
  readonly catalog: Catalog;
  at: Date;
}

export function clocked(catalog: Catalog, at: Date): ClockedCatalog {
  const clock = { at, catalog: { ...catalog, now: async () => clock.at } };
  return clock;
}

export interface PlantedSchedule {
  readonly tenantId: string;
  readonly databaseId: string;
  readonly cron: string;
  readonly zone?: string;
  readonly settings?: object;
  /** The first slot is the first after it. */
  readonly since: Date;
}

/** A schedule as the API would have saved it, its places unverified. */
export async function plantSchedule(catalog: Catalog, planted: PlantedSchedule): Promise<string> {
  const id = randomUUID();
  const { tenantId, databaseId, cron, zone = 'UTC', since } = planted;
  const settings = ScheduleSettings.parse(planted.settings ?? {});
  await catalog.withTenant(tenantId, (trx) =>
    insertSchedule(trx, {
      tenantId,
      id,
      databaseId,
      name: `nightly ${id.slice(0, 4)}`,
      destinationIds: [randomUUID()],
      cron,
      zone,
      settings,
      enabled: true,
      nextSlot: nextRuns({ pattern: cron, zone }, since, 1)[0],
    }),
  );
  return id;
}

export async function plantDatabase(world: TestCatalog, tenantId: string): Promise<string> {
  const id = randomUUID();
  await world.sql(
    `INSERT INTO databases (tenant_id, id, name, engine, settings, state) VALUES ('${tenantId}', '${id}', 'shop', 'postgres', '{}', 'verified')`,
  );
  return id;
}

/** Very many schedules at once, each of which has the same slot. */
export async function plantMany(
  world: TestCatalog,
  { tenantId, databaseId, count, slot }: { tenantId: string; databaseId: string; count: number; slot: Date },
): Promise<void> {
  const settings = JSON.stringify(ScheduleSettings.parse({}));
  await world.sql(`INSERT INTO schedules (tenant_id, id, database_id, destination_ids, name, cron, zone, settings, next_slot, next_due)
    SELECT '${tenantId}', gen_random_uuid(), '${databaseId}', ARRAY['${randomUUID()}']::uuid[], 's', '0 2 * * *', 'UTC', '${settings}',
      '${slot.toISOString()}', '${slot.toISOString()}' FROM generate_series(1, ${count})`);
}
