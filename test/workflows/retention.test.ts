import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRunner, startJobRunner } from '../../local/job-runner.ts';
import { listBackupRows, setPin } from '../../src/catalog/repositories/backups.ts';
import { holdBackup } from '../../src/catalog/repositories/holds.ts';
import { applyRetention, removeMarked } from '../../src/workflows/retention/apply.ts';
import { startWorkflowWorld, type Tenant, type WorkflowWorld } from '../support/workflow-world.ts';

describe('retention, the last working step of a backup', () => {
  let world: WorkflowWorld;
  let runner: JobRunner;

  beforeAll(async () => {
    world = await startWorkflowWorld();
    const { runtime, tasks, queueUrl } = world;
    runner = await startJobRunner({
      runtime,
      tasks,
      queueUrl,
      concurrency: 2,
      perTenant: 2,
      alone: true,
      sweepMs: 200,
    });
  }, 60_000);
  afterAll(async () => {
    await runner?.stop();
    await world?.stop();
  });

  const backUp = async (tenant: Tenant, retention: Record<string, number>) => {
    const runId = await tenant.backup({ retention });
    for (;;) {
      const { state } = await world.run(tenant.tenantId, runId);
      if (state === 'succeeded') return runId;
      if (!['queued', 'running'].includes(state)) throw new Error(state);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  };
  const rows = async ({ tenantId, databaseId }: Tenant) => {
    await new Promise((resolve) => setTimeout(resolve, 300));
    const query = { databaseId, limit: 50 };
    return (await world.runtime.catalog.withTenant(tenantId, (trx) => listBackupRows(trx, query))).rows;
  };

  it('F64 marks what no rule keeps, and removes it from the store when its time of grace is over', async () => {
    const tenant = await world.tenant();
    const { tenantId, databaseId, destinationId } = tenant;
    for (let n = 0; n < 3; n += 1) await backUp(tenant, { keepLast: 1 });
    const marked = await rows(tenant);
    expect(marked.map(({ state }) => state)).toEqual(['good', 'deleting', 'deleting']);

    const objects = () => [...(world.stores.get(destinationId)?.objects.keys() ?? [])];
    const before = objects();
    expect(await removeMarked(world.runtime, { tenantId, runId: tenantId })).toEqual({ removed: 0, blocked: [] });
    expect(objects()).toEqual(before);

    await world.world.sql(
      `update backups set delete_after = now() where database_id = '${databaseId}' and state = 'deleting'`,
    );
    expect(await removeMarked(world.runtime, { tenantId, runId: tenantId })).toEqual({ removed: 2, blocked: [] });
    expect((await rows(tenant)).map(({ state }) => state)).toEqual(['good']);
    expect(objects().filter((key) => key.endsWith('manifest.json'))).toEqual([marked[0]?.key]);
    expect(objects().every((key) => key.startsWith(String(marked[0]?.key).replace('manifest.json', '')))).toBe(true);
  }, 60_000);

  it('F65 leaves alone what is pinned or in use', async () => {
    const tenant = await world.tenant();
    const { tenantId, databaseId, destinationId } = tenant;
    for (let n = 0; n < 3; n += 1) await backUp(tenant, {});
    const [, pinned, used] = await rows(tenant);
    await world.runtime.catalog.withTenant(tenantId, async (trx) => {
      await setPin(trx, pinned?.id ?? '', 'for the auditor');
      await holdBackup(trx, { tenantId, backupId: used?.id ?? '', runId: tenantId, seconds: 60 });
    });
    const judgement = { tenantId, runId: tenantId, databaseId, destinationId, retention: { keepLast: 1 }, zone: 'UTC' };
    expect(await applyRetention(world.runtime, judgement)).toEqual([]);
  }, 60_000);
});
