import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TenantTransaction } from '../../src/catalog/catalog.ts';
import { insertDatabase } from '../../src/catalog/repositories/databases.ts';
import {
  claimRun,
  endWithoutLease,
  finishRun,
  type LeaseRef,
  releaseRun,
  renewLease,
  requireLease,
  setProgress,
} from '../../src/catalog/repositories/run-lease.ts';
import { addLines, lastLines } from '../../src/catalog/repositories/run-lines.ts';
import { askToCancel, getRun, insertRun, insertSlotRun, type NewRun } from '../../src/catalog/repositories/runs.ts';
import { insertSchedule, passSlot } from '../../src/catalog/repositories/schedules.ts';
import { startCatalog, type TestCatalog } from '../support/catalog.ts';
import { sized } from '../support/size.ts';

let world: TestCatalog;
let tenantId: string;

beforeAll(async () => {
  world = await startCatalog();
});
afterAll(() => world.stop());

const within = <T>(work: (trx: TenantTransaction) => Promise<T>) => world.catalog.withTenant(tenantId, work);

async function newTenant(): Promise<void> {
  tenantId = await world.tenant();
}

async function newDatabase(): Promise<string> {
  const id = randomUUID();
  await within((trx) =>
    insertDatabase(trx, { tenantId, id, name: 'd', engine: 'postgres', settings: {}, sealed: undefined }),
  );
  return id;
}

async function queued(run: Partial<NewRun> = {}): Promise<string> {
  const id = randomUUID();
  await within((trx) => insertRun(trx, { tenantId, id, kind: 'backup', trigger: 'manual', request: {}, ...run }));
  return id;
}

const claim = (runId: string, wish: { attempts?: number; concurrent?: number; leaseSeconds?: number } = {}) =>
  within((trx) => claimRun(trx, { runId, leaseSeconds: 60, attempts: 3, concurrent: 100, ...wish }));

async function claimed(runId: string): Promise<LeaseRef> {
  const answer = await claim(runId);
  if (answer.outcome !== 'claimed') throw new Error(`the claim says ${answer.outcome}`);
  return { runId, lease: answer.lease };
}

/** As if nothing had been heard of it for an hour, by the catalog's clock. */
const expire = (runId: string) =>
  world.sql(`UPDATE runs SET lease_until = now() - interval '1 hour' WHERE id = '${runId}'`);
const stateOf = async (runId: string) => (await within((trx) => getRun(trx, runId)))?.state;
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no failure',
    (error) => error.code,
  );

describe('F46 a slot', () => {
  it('has one run, however often and from however many it is delivered', async () => {
    await newTenant();
    const databaseId = await newDatabase();
    const slots = sized(40, 2_000);
    const scheduleId = randomUUID();
    let made = 0;

    for (let n = 0; n < slots; n += 1) {
      const slot = new Date(Date.UTC(2026, 0, 1) + n * 3_600_000);
      const rows = await Promise.all(
        Array.from({ length: 1 + (n % 10) }, () =>
          within((trx) =>
            insertSlotRun(trx, {
              tenantId,
              id: randomUUID(),
              kind: 'backup',
              trigger: 'schedule',
              databaseId,
              scheduleId,
              slot,
              request: {},
            }),
          ),
        ),
      );
      made += rows.filter((row) => row !== undefined).length;
    }

    expect(made).toBe(slots);
    const [row] = await world.sql(`SELECT count(*) AS n FROM runs WHERE schedule_id = '${scheduleId}'`);
    expect(row?.n).toBe(String(slots));
  });

  it('that passes moves its schedule on and never back', async () => {
    await newTenant();
    const id = randomUUID();
    const at = (hour: number) => new Date(Date.UTC(2026, 0, 1, hour));
    const fields = { name: 's', destinationIds: [], cron: '0 * * * *', zone: 'UTC', settings: {}, enabled: true };
    const databaseId = await newDatabase();
    await within((trx) => insertSchedule(trx, { tenantId, id, databaseId, ...fields, nextSlot: at(1) }));

    const schedule = { id, ...fields };
    for (const hour of [1, 3, 2])
      await within((trx) => passSlot(trx, schedule, { slot: at(hour), next: at(hour + 1) }));

    const [row] = await world.sql(`SELECT last_slot::text, next_slot::text FROM schedules WHERE id = '${id}'`);
    expect(new Date(row?.last_slot ?? '')).toEqual(at(3));
    expect(new Date(row?.next_slot ?? '')).toEqual(at(4));
  });
});

describe('a claim', () => {
  it('F52 is won by one of many, and again only after the lease is over by the catalog’s clock', async () => {
    await newTenant();
    const runId = await queued();

    const answers = await Promise.all(Array.from({ length: 20 }, () => claim(runId)));

    expect(answers.filter(({ outcome }) => outcome === 'claimed')).toHaveLength(1);
    expect((await claim(runId)).outcome).toBe('nothing-to-do');
    await expire(runId);
    const again = await Promise.all(Array.from({ length: 20 }, () => claim(runId)));
    expect(again.filter((answer) => answer.outcome === 'claimed' && answer.attempt === 2)).toHaveLength(1);
  });

  it('F52 stays with a run ten times as long as its lease, as long as it gives signs of life', async () => {
    await newTenant();
    const runId = await queued();
    const first = await claim(runId, { leaseSeconds: 0.3 });
    const lease = first.outcome === 'claimed' ? first.lease : '';
    const until = Date.now() + 3_000;
    let stolen = 0;

    while (Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      expect((await within((trx) => renewLease(trx, { runId, lease }, 0.3))).held).toBe(true);
      if ((await claim(runId)).outcome === 'claimed') stolen += 1;
    }

    expect(stolen).toBe(0);
  });

  it('F51 fences the attempt before off: it can neither go on, nor finish, nor write', async () => {
    await newTenant();
    const runId = await queued();
    const old = await claimed(runId);
    await expire(runId);
    const fresh = await claimed(runId);

    expect((await within((trx) => renewLease(trx, old, 60))).held).toBe(false);
    expect(await code(within((trx) => requireLease(trx, old)))).toBe('lease_lost');
    expect(await code(within((trx) => finishRun(trx, old, { state: 'succeeded' })))).toBe('lease_lost');
    expect(await within((trx) => releaseRun(trx, old, { state: 'failed' }))).toBe(false);
    await within((trx) => setProgress(trx, old, { phase: 'dump' }));
    const row = await within((trx) => requireLease(trx, fresh));
    expect([row.attempt, row.progress]).toEqual([2, null]);
    expect((await within((trx) => finishRun(trx, fresh, { state: 'succeeded' }))).state).toBe('succeeded');
    expect(await code(within((trx) => finishRun(trx, fresh, { state: 'failed' })))).toBe('lease_lost');
  });

  it('F51 does not let an attempt whose lease is over go on, though nobody has taken over yet', async () => {
    await newTenant();
    const runId = await queued();
    const lease = await claimed(runId);
    await expire(runId);

    expect(await code(within((trx) => requireLease(trx, lease)))).toBe('lease_lost');
  });

  it('ends when the attempts are used up, whether they failed or were lost', async () => {
    await newTenant();
    const runId = await queued();
    const first = await claimed(runId);
    expect(await within((trx) => releaseRun(trx, first, { state: 'failed', code: 'stalled', cause: 'silent' }))).toBe(
      true,
    );
    expect(await stateOf(runId)).toBe('queued');
    await claimed(runId);
    await expire(runId);

    expect((await claim(runId, { attempts: 2 })).outcome).toBe('exhausted');
    const end = { state: 'interrupted', code: 'lease_lost' } as const;
    expect((await within((trx) => endWithoutLease(trx, runId, end)))?.state).toBe('interrupted');
    expect(await within((trx) => endWithoutLease(trx, runId, end))).toBeUndefined();
    expect((await claim(runId)).outcome).toBe('nothing-to-do');
  });

  it('is refused while another backup or restore of that database runs, also one that gives no sign of life', async () => {
    await newTenant();
    const databaseId = await newDatabase();
    const [backup, restore, probe] = [
      await queued({ databaseId }),
      await queued({ databaseId, kind: 'restore' }),
      await queued({ databaseId, kind: 'probe' }),
    ];
    const lease = await claimed(backup);

    expect(await claim(restore)).toEqual({ outcome: 'busy', because: 'database' });
    expect((await claim(probe)).outcome).toBe('claimed');
    await expire(backup);
    expect((await claim(restore)).outcome).toBe('busy');
    await within((trx) => finishRun(trx, lease, { state: 'failed' }));
    expect((await claim(restore)).outcome).toBe('claimed');
  });

  it('never lets more runs of a tenant at once than it may have', async () => {
    await newTenant();
    const ids = await Promise.all(Array.from({ length: 12 }, () => queued()));

    const answers = await Promise.all(ids.map((id) => claim(id, { concurrent: 3 })));

    expect(answers.filter(({ outcome }) => outcome === 'claimed')).toHaveLength(3);
    expect(answers.filter((answer) => answer.outcome === 'busy' && answer.because === 'tenant')).toHaveLength(9);
    const before = tenantId;
    await newTenant();
    expect((await claim(await queued(), { concurrent: 3 })).outcome).toBe('claimed');
    tenantId = before;
  });

  it('does not take what was cancelled, and hears of a cancellation at its next sign of life', async () => {
    await newTenant();
    const waiting = await queued();
    await within((trx) => askToCancel(trx, waiting));
    expect((await claim(waiting)).outcome).toBe('nothing-to-do');

    const running = await queued();
    const lease = await claimed(running);
    await within((trx) => askToCancel(trx, running));
    expect(await within((trx) => renewLease(trx, lease, 60))).toEqual({ held: true, cancelRequested: true });
  });

  it('B-15 finds the dead by the catalog’s clock, and nobody else', async () => {
    await newTenant();
    const [dead, alive] = [await queued(), await queued()];
    await claimed(dead);
    await claimed(alive);
    await expire(dead);

    const found = (await world.catalog.find.deadRuns(await world.catalog.now(), 100)).map(({ id }) => id);

    expect(found).toContain(dead);
    expect(found).not.toContain(alive);
  });
});

describe('a run’s log', () => {
  it('keeps the last five hundred lines, in order, however many write', async () => {
    await newTenant();
    const runId = await queued();
    const add = (lines: string[]) => within((trx) => addLines(trx, { tenantId, runId }, lines));

    await Promise.all(Array.from({ length: 10 }, (_, n) => add([`a${n}`, `b${n}`])));
    await add(Array.from({ length: 495 }, (_, n) => `line ${n}`));

    const lines = await within((trx) => lastLines(trx, runId));
    expect(lines).toHaveLength(500);
    expect(lines.at(-1)?.text).toBe('line 494');
    expect(lines[5]?.text).toBe('line 0');
    await add(['a\0b', 'x'.repeat(10_000)]);
    expect((await within((trx) => lastLines(trx, runId))).slice(-2).map(({ text }) => text.length)).toEqual([2, 2_000]);
  });
});
