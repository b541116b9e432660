import { strict as assert } from 'node:assert';
import { databasesOf, ended, type Stop, type Tour } from '../tour.ts';

const CRON = '* * * * *';

export const schedules: Stop = {
  title: 'A schedule for each database; the clock starts their runs',
  visit: async (tour) => {
    const { owner, narrator, world } = tour;
    const preview = await owner.call('schedules.preview', { body: { cron: CRON, zone: 'Europe/Berlin', count: 2 } });
    assert.equal(preview.nextRuns.length, 2);
    for (const { name } of databasesOf(world)) await addSchedule(tour, name);
    narrator.say('waiting for the next minute');
    for (const { name } of databasesOf(world)) await fired(tour, name);
    for (const { name, rows } of databasesOf(world)) await backedUp(tour, name, rows);
  },
};

async function addSchedule(tour: Tour, name: string): Promise<void> {
  const schedule = await tour.browser.call('schedules.create', {
    body: {
      ...{ name: `${name} every minute`, databaseId: tour.recall(name), destinationIds: [tour.recall('disk')] },
      ...{ cron: CRON, zone: 'Europe/Berlin', retention: { keepLast: 1 } },
    },
  });
  tour.remember(`${name} schedule`, schedule.id);
}

/** Once is enough: the schedule is paused as soon as it has started its run. */
async function fired(tour: Tour, name: string): Promise<void> {
  const { owner } = tour;
  const scheduleId = tour.recall(`${name} schedule`);
  const query = { databaseId: tour.recall(name), kind: 'backup' } as const;
  const { items } = await owner.until(
    () => owner.call('runs.list', { query }),
    (page) => page.items.length > 0,
  );
  const run = items.at(-1);
  assert.equal(run?.trigger, 'schedule');
  assert.equal(run?.scheduleId, scheduleId);
  tour.remember(`${name} run`, run?.id ?? '');
  const paused = await owner.call('schedules.pause', { params: { scheduleId } });
  assert.equal(paused.enabled, false);
}

async function backedUp(tour: Tour, name: string, rows: number): Promise<void> {
  const { owner, narrator } = tour;
  const run = await ended(tour, tour.recall(`${name} run`));
  assert.equal(run.state, 'succeeded', run.cause);
  const backupId = run.backupId ?? '';
  tour.remember(`${name} backup`, backupId);
  const backup = await owner.call('backups.get', { params: { backupId } });
  assert.equal(backup.state, 'good');
  assert.equal(backup.rows, rows);
  assert.deepEqual(
    backup.tableCounts.map((table) => table.rows),
    [rows],
  );
  narrator.say(`${name}: a good backup of ${backup.rows} rows`);
}

export const proofs: Stop = {
  title: 'The service restores each first backup by itself, and compares',
  visit: async (tour) => {
    const { owner, narrator, world } = tour;
    for (const { name, rows } of databasesOf(world)) {
      const backupId = tour.recall(`${name} backup`);
      const query = { databaseId: tour.recall(name), kind: 'verify' } as const;
      const { items } = await owner.until(
        () => owner.call('runs.list', { query }),
        (page) => page.items.some(({ state }) => !['queued', 'running'].includes(state)),
      );
      assert.equal(items[0]?.trigger, 'system');
      assert.equal(items[0]?.state, 'succeeded', items[0]?.cause);
      const backup = await owner.call('backups.get', { params: { backupId } });
      assert.equal(backup.state, 'good');
      assert.equal(backup.level, 3);
      narrator.say(`${name}: level 3, ${rows} rows restored and compared`);
    }
  },
};
