import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRunner, startJobRunner } from '../../local/job-runner.ts';
import { listBackupRows } from '../../src/catalog/repositories/backups.ts';
import { reconcile } from '../../src/workflows/reconcile/reconcile.ts';
import { sized } from '../support/size.ts';
import { startWorkflowWorld, type Tenant, type WorkflowWorld } from '../support/workflow-world.ts';

const OUTAGES = sized(50, 200);
const BACKLOG_MS = 60_000;

describe('a catalog that goes away', () => {
  let world: WorkflowWorld;
  let runner: JobRunner;

  beforeAll(async () => {
    world = await startWorkflowWorld();
    const { runtime, tasks, queueUrl } = world;
    const limits = { concurrency: 4, perTenant: 4, alone: true, sweepMs: 500 };
    runner = await startJobRunner({ runtime, tasks, queueUrl, ...limits, pace: () => 1 });
  }, 60_000);
  afterAll(async () => {
    await runner?.stop();
    await world?.stop();
  });

  it(`T17 loses no good backup and doubles none after ${OUTAGES} outages, and the backlog is soon gone`, async () => {
    const tenants = [await world.tenant(), await world.tenant()];
    const asked: { readonly tenant: Tenant; readonly runId: string }[] = [];
    for (let outage = 0; outage < OUTAGES; outage += 1) {
      const tenant = tenants[outage % 2];
      if (tenant !== undefined) asked.push({ tenant, runId: await again(() => tenant.backup()) });
      await sleep(Math.random() * 200);
      await goAway(world, Math.random() * 100);
    }
    const returned = Date.now();
    for (const { tenant, runId } of asked) await over(world, tenant, runId);
    const took = Date.now() - returned;
    console.log(`backlog gone ${took} ms after the last outage`);
    expect(took).toBeLessThan(BACKLOG_MS);

    for (const tenant of tenants) {
      // A run whose attempts were all used up after it had sealed: its backup is adopted when its destination is reconciled (F57).
      await reconcile(world.runtime, { ...tenant, runId: randomUUID() });
      const { rows } = await world.runtime.catalog.withTenant(tenant.tenantId, (trx) =>
        listBackupRows(trx, { databaseId: tenant.databaseId, limit: 10_000 }),
      );
      const sealed = [...(world.stores.get(tenant.destinationId)?.objects.keys() ?? [])];
      const manifests = sealed.filter((key) => key.endsWith('/manifest.json'));
      // Whatever was sealed is known, once, and good.
      expect(rows.map(({ key }) => key).sort()).toEqual(manifests.sort());
      expect(rows.every(({ state }) => state === 'good')).toBe(true);
      const runs = asked.filter((one) => one.tenant === tenant).map(({ runId }) => runId);
      expect(new Set(rows.map(({ run_id: id }) => id)).size).toBe(rows.length);
      for (const runId of runs) {
        const { state } = await world.run(tenant.tenantId, runId);
        const known = rows.filter(({ run_id: id }) => id === runId).length;
        expect({ state, known }).toEqual(
          state === 'succeeded' ? { state, known: 1 } : { state: expect.stringMatching(/failed|interrupted/), known },
        );
      }
    }
    const ends = await Promise.all(
      asked.map(async ({ tenant, runId }) => (await world.run(tenant.tenantId, runId)).state),
    );
    console.log(`${ends.filter((state) => state === 'succeeded').length} of ${ends.length} runs succeeded`);
  }, 600_000);
});

/** Ends every session of ours and lets none in for a while, as a server does that is restarted. */
async function goAway({ world }: WorkflowWorld, forMs: number): Promise<void> {
  await world.sql('alter role app nologin; alter role queue nologin');
  const sessions = "select pg_terminate_backend(pid) from pg_stat_activity where usename in ('app', 'queue')";
  await world.sql(sessions);
  await sleep(forMs);
  await world.sql('alter role app login; alter role queue login');
}

/** The test asks as a client does: until it is answered. */
async function again<T>(ask: () => Promise<T>): Promise<T> {
  for (let tried = 0; ; tried += 1) {
    try {
      return await ask();
    } catch (error) {
      if (tried === 50) throw error;
      await sleep(50);
    }
  }
}

async function over(world: WorkflowWorld, { tenantId }: Tenant, runId: string): Promise<void> {
  for (let waited = 0; waited < 1800; waited += 1) {
    const { state } = await again(() => world.run(tenantId, runId));
    if (!['queued', 'running'].includes(state)) return;
    await sleep(50);
  }
  throw new Error(`the run ${runId} is not over`);
}
