import { randomUUID } from 'node:crypto';
import type { Catalog } from '../../src/catalog/catalog.ts';
import { ScheduleSettings } from '../../src/contract/resources/work.ts';
import { type Dispatched, dispatchDue } from '../../src/operations/background/dispatch.ts';
import { startCatalog, type TestCatalog } from '../../test/support/catalog.ts';
import { median } from '../measure.ts';
import type { World } from '../world.ts';

/** Schedules in the catalog, and those that are due in one minute. */
const SCHEDULES = { quick: 50_000, small: 200_000, full: 1_000_000 } as const;
const DUE = { quick: 1_000, small: 10_000, full: 10_000 } as const;
const TENANTS = 100;
const SCANS = 21;
const SLOT = new Date('2026-11-24T02:00:00Z');

/** The timetable: how long a look for what is due takes among very many, and a herd in one minute. */
export async function servicePart(world: World): Promise<void> {
  const { size } = world.options;
  const catalog = await startCatalog();
  world.onClose(() => catalog.stop());
  const tenants = await Promise.all(Array.from({ length: TENANTS }, () => catalog.tenant()));
  await plant(catalog, SCHEDULES[size] - DUE[size], new Date(SLOT.getTime() + 3_600_000));
  await plant(catalog, DUE[size], SLOT);
  await catalog.sql('VACUUM ANALYZE schedules');
  const scans = await scanTimes(catalog.catalog);
  const herd = await dispatchHerd(catalog.catalog);
  world.print([
    '',
    '### The timetable',
    '',
    '| what | figure |',
    '|---|---|',
    `| schedules, of them due in one minute, tenants | ${SCHEDULES[size]}, ${DUE[size]}, ${tenants.length} |`,
    `| a look for 1,000 due ones: median, slowest of ${SCANS} | ${median(scans).toFixed(1)} ms, ${Math.max(...scans).toFixed(1)} ms |`,
    `| all of the minute dispatched | ${herd.seconds.toFixed(1)} s |`,
    `| most turns that a tenant was ahead of another | ${herd.ahead} |`,
  ]);
  world.figure({
    target: 'service',
    name: `a look for what is due among ${SCHEDULES.full.toLocaleString('en-US')} schedules`,
    value: median(scans),
    atLeast: false,
    goal: 50,
    floor: { quick: 100, small: 100, full: 100 },
    unit: ' ms',
  });
  world.figure({
    target: 'service',
    name: '10,000 schedules of one minute dispatched',
    value: herd.seconds,
    atLeast: false,
    goal: 60,
    floor: { quick: 60, small: 120, full: 120 },
    unit: ' s',
  });
  world.figure({
    target: 'service',
    name: 'tenants by turns: most turns one was ahead of another',
    value: herd.ahead,
    atLeast: false,
    // Starts go out by four at once.
    goal: 4,
    floor: { quick: 4, small: 4, full: 4 },
  });
}

/** Spread evenly over the tenants. */
async function plant({ sql }: TestCatalog, count: number, slot: Date): Promise<void> {
  const settings = JSON.stringify(ScheduleSettings.parse({}));
  const at = slot.toISOString();
  await sql(`INSERT INTO databases (tenant_id, id, name, engine, settings, state)
    SELECT tenant_id, tenant_id, 'shop', 'postgres', '{}', 'verified' FROM tenants ON CONFLICT DO NOTHING`);
  await sql(`UPDATE tenants SET limits = '{"runsPerDay": 1000000}'`);
  await sql(`INSERT INTO schedules (tenant_id, id, database_id, destination_ids, name, cron, zone, settings, next_slot, next_due)
    SELECT t.tenant_id, gen_random_uuid(), t.tenant_id, ARRAY['${randomUUID()}']::uuid[], 's', '0 * * * *', 'Europe/Berlin', '${settings}', '${at}', '${at}'
    FROM (SELECT tenant_id, row_number() OVER (ORDER BY tenant_id) - 1 AS n FROM tenants) t
    JOIN generate_series(0, ${count - 1}) g ON g % ${TENANTS} = t.n`);
}

async function scanTimes({ find }: Catalog): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < SCANS; n += 1) {
    const started = performance.now();
    await find.dueSchedules(SLOT, 1000);
    times.push(performance.now() - started);
  }
  return times;
}

async function dispatchHerd(catalog: Catalog): Promise<{ seconds: number; ahead: number }> {
  const turns = new Map<string, number>();
  let ahead = 0;
  const launcher = {
    start: async (_workflow: string, { tenantId }: { readonly tenantId: string }) => {
      turns.set(tenantId, (turns.get(tenantId) ?? 0) + 1);
      if (turns.size === TENANTS) ahead = Math.max(ahead, spread([...turns.values()]));
    },
    cancel: async () => undefined,
  };
  const log = (_level: string, fields: object, sentence: string) => {
    throw new Error(`${sentence}: ${JSON.stringify(fields)}`);
  };
  const runtime = { catalog: { ...catalog, now: async () => SLOT }, launcher, log };
  const started = performance.now();
  const outcome: Dispatched = await dispatchDue(runtime);
  const seconds = (performance.now() - started) / 1000;
  const all = [...turns.values()].reduce((sum, n) => sum + n, 0);
  if (all !== outcome.started || outcome.missed !== 0) throw new Error(`${all} started, ${JSON.stringify(outcome)}`);
  return { seconds, ahead };
}

function spread(counts: readonly number[]): number {
  return Math.max(...counts) - Math.min(...counts);
}
