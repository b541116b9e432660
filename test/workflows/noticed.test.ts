import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { type JobRunner, startJobRunner } from '../../local/job-runner.ts';
import { insertChannel } from '../../src/catalog/repositories/channels.ts';
import { Failure, type FailureCode } from '../../src/domain/failure.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { sized } from '../support/size.ts';
import type { StubDump } from '../support/stub-engine.ts';
import { type Behaviour, startWorkflowWorld, type Tenant, type WorkflowWorld } from '../support/workflow-world.ts';

/** Calls of a store that a backup makes, from its first look to what is read again; later ones are of its record. */
const CALLS = sized(18, 40);
const CODES = ['storage_denied', 'storage_unreachable'] as const;

describe('T28 a fault of a run', () => {
  let world: WorkflowWorld;
  let runner: JobRunner;

  beforeAll(async () => {
    world = await startWorkflowWorld();
    const { runtime, tasks, queueUrl } = world;
    const parts = { runtime, tasks, queueUrl, concurrency: 6, perTenant: 2, alone: true };
    runner = await startJobRunner({ ...parts, sweepMs: 200, pace: () => 0 });
  }, 60_000);
  afterAll(async () => {
    await runner?.stop();
    await world?.stop();
  });
  afterEach(() => {
    world.engine.dump = {};
    world.engine.obstacles = [];
  });

  /** A tenant that hears of everything. */
  const listening = async (): Promise<Tenant> => {
    const tenant = await world.tenant();
    const { tenantId } = tenant;
    const settings = { target: { kind: 'email', to: ['a@example.org'] } };
    const channel = { tenantId, id: randomUUID(), name: 'mail', settings, enabled: true, sealed: undefined };
    await world.runtime.catalog.withTenant(tenantId, (trx) => insertChannel(trx, channel));
    return tenant;
  };
  const ended = async ({ tenantId }: Tenant, runId: string) => {
    for (let n = 0; n < 1500; n += 1) {
      const run = await world.run(tenantId, runId);
      if (!['queued', 'running'].includes(run.state)) return run;
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    throw new Error(`the run ${runId} did not end`);
  };
  const told = async ({ tenantId }: Tenant) =>
    (await world.world.sql(`select payload from outbox where tenant_id = '${tenantId}'`)).map(
      ({ payload }) => JSON.parse(String(payload)) as { type: string; cause: string; data: { code?: string } },
    );

  it('at any call of its store, once or from then on, is one alarm that names the store, or none where all is well', async () => {
    const cases = CODES.flatMap((code) =>
      Array.from({ length: CALLS }, (_, at) => [
        { code, at, lasting: true },
        { code, at, lasting: false },
      ]).flat(),
    );
    const outcomes = await Promise.all(
      cases.map(async ({ code, at, lasting }) => {
        const tenant = await listening();
        world.stores.set(tenant.destinationId, faultyStore({ code, at, lasting }));
        const { state } = await ended(tenant, await tenant.backup());
        const notices = await told(tenant);
        return { code, at, lasting, state, notices: notices.map(({ type, cause }) => `${type} ${cause}`) };
      }),
    );

    const wrong = outcomes.filter(({ state, notices }) =>
      state === 'succeeded' ? notices.length > 0 : notices.join() !== 'run.failed storage',
    );
    expect(wrong).toEqual([]);
    // Both ends were seen, or nothing was asked.
    const bad = outcomes.filter(({ state }) => state !== 'succeeded').length;
    console.log(`T28: ${outcomes.length} faults of a store, ${bad} runs that ended badly, each told once`);
    expect(bad).toBeGreaterThan(CALLS);
    expect(outcomes.length - bad).toBeGreaterThan(0);
  }, 300_000);

  it.each<readonly [string, string, StubDump, readonly string[]]>([
    ['a dump that fails', 'database', { bytes: 5000, exit: 3 }, []],
    ['a dump that is killed', 'database', { bytes: 5000, signal: 'KILL' }, []],
    ['a dump that ends early without a word', 'stored-bytes', { bytes: 5000 }, []],
    ['a server that lacks something', 'database', {}, ['It is too old.']],
  ])('such as %s is one alarm that names the %s', async (_name, cause, dump, obstacles) => {
    world.engine.dump = dump;
    world.engine.obstacles = [...obstacles];
    const tenant = await listening();
    const { state } = await ended(tenant, await tenant.backup());

    expect(state).toBe('failed');
    expect(await told(tenant)).toMatchObject([{ type: 'run.failed', cause }]);
  });

  it.each<readonly [string, readonly Behaviour[], number]>([
    ['dies without a word, again and again', ['die'], 1],
    ['dies after it had sealed, then does not', ['seal, then die', 'good'], 0],
    ['dies once', ['die', 'good'], 0],
  ])('whose task %s is told as what became of the run', async (_name, behaviours, alarms) => {
    const tenant = await listening();
    const runId = await tenant.backup();
    world.behaviours.set(runId, behaviours);
    const { state } = await ended(tenant, runId);

    expect(state).toBe(alarms === 0 ? 'succeeded' : 'failed');
    expect((await told(tenant)).map(({ type, cause }) => [type, cause])).toEqual(
      Array(alarms).fill(['run.failed', 'service']),
    );
  });
});

interface StoreFault {
  readonly code: FailureCode;
  /** Number of the call that fails, from 0. */
  readonly at: number;
  /** Whether all that come after it fail too. */
  readonly lasting: boolean;
}

function faultyStore({ code, at, lasting }: StoreFault): MemoryStorage {
  let calls = 0;
  return new MemoryStorage({
    hook: ({ when }) => {
      if (when === 'after') return;
      calls += 1;
      if (calls - 1 === at || (lasting && calls - 1 > at))
        throw new Failure(code, 'The store said no.', { remedy: 'Wait.' });
    },
  });
}
