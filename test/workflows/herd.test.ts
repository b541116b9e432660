import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRunner, startJobRunner } from '../../local/job-runner.ts';
import { sized } from '../support/size.ts';
import { startWorkflowWorld, type Tenant, type WorkflowWorld } from '../support/workflow-world.ts';

/** One tenant with many runs, queued first, and others with a few. */
const MANY = sized(60, 2000);
const FEW = 3;
const OTHERS = 5;

describe('a herd of runs', () => {
  let world: WorkflowWorld;
  let runner: JobRunner;

  beforeAll(async () => {
    world = await startWorkflowWorld();
  }, 60_000);
  afterAll(async () => {
    await runner?.stop();
    await world?.stop();
  });

  it('T20 is all done, and a tenant with many runs holds up nobody', async () => {
    const many = await Promise.all(Array.from({ length: MANY }, () => world.tenantOf(0)));
    const order: { readonly tenant: number; readonly run: { readonly tenantId: string; readonly runId: string } }[] =
      [];
    for (const one of many) order.push({ tenant: 0, run: await queued(one) });
    for (let tenant = 1; tenant <= OTHERS; tenant += 1)
      for (let n = 0; n < FEW; n += 1) order.push({ tenant, run: await queued(await world.tenantOf(tenant)) });
    const { runtime, tasks, queueUrl } = world;
    runner = await startJobRunner({
      runtime,
      tasks,
      queueUrl,
      concurrency: 4,
      perTenant: 2,
      alone: true,
      sweepMs: 300,
    });

    const ended: { readonly tenant: number; readonly at: number }[] = [];
    const waiting = new Map(order.map((one) => [one.run.runId, one]));
    for (let waited = 0; waiting.size > 0 && waited < 6000; waited += 1) {
      for (const [id, { tenant, run }] of waiting) {
        const { state, finished_at: at } = await world.run(run.tenantId, id);
        if (['queued', 'running'].includes(state)) continue;
        expect(state).toBe('succeeded');
        waiting.delete(id);
        ended.push({ tenant, at: at?.getTime() ?? Number.NaN });
      }
      await sleep(20);
    }
    expect(waiting.size).toBe(0);
    // By the catalog's clock: we look at one after the other.
    const inOrder = ended.toSorted((one, two) => one.at - two.at);
    const lastOfOthers = inOrder.findLastIndex(({ tenant }) => tenant !== 0);
    // While they were served the one with many had its share and no more; first come, first served would put them last.
    expect(lastOfOthers).toBeLessThan(OTHERS * FEW * 2);
  }, 300_000);
});

async function queued(tenant: Tenant) {
  return { tenantId: tenant.tenantId, runId: await tenant.backup() };
}
