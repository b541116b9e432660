import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { dispatchDue } from '../../../src/operations/background/dispatch.ts';
import { reseatSchedules } from '../../../src/operations/background/reseat.ts';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { startWorld, type World } from '../../support/operations-world.ts';
import { type ClockedCatalog, clocked, plantDatabase, plantMany, plantSchedule } from '../../support/schedules.ts';
import { randomFrom, seed, sized } from '../../support/size.ts';

let world: World;
let clock: ClockedCatalog;
let runtime: Runtime;
let tenantId = '';
let databaseId = '';

beforeAll(async () => {
  world = await startWorld();
  clock = clocked(world.catalog, new Date());
  runtime = { ...world.runtime, catalog: clock.catalog };
});
afterAll(() => world.stop());
beforeEach(async () => {
  await world.world.sql('DELETE FROM runs; DELETE FROM schedules');
  world.outside.started.length = 0;
  world.outside.log.length = 0;
  world.outside.launcherDown = false;
  tenantId = await world.world.tenant();
  databaseId = await plantDatabase(world.world, tenantId);
});

const at = (text: string) => new Date(`2026-11-${text}Z`);
const plant = (cron: string, since: Date, settings: object = {}) =>
  plantSchedule(world.catalog, { tenantId, databaseId, cron, since, settings });
const runsOf = (scheduleId: string) =>
  world.world.sql(
    `SELECT state, code, to_char(slot at time zone 'UTC', 'DD"T"HH24:MI') AS slot FROM runs WHERE schedule_id = '${scheduleId}' ORDER BY runs.slot`,
  );
const finishAll = () => world.world.sql(`UPDATE runs SET state = 'succeeded' WHERE state = 'queued'`);

async function dispatchAt(now: Date) {
  clock.at = now;
  return dispatchDue(runtime);
}

describe('the timetable', () => {
  it('starts a run when the slot is due, not before, and says when to look again', async () => {
    const id = await plant('30 2 * * *', at('24T00:00:00'));

    const early = await dispatchAt(at('24T02:29:50'));
    const due = await dispatchAt(at('24T02:30:00'));
    const after = await dispatchAt(at('24T02:30:00.500'));

    expect(early).toMatchObject({ started: 0, again: at('24T02:30:00') });
    expect(due).toMatchObject({ started: 1, missed: 0 });
    expect(after).toMatchObject({ started: 0, again: at('24T02:31:00.500') });
    expect(await runsOf(id)).toEqual([{ state: 'queued', code: null, slot: '24T02:30' }]);
    expect(world.outside.started).toMatchObject([{ workflow: 'backup' }]);
  });

  it('T7 F46 gives each of 1,000 slots one run, though each is triggered 1 to 10 times at once', async () => {
    const random = randomFrom(seed);
    const schedules = 50;
    const minutes = sized(20, 200);
    for (let n = 0; n < schedules; n += 1) await plant('* * * * *', at('24T00:00:00'));

    for (let minute = 1; minute <= minutes; minute += 1) {
      clock.at = new Date(at('24T00:00:00').getTime() + minute * 60_000);
      const triggers = 1 + Math.floor(random() * 10);
      await Promise.all(Array.from({ length: triggers }, () => dispatchDue(runtime)));
      await finishAll();
    }

    const [row] = await world.world.sql(
      `SELECT count(*)::int AS n, count(DISTINCT (schedule_id, slot))::int AS slots, count(*) FILTER (WHERE state = 'missed')::int AS missed FROM runs`,
    );
    expect(row).toEqual({ n: String(schedules * minutes), slots: String(schedules * minutes), missed: '0' });
    expect(world.outside.started).toHaveLength(schedules * minutes);
    expect(new Set(world.outside.started.map(({ runId }) => runId)).size).toBe(schedules * minutes);
    console.log(`T7: ${schedules * minutes} slots, each triggered 1 to 10 times at once, one run each`);
  }, 3_600_000);

  it('F47 finds a slot that nobody triggered, and a start that was lost leaves its run in the queue', async () => {
    const id = await plant('0 * * * *', at('24T00:00:00'));
    world.outside.launcherDown = true;

    await dispatchAt(at('24T01:00:40'));

    expect(await runsOf(id)).toEqual([{ state: 'queued', code: null, slot: '24T01:00' }]);
    expect(world.outside.log.join()).toContain('waits for the sweep');
    expect(await world.catalog.find.queuedRuns(10)).toHaveLength(1);
  });

  it('F68 after a day without service runs once for the newest slot and records the others as missed', async () => {
    const hourly = await plant('0 * * * *', at('23T00:30:00'));
    const nightly = await plant('30 2 * * *', at('23T00:30:00'));

    const outcome = await dispatchAt(at('24T00:30:00'));
    const again = await dispatchAt(at('24T00:30:01'));

    expect(outcome).toMatchObject({ started: 2, missed: 23 });
    expect(again).toMatchObject({ started: 0, missed: 0 });
    const rows = await runsOf(hourly);
    expect(rows.slice(0, -1).every((row) => row.state === 'missed' && row.code === 'not_ready')).toBe(true);
    expect(rows.at(-1)).toMatchObject({ state: 'queued', slot: '24T00:00' });
    expect(rows).toHaveLength(24);
    expect(await runsOf(nightly)).toMatchObject([{ state: 'queued', slot: '23T02:30' }]);
  });

  it('F67 a clock that leaps years ahead makes no storm: one run, and a bounded number of rows', async () => {
    const id = await plant('* * * * *', at('24T00:00:00'));
    const started = performance.now();

    const outcome = await dispatchAt(new Date('2036-03-01T00:00:30Z'));

    expect(outcome).toMatchObject({ started: 1, missed: 100 });
    expect(performance.now() - started).toBeLessThan(5000);
    expect(await runsOf(id)).toHaveLength(101);
  });

  it('F67 a clock that was ahead and is put right makes no silence, and no slot runs twice', async () => {
    const id = await plant('0 2 * * *', at('20T00:00:00'));
    await dispatchAt(at('20T02:00:00'));
    await finishAll();
    await dispatchAt(new Date('2031-01-01T02:00:00Z'));
    await finishAll();
    await world.world.sql(`DELETE FROM runs WHERE state = 'missed'`);
    clock.at = at('20T12:00:00');
    expect(await dispatchDue(runtime)).toMatchObject({ started: 0 });

    expect(await reseatSchedules(runtime)).toBe(1);
    await dispatchAt(at('21T02:00:00'));
    await finishAll();
    // A step back over a slot that has run.
    clock.at = at('21T01:59:30');
    await reseatSchedules(runtime);
    await dispatchAt(at('21T02:00:00'));
    await dispatchAt(at('22T02:00:00'));

    const slots = (await runsOf(id)).map(({ slot }) => slot);
    expect(slots).toEqual(['20T02:00', '21T02:00', '22T02:00', '01T02:00']);
  });

  it('F66 moves a slot that is none any more, since its zone has other rules now', async () => {
    const id = await plant('30 2 * * *', at('24T00:00:00'));
    await world.world.sql(`UPDATE schedules SET next_slot = '2026-11-24T01:30Z', next_due = '2026-11-24T01:30Z'`);

    expect(await dispatchAt(at('24T01:30:00'))).toMatchObject({ started: 0 });
    await dispatchAt(at('24T02:30:00'));

    expect(await runsOf(id)).toMatchObject([{ slot: '24T02:30' }]);
  });

  it('gives a schedule that lost its next slot one again', async () => {
    const id = await plant('30 2 * * *', at('24T00:00:00'));
    await world.world.sql('UPDATE schedules SET next_slot = NULL, next_due = NULL');
    clock.at = at('24T01:00:00');

    expect(await reseatSchedules(runtime)).toBe(1);
    await dispatchAt(at('24T02:30:00'));

    expect(await runsOf(id)).toHaveLength(1);
  });

  it('F55 holds a slot back by its delay, and never past the slot that follows', async () => {
    const ids = await Promise.all(
      Array.from({ length: 20 }, () => plant('0 * * * *', at('24T00:30:00'), { jitterMinutes: 720 })),
    );
    const delays: number[] = [];

    for (let minute = 0; minute < 60; minute += 1) {
      const { started } = await dispatchAt(new Date(at('24T01:00:59').getTime() + minute * 60_000));
      delays.push(started);
    }

    expect(delays.reduce((sum, n) => sum + n, 0)).toBe(20);
    expect(Math.max(...delays)).toBeLessThan(8);
    for (const id of ids) expect(await runsOf(id)).toMatchObject([{ state: 'queued', slot: '24T01:00' }]);
  });

  it('passes over a schedule that is paused, and makes nothing up when it is resumed', async () => {
    const id = await plant('0 * * * *', at('24T00:30:00'));
    await world.world.sql('UPDATE schedules SET enabled = false');

    await dispatchAt(at('24T05:00:00'));

    expect(await runsOf(id)).toEqual([]);
  });

  it('does not queue a second run behind one of the same schedule that waits to begin', async () => {
    const id = await plant('0 * * * *', at('24T00:30:00'));

    await dispatchAt(at('24T01:00:00'));
    await dispatchAt(at('24T02:00:00'));
    await finishAll();
    await dispatchAt(at('24T03:00:00'));

    expect(await runsOf(id)).toEqual([
      { state: 'succeeded', code: null, slot: '24T01:00' },
      { state: 'missed', code: 'already_running', slot: '24T02:00' },
      { state: 'queued', code: null, slot: '24T03:00' },
    ]);
  });

  it('records a slot that the tenant has no room for', async () => {
    await world.world.sql(`UPDATE tenants SET limits = '{"runsPerDay": 1}' WHERE tenant_id = '${tenantId}'`);
    const ids = [await plant('0 * * * *', at('24T00:30:00')), await plant('0 * * * *', at('24T00:30:00'))];

    expect(await dispatchAt(at('24T01:00:00'))).toMatchObject({ started: 1, missed: 1 });

    const states = (await Promise.all(ids.map(runsOf))).flat().map(({ state, code }) => `${state} ${code}`);
    expect(states.sort()).toEqual(['missed limit_reached', 'queued null']);
  });

  it('is held up by no schedule that cannot be dispatched', async () => {
    const bad = await plant('0 * * * *', at('24T00:30:00'));
    const good = await plant('0 * * * *', at('24T00:30:00'));
    await world.world.sql(`UPDATE schedules SET settings = '{"level": "eleven"}' WHERE id = '${bad}'`);

    const outcome = await dispatchAt(at('24T01:00:00'));

    expect(outcome.started).toBe(1);
    expect(outcome.again.getTime() - outcome.now.getTime()).toBeLessThanOrEqual(2000);
    expect(await runsOf(good)).toHaveLength(1);
    expect(world.outside.log.join()).toContain('could not be dispatched');
  });

  it('T20 F55 dispatches a herd in order, tenants by turns', async () => {
    const [small, big] = [50, sized(1850, 9850)];
    const slot = at('24T02:00:00');
    const tenants = [tenantId, await world.world.tenant(), await world.world.tenant()];
    await world.world.sql(`UPDATE tenants SET limits = '{"runsPerDay": 1000000}'`);
    for (const [place, id] of tenants.entries()) {
      const database = await plantDatabase(world.world, id);
      await plantMany(world.world, { tenantId: id, databaseId: database, count: place === 0 ? big : small, slot });
    }
    // One of the minute before: it comes first, whoever it belongs to.
    const before = await plantSchedule(world.catalog, {
      tenantId,
      databaseId,
      cron: '59 1 * * *',
      since: at('24T00:00:00'),
    });
    const started = performance.now();

    const outcome = await dispatchAt(at('24T02:00:01'));

    const total = big + 2 * small + 1;
    expect(outcome).toMatchObject({ started: total, missed: 0 });
    const seconds = (performance.now() - started) / 1000;
    console.log(`T20: ${total} schedules of one minute dispatched in ${seconds.toFixed(1)} s`);
    expect(seconds).toBeLessThan(60);
    const rows = await world.world.sql('SELECT id, tenant_id, schedule_id FROM runs');
    const byId = new Map(rows.map((row) => [row.id, row]));
    const order = world.outside.started.map(({ runId }) => byId.get(runId));
    expect(order.slice(0, 4).map((row) => row?.schedule_id)).toContain(before);
    // By turns: when the small ones are done, each of the three has had its turns, give or take the lanes.
    const head = order.slice(1, 1 + 3 * small + 8).map((row) => row?.tenant_id);
    for (const id of tenants) expect(head.filter((one) => one === id).length).toBeGreaterThanOrEqual(small - 4);
  }, 600_000);
});
