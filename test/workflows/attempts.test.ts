import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { listBackupRows } from '../../src/catalog/repositories/backups.ts';
import { liveRuns } from '../../src/catalog/repositories/runs.ts';
import { runAttempt } from '../../src/workflows/attempt.ts';
import { backupDefinition } from '../../src/workflows/backup/definition.ts';
import { record } from '../../src/workflows/backup/record.ts';
import { backupSteps } from '../../src/workflows/backup/steps.ts';
import { reconcileSteps } from '../../src/workflows/reconcile/steps.ts';
import { abandonLeases, runsToStart } from '../../src/workflows/sweep.ts';
import type { Claimed, RunInput } from '../../src/workflows/workflow.ts';
import { startWorkflowWorld, type Tenant, type WorkflowWorld } from '../support/workflow-world.ts';

describe('attempts of one run', () => {
  let world: WorkflowWorld;

  beforeAll(async () => {
    world = await startWorkflowWorld();
  }, 60_000);
  afterAll(() => world?.stop());

  const manifests = ({ destinationId }: Tenant) =>
    [...(world.stores.get(destinationId)?.objects.keys() ?? [])].filter((key) => key.endsWith('/manifest.json'));
  const backups = async ({ tenantId, databaseId }: Tenant) =>
    (await world.runtime.catalog.withTenant(tenantId, (trx) => listBackupRows(trx, { databaseId, limit: 10 }))).rows;

  /** One way through the workflow, as the runner goes it. */
  const attempt = (run: RunInput) =>
    runAttempt(backupDefinition, run, {
      run: async (step, input) => {
        if (step.place === 'function') return backupSteps[step.name as 'claim'](world.runtime, input);
        const task = await world.tasks.start(step.name, { input: input as Claimed, onLine: () => undefined });
        const { code } = await task.ended;
        if (code !== 0)
          throw Object.assign(new Error('It ended.'), { name: code === null ? 'lease_lost' : 'internal' });
        return undefined;
      },
    });

  it('F57 what an attempt sealed before it died is recorded by the next one, not taken again', async () => {
    const tenant = await world.tenant();
    const run = { tenantId: tenant.tenantId, runId: await tenant.backup() };
    world.behaviours.set(run.runId, ['seal, then die', 'good']);

    expect(await attempt(run)).toMatchObject({ over: false });
    expect(manifests(tenant)).toHaveLength(1);
    expect(await attempt(run)).toEqual({ over: true, outcome: 'succeeded' });

    expect(manifests(tenant)).toHaveLength(1);
    expect(await backups(tenant)).toMatchObject([{ state: 'good', run_id: run.runId, key: manifests(tenant)[0] }]);
    expect(await world.run(run.tenantId, run.runId)).toMatchObject({ state: 'succeeded', attempt: 2 });
  });

  it('F51 an attempt that was taken over can record nothing any more', async () => {
    const tenant = await world.tenant();
    const run = { tenantId: tenant.tenantId, runId: await tenant.backup() };
    const frozen = await backupSteps.claim(world.runtime, run);
    await abandonLeases(world.runtime);
    expect(await runsToStart(world.runtime)).toContainEqual(run);
    expect(await attempt(run)).toEqual({ over: true, outcome: 'succeeded' });

    await expect(record(world.runtime, frozen)).rejects.toMatchObject({ code: 'lease_lost' });
    const failed = { ...frozen, failed: { Error: 'lease_lost', Cause: 'It woke up.' } };
    expect(await backupSteps.fail(world.runtime, failed)).toEqual({ again: false, waitSeconds: 0 });
    expect(await backups(tenant)).toHaveLength(1);
    expect(await world.run(run.tenantId, run.runId)).toMatchObject({ state: 'succeeded', attempt: 2 });
  });

  it('F52 a run that is held is claimed by nobody else, however often it is started', async () => {
    const tenant = await world.tenant();
    const run = { tenantId: tenant.tenantId, runId: await tenant.backup() };
    const claims = await Promise.all(Array.from({ length: 10 }, () => backupSteps.claim(world.runtime, run)));
    const outcomes = claims.map(({ outcome }) => outcome).sort();
    expect(outcomes).toEqual(['claimed', ...Array.from({ length: 9 }, () => 'nothing')]);
  });

  it('F53 a step that is repeated changes nothing', async () => {
    const tenant = await world.tenant();
    const run = { tenantId: tenant.tenantId, runId: await tenant.backup() };
    expect(await attempt(run)).toEqual({ over: true, outcome: 'succeeded' });
    const before = { run: await world.run(run.tenantId, run.runId), rows: await backups(tenant) };

    expect(await attempt(run)).toEqual({ over: true, outcome: 'nothing' });

    expect({ run: await world.run(run.tenantId, run.runId), rows: await backups(tenant) }).toEqual(before);
  });

  it('F57 what was sealed by a run that had no attempt left is adopted by the reconcile run that its end has queued', async () => {
    const tenant = await world.tenant();
    const run = { tenantId: tenant.tenantId, runId: await tenant.backup() };
    world.behaviours.set(run.runId, ['seal, then die']);
    const claimed = (await backupSteps.claim(world.runtime, run)) as Claimed;
    await (await world.tasks.start('dump', { input: claimed, onLine: () => undefined })).ended;
    const failed = { ...claimed, attempts: claimed.attempt, failed: { Error: 'internal', Cause: 'It ended.' } };
    expect(await backupSteps.fail(world.runtime, failed)).toEqual({ again: false, waitSeconds: 0 });
    expect([manifests(tenant).length, (await backups(tenant)).length]).toEqual([1, 0]);

    const queued = await world.runtime.catalog.withTenant(tenant.tenantId, (trx) =>
      liveRuns(trx, { kinds: ['reconcile'] }),
    );
    expect(queued).toMatchObject([{ request: { destinationId: tenant.destinationId }, trigger: 'system' }]);
    const look = { tenantId: tenant.tenantId, runId: queued[0]?.id ?? '' };
    await reconcileSteps.reconcile(world.runtime, await reconcileSteps.claim(world.runtime, look));

    expect(await backups(tenant)).toMatchObject([{ key: manifests(tenant)[0], run_id: run.runId }]);
  });

  it('a copy that was sealed and could not be read again makes no run a success, and is recorded as what it is', async () => {
    const tenant = await world.tenant();
    const run = { tenantId: tenant.tenantId, runId: await tenant.backup() };
    const claimed = (await backupSteps.claim(world.runtime, run)) as Claimed;
    await (await world.tasks.start('dump', { input: claimed, onLine: () => undefined })).ended;
    const { destinationId } = tenant;
    const outcomes = [{ destinationId, ok: false, code: 'storage_unreachable', detail: 'It did not answer.' }];
    const report = JSON.stringify({ attempt: claimed.attempt, outcomes });
    await world.runtime.catalog.withTenant(tenant.tenantId, (trx) =>
      trx.updateTable('runs').set({ report }).where('id', '=', run.runId).execute(),
    );

    await record(world.runtime, claimed);

    const rows = await backups(tenant);
    expect(rows).toHaveLength(1);
    expect(await world.run(run.tenantId, run.runId)).toMatchObject({
      state: 'failed',
      code: 'storage_unreachable',
      backup_id: rows[0]?.id,
      outcomes: [{ ...outcomes[0], backupId: rows[0]?.id }],
    });
  });

  it('waits for its turn without using up an attempt', async () => {
    const tenant = await world.tenant();
    const [first, second] = [await tenant.backup(), await tenant.backup()];
    const { tenantId } = tenant;
    await backupSteps.claim(world.runtime, { tenantId, runId: first });
    const waiting = await attempt({ tenantId, runId: second });
    expect(waiting).toEqual({ over: false, waitSeconds: expect.any(Number) });
    expect(await world.run(tenantId, second)).toMatchObject({ state: 'queued', attempt: 0 });
  });
});
