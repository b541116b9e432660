import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { listBackupRows } from '../../src/catalog/repositories/backups.ts';
import { backupDefinition } from '../../src/workflows/backup/definition.ts';
import { type KilledRunner, killedRunner } from '../support/killed-runner.ts';
import { sized } from '../support/size.ts';
import { startWorkflowWorld, type Tenant, type WorkflowWorld } from '../support/workflow-world.ts';

const KILLS = sized(20, 500);
const MOST_ATTEMPTS = backupDefinition.attempts + backupDefinition.deaths;
const SLOW_MS = 250;
const LONGEST_MS = 1200;

describe('a runner that is killed', () => {
  let world: WorkflowWorld;
  let runner: KilledRunner;
  const tenants: Tenant[] = [];

  beforeAll(async () => {
    world = await startWorkflowWorld();
    runner = killedRunner(world, { slowMs: SLOW_MS, concurrency: 4, perTenant: 2 });
    for (let n = 0; n < 4; n += 1) tenants.push(await world.tenant());
    await runner.start();
  }, 60_000);
  afterAll(async () => {
    await runner?.remove();
    await world?.stop();
  });

  it(`T7 loses no run, does none twice and tells no wrong status, killed ${KILLS} times`, async () => {
    const asked: { readonly tenant: Tenant; readonly runId: string }[] = [];
    const histogram: Record<string, number> = {};
    for (let kill = 0; kill < KILLS; kill += 1) {
      for (const tenant of tenants) asked.push({ tenant, runId: await tenant.backup() });
      await sleep(Math.random() * LONGEST_MS);
      const phase = await phaseNow(world, runner.root);
      histogram[phase] = (histogram[phase] ?? 0) + 1;
      await runner.kill();
      await runner.start();
    }
    console.log(`kills by what was at work: ${JSON.stringify(histogram)}`);
    for (const { tenant, runId } of asked) await over(world, tenant.tenantId, runId);

    const ends: Record<string, number> = {};
    for (const { tenant, runId } of asked) {
      const { state, attempt } = await world.run(tenant.tenantId, runId);
      ends[`${state} at ${attempt}`] = (ends[`${state} at ${attempt}`] ?? 0) + 1;
      const sealed = sealedBy(join(runner.root, tenant.destinationId), runId);
      if (state === 'succeeded') {
        expect({ sealed, rows: await rowsOf(world, tenant, runId) }).toEqual({ sealed: 1, rows: ['good'] });
        continue;
      }
      // Given up only when whoever did it has died as often as may be.
      expect({ state, attempt }).toEqual({ state: 'interrupted', attempt: MOST_ATTEMPTS });
      expect(sealed).toBeLessThanOrEqual(1);
      // What an attempt sealed before it was the last is adopted by the inventory that the end of the run asks for (F57).
      for (let n = 0; n < 600 && (await rowsOf(world, tenant, runId)).length < sealed; n += 1) await sleep(50);
      const rows = await rowsOf(world, tenant, runId);
      expect(rows).toHaveLength(sealed);
      expect(['sealed', 'good']).toEqual(expect.arrayContaining(rows));
    }
    console.log(`runs by end and attempt: ${JSON.stringify(ends)}`);
    const interrupted = Object.entries(ends).filter(([end]) => !end.startsWith('succeeded'));
    expect(interrupted.reduce((sum, [, n]) => sum + n, 0)).toBeLessThanOrEqual(Math.max(2, asked.length * 0.01));
  }, 600_000);
});

/** What the newest run is at, by what it has left where until now. */
async function phaseNow({ world }: WorkflowWorld, root: string): Promise<string> {
  const rows = await world.sql(
    "select id, report is not null as reported from runs where state = 'running' order by started_at desc limit 1",
  );
  const [row] = rows;
  if (row === undefined) return 'nothing';
  if (row.reported === 't') return 'between task and record';
  const names = readdirSync(root, { recursive: true }).map(String);
  const ours = names.filter((name) => name.includes(String(row.id)));
  if (ours.some((name) => name.includes('/reports/'))) return 'verified';
  if (ours.some((name) => name.endsWith('manifest.json'))) return 'sealed';
  return ours.length > 0 ? 'dumping' : 'before the dump';
}

async function over(world: WorkflowWorld, tenantId: string, runId: string): Promise<void> {
  for (let waited = 0; waited < 1200; waited += 1) {
    if (!['queued', 'running'].includes((await world.run(tenantId, runId)).state)) return;
    await sleep(50);
  }
  throw new Error(`the run ${runId} is not over`);
}

function sealedBy(store: string, runId: string): number {
  const names = readdirSync(store, { recursive: true }).map(String);
  const manifests = names.filter((name) => name.endsWith('/manifest.json') && name.includes(runId));
  return manifests.filter((name) => JSON.parse(readFileSync(join(store, name), 'utf8')).run === runId).length;
}

async function rowsOf(world: WorkflowWorld, { tenantId, databaseId }: Tenant, runId: string): Promise<string[]> {
  const { rows } = await world.runtime.catalog.withTenant(tenantId, (trx) =>
    listBackupRows(trx, { databaseId, limit: 100_000 }),
  );
  return rows.filter(({ run_id: of }) => of === runId).map(({ state }) => state);
}
