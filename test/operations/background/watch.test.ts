import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { dispatchDue } from '../../../src/operations/background/dispatch.ts';
import { watchTenants } from '../../../src/operations/background/watch.ts';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { addBackup, newOwner, type Person, startWorld, type World } from '../../support/operations-world.ts';
import { type ClockedCatalog, clocked, plantDatabase, plantSchedule } from '../../support/schedules.ts';
import { randomFrom, seed, sized } from '../../support/size.ts';

let world: World;
let clock: ClockedCatalog;
let runtime: Runtime;
let owner: Person;
let databaseId = '';
let channelId = '';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

beforeAll(async () => {
  world = await startWorld();
  clock = clocked(world.catalog, new Date());
  // One tenant is watched: those of the other tests would cost their time again and again.
  const find = { ...world.catalog.find, tenants: async () => [owner.tenantId] };
  runtime = { ...world.runtime, catalog: { ...clock.catalog, find } };
});
afterAll(() => world.stop());
beforeEach(async () => {
  await world.world.sql(
    'DELETE FROM outbox; DELETE FROM alarms; DELETE FROM channels; DELETE FROM runs; DELETE FROM schedules',
  );
  world.outside.launcherDown = false;
  clock.at = at('24T00:00:00');
  owner = await newOwner(world);
  databaseId = await plantDatabase(world.world, owner.tenantId);
  channelId = await channel({ name: 'all', minimumSeverity: 'info' });
});

const at = (text: string) => new Date(`2026-11-${text}Z`);
const sql = (text: string) => world.world.sql(text);
const plant = (cron: string, since = at('24T00:00:00'), settings: object = {}) =>
  plantSchedule(world.catalog, { tenantId: owner.tenantId, databaseId, cron, since, settings });
const channel = async (fields: object): Promise<string> => {
  const target = { kind: 'webhook', url: 'https://hooks.example.org/x' };
  return (await owner.ask('channels.create', { body: { name: 'c', target, ...fields } })).id;
};

async function watchAt(now: Date) {
  clock.at = now;
  return watchTenants(runtime);
}

/** What the channel was told, oldest first: type, and what is most telling of each. */
async function told(id = channelId): Promise<string[]> {
  const rows = await sql(
    `SELECT event, payload -> 'data' ->> 'reason' AS reason, payload -> 'data' ->> 'alarm' AS alarm, severity FROM outbox
      WHERE channel_id = '${id}' ORDER BY (payload ->> 'timestamp')::timestamptz, created_at`,
  );
  return rows.map(({ event, reason, alarm }) => [event, reason ?? alarm].filter((one) => one !== null).join(' '));
}

describe('the watch', () => {
  it('T8 F47 tells of a slot that nobody runs within two minutes, once, and when it is over', async () => {
    const schedule = await plant('0 2 * * *');
    const seen: string[] = [];

    for (let second = 0; second <= 300; second += 30) {
      const { opened } = await watchAt(new Date(at('24T02:00:00').getTime() + second * 1000));
      if (opened > 0) seen.push(`after ${second} s`);
    }

    expect(seen).toEqual(['after 120 s']);
    expect(await told()).toEqual(['run.missed outage']);
    // The timetable works again.
    await dispatchDue(runtime);
    await watchAt(at('24T02:06:00'));
    await sql(`UPDATE runs SET state = 'succeeded' WHERE schedule_id = '${schedule}'`);
    await watchAt(at('24T02:20:00'));
    await watchAt(at('24T02:21:00'));
    expect(await told()).toEqual(['run.missed outage', 'alarm.ended run.missed']);
  });

  it('F68 tells of the slots that an outage cost, though the run that made up for them was good at once', async () => {
    const schedule = await plant('0 * * * *', at('23T00:30:00'));
    clock.at = at('24T00:30:00');
    await dispatchDue(runtime);
    await sql(`UPDATE runs SET state = 'succeeded' WHERE state = 'queued' AND schedule_id = '${schedule}'`);

    await watchAt(at('24T00:30:30'));
    await watchAt(at('24T00:31:00'));
    await watchAt(at('24T00:31:30'));

    expect(await told()).toEqual(['run.missed outage', 'alarm.ended run.missed']);
    const [row] = await sql(
      `SELECT payload #>> '{data,slots}' AS n, payload #>> '{data,caughtUp}' AS up FROM outbox WHERE event = 'run.missed'`,
    );
    expect(row).toEqual({ n: '23', up: 'true' });
  });

  it('F68 tells of a run that came hours late, though it came', async () => {
    await plant('0 2 * * *');
    clock.at = at('24T05:00:00');
    await dispatchDue(runtime);
    await sql(`UPDATE runs SET state = 'succeeded'`);

    await watchAt(at('24T05:00:30'));
    await watchAt(at('24T05:01:00'));

    expect(await told()).toEqual(['run.missed outage', 'alarm.ended run.missed']);
  });

  it('F50 tells of a run that waits though nothing else is at work, and bears with a queue that moves', async () => {
    await plant('0 2 * * *');
    clock.at = at('24T02:00:00');
    await dispatchDue(runtime);
    const other = randomUUID();
    await sql(
      `INSERT INTO runs (tenant_id, id, kind, trigger, state) VALUES ('${owner.tenantId}', '${other}', 'backup', 'manual', 'running')`,
    );

    await watchAt(at('24T02:20:00'));
    expect(await told()).toEqual([]);
    await sql(`UPDATE runs SET state = 'succeeded' WHERE id = '${other}'`);
    await watchAt(at('24T02:20:30'));

    expect(await told()).toEqual(['run.missed not-started']);
  });

  it('tells of a schedule that is on and has no next slot', async () => {
    await plant('0 2 * * *');
    await sql('UPDATE schedules SET next_slot = NULL, next_due = NULL');

    await watchAt(at('24T00:01:00'));

    expect(await told()).toEqual(['run.missed no-slot']);
  });

  it('tells nothing of a schedule that is paused', async () => {
    await plant('0 2 * * *');
    await sql('UPDATE schedules SET enabled = false');

    await watchAt(at('24T09:00:00'));

    expect(await told()).toEqual([]);
  });

  it('tells once, however many watch at once', async () => {
    await plant('0 2 * * *');
    clock.at = at('24T03:00:00');

    const all = await Promise.all([1, 2, 3, 4].map(() => watchTenants(runtime)));

    expect(all.reduce((sum, { opened }) => sum + opened, 0)).toBe(1);
    expect(await told()).toEqual(['run.missed outage']);
  });

  it('T21 tells when no backup was restored and compared for too long, and when one is', async () => {
    await plant('0 2 * * *', new Date());
    const { destinationId } = await places();
    const backup = await addBackup(owner, { databaseId, destinationId }, { level: 2 });
    const made = Date.now();

    await watchAt(new Date(made + 0.9 * DAY));
    expect(await levelAlarms()).toEqual([]);
    await watchAt(new Date(made + 1.1 * DAY));
    expect(await levelAlarms()).toEqual(['level3.overdue']);
    await sql(`UPDATE backups SET level3_at = now() + interval '1 day' WHERE id = '${backup}'`);
    await watchAt(new Date(made + 1.2 * DAY));
    await watchAt(new Date(made + 8.9 * DAY));
    expect(await levelAlarms()).toEqual(['level3.overdue', 'alarm.ended level3.overdue']);
    await watchAt(new Date(made + 9.1 * DAY));

    expect(await levelAlarms()).toEqual(['level3.overdue', 'alarm.ended level3.overdue', 'level3.overdue']);
  });
  const levelAlarms = async () => (await told()).filter((one) => one.includes('level3'));

  it('F5 tells of a backup that is less than half of the good one before it', async () => {
    const { destinationId } = await places();
    const now = Date.now();
    const add = (hours: number, plainBytes: number) =>
      addBackup(owner, { databaseId, destinationId }, { plainBytes, createdAt: new Date(now - hours * HOUR) });
    await add(3, 1000);
    await add(2, 500);
    await watchAt(new Date());
    expect(await told()).toEqual([]);

    await add(1, 249);
    await watchAt(new Date());
    await add(0, 240);
    await watchAt(new Date());

    // That it is no smaller than the small one before it puts nothing right: nobody is told that it is over.
    expect(await told()).toEqual(['size.dropped']);
  });

  it('F41 F42 tells of backups that are lost, damaged or archived, all of one place together', async () => {
    const { destinationId } = await places();
    const ids = [];
    for (let n = 0; n < 5; n += 1) ids.push(await addBackup(owner, { databaseId, destinationId }));
    await sql(`UPDATE backups SET state = 'lost' WHERE id IN ('${ids[0]}', '${ids[1]}', '${ids[2]}')`);
    await sql(`UPDATE backups SET state = 'archived' WHERE id = '${ids[3]}'`);

    await watchAt(new Date());

    expect(await told()).toEqual(['verification.failed', 'verification.failed']);
    const rows = await sql(`SELECT payload ->> 'title' AS title, severity FROM outbox ORDER BY severity`);
    expect(rows).toEqual([
      { title: '3 backups of shop are lost', severity: 'critical' },
      { title: 'A backup of shop is archived', severity: 'warning' },
    ]);
  });

  it('F37 tells of a database or destination in use that broke, and not of one that nobody uses', async () => {
    const schedule = await plant('0 2 * * *', new Date());
    const { destinationId } = await places();
    await sql(`UPDATE schedules SET destination_ids = ARRAY['${destinationId}']::uuid[] WHERE id = '${schedule}'`);
    await plantDatabase(world.world, owner.tenantId);
    await sql(
      `UPDATE databases SET state = 'error', error = 'It refused the password.' WHERE tenant_id = '${owner.tenantId}'`,
    );
    await sql(
      `UPDATE destinations SET state = 'error', error = 'It may not be written to.' WHERE id = '${destinationId}'`,
    );
    await watchAt(new Date());
    expect((await told()).sort()).toEqual(['database.broken', 'destination.broken']);

    await sql(`UPDATE databases SET state = 'verified'; UPDATE destinations SET state = 'verified'`);
    await watchAt(new Date());

    expect((await told()).sort()).toEqual([
      'alarm.ended database.broken',
      'alarm.ended destination.broken',
      'database.broken',
      'destination.broken',
    ]);
  });

  it('tells of a key that ends within a week, and not that it has ended', async () => {
    const ends = new Date(Date.now() + 20 * DAY);
    await sql(
      `INSERT INTO api_keys (tenant_id, id, name, prefix, key_hash, role, created_by, expires_at) VALUES ('${owner.tenantId}', '${randomUUID()}', 'ci', 'dd_ab', decode(md5(random()::text), 'hex'), 'viewer', 'm', '${ends.toISOString()}')`,
    );

    await watchAt(new Date(ends.getTime() - 8 * DAY));
    expect(await told()).toEqual([]);
    await watchAt(new Date(ends.getTime() - 6 * DAY));
    await watchAt(new Date(ends.getTime() - 5 * DAY));
    await watchAt(new Date(ends.getTime() + 1 * DAY));

    expect(await told()).toEqual(['key.expiring']);
  });

  it('F69 tells through the other channels that one of them takes nothing', async () => {
    const deaf = await channel({ name: 'deaf', minimumSeverity: 'critical' });
    await sql(
      `INSERT INTO outbox (tenant_id, id, channel_id, event, severity, payload, state, last_error) VALUES ('${owner.tenantId}', '${randomUUID()}', '${deaf}', 'test', 'info', '{}', 'failed', 'answered 500')`,
    );

    await watchAt(new Date());

    expect(await told()).toEqual(['notice.undelivered']);
    expect(await told(deaf)).toEqual(['test']);
    await sql(
      `UPDATE outbox SET state = 'delivered', delivered_at = now() + interval '1 second' WHERE channel_id = '${deaf}'`,
    );
    await watchAt(new Date());
    expect(await told()).toEqual(['notice.undelivered', 'alarm.ended notice.undelivered']);
  });

  it('who did not get an alarm is not told that it is over', async () => {
    await plant('0 2 * * *');
    const quiet = await channel({ events: ['size.dropped'] });
    const loud = await channel({ minimumSeverity: 'critical' });
    await watchAt(at('24T02:05:00'));
    await sql('UPDATE schedules SET enabled = false');

    await watchAt(at('24T02:06:00'));

    expect(await told(quiet)).toEqual([]);
    expect(await told(loud)).toEqual(['run.missed outage', 'alarm.ended run.missed']);
  });

  it('sends one digest a day or a week to whoever wants it, with what is open', async () => {
    const daily = await channel({ name: 'd', digest: 'daily' });
    const weekly = await channel({ name: 'w', digest: 'weekly' });
    await sql(`UPDATE channels SET created_at = '2026-11-01T00:00Z'`);
    await plant('0 2 * * *', at('24T00:00:00'));

    // From Tuesday 06:00 to Monday 08:00, every six hours, with two watches each.
    for (let hour = 6; hour <= 6 * 24 + 8; hour += 6) {
      const now = new Date(at('24T00:00:00').getTime() + hour * HOUR);
      await watchAt(now);
      await watchAt(new Date(now.getTime() + MINUTE));
    }

    const days = await sql(
      `SELECT payload #>> '{data,to}' AS day FROM outbox WHERE event = 'digest' AND channel_id = '${daily}' ORDER BY 1`,
    );
    expect(days.map(({ day }) => day?.slice(5, 13))).toEqual([23, 24, 25, 26, 27, 28, 29].map((day) => `11-${day}T07`));
    const weeks = await sql(
      `SELECT payload #>> '{data,to}' AS day FROM outbox WHERE event = 'digest' AND channel_id = '${weekly}' ORDER BY 1`,
    );
    expect(weeks.map(({ day }) => day?.slice(5, 13))).toEqual(['11-23T07']);
    expect((await told()).filter((one) => one === 'digest')).toEqual([]);
    const [last] = await sql(
      `SELECT payload ->> 'text' AS text FROM outbox WHERE channel_id = '${daily}' ORDER BY (payload ->> 'timestamp') DESC LIMIT 1`,
    );
    expect(last?.text).toContain('Backup did not run: shop');
  });

  it('T8 leaves no slot of a week of faults without a run or an alarm', async () => {
    const random = randomFrom(seed);
    const days = sized(7, 365);
    const begin = at('01T00:00:00');
    const hours = { '0 */6 * * *': 6, '20 */8 * * *': 8, '40 */12 * * *': 12 };
    const ids = new Map<string, string>();
    for (const cron of Object.keys(hours)) ids.set(await plant(cron, new Date(begin.getTime() - 1)), cron);
    const late: number[] = [];
    let opened = 0;

    for (let now = begin.getTime(); now < begin.getTime() + days * DAY; now += 20 * MINUTE) {
      const fault = random();
      const hour = (now - begin.getTime()) / HOUR;
      const slot = Object.entries(hours).some(
        ([cron, every]) => Math.round(hour * 60 - Number(cron.split(' ')[0])) % (every * 60) === 0,
      );
      if (!slot && random() < 0.85) continue;
      // Nobody is there; the timetable stands still; starts are lost; runs fail; all is well.
      if (fault < 0.2) continue;
      clock.at = new Date(now + 500);
      world.outside.launcherDown = fault < 0.4;
      if (fault > 0.3) await dispatchDue(runtime);
      const result = fault < 0.6 ? 'failed' : 'succeeded';
      if (!world.outside.launcherDown) await sql(`UPDATE runs SET state = '${result}' WHERE state = 'queued'`);
      for (const ms of [30_000, 60_000, 90_000, 120_000]) opened += (await watchAt(new Date(now + ms))).opened;
      const unheard =
        await sql(`SELECT s.id FROM schedules s WHERE s.next_due <= '${clock.at.toISOString()}' AND NOT EXISTS
        (SELECT FROM alarms a WHERE a.subject = 'schedule ' || s.id AND a.closed_at IS NULL)`);
      late.push(unheard.length);
    }
    // In the end all is well.
    clock.at = new Date(begin.getTime() + days * DAY + 30_000);
    world.outside.launcherDown = false;
    await dispatchDue(runtime);
    await watchAt(new Date(clock.at.getTime() + 30_000));

    // Two minutes after a slot it has a run, or somebody was told.
    expect(Math.max(...late)).toBe(0);
    const rows =
      await sql(`SELECT schedule_id, extract(epoch FROM slot)::bigint * 1000 AS at, state, EXISTS (SELECT FROM alarms a
      WHERE a.event = 'run.missed' AND a.subject = 'schedule ' || r.schedule_id AND (a.closed_at IS NULL OR a.closed_at >= r.slot)) AS told FROM runs r`);
    let missed = 0;
    for (const [id, cron] of ids) {
      const every = hours[cron as keyof typeof hours];
      const minute = Number(cron.split(' ')[0]);
      for (let slot = begin.getTime() + minute * MINUTE; slot < begin.getTime() + days * DAY; slot += every * HOUR) {
        const row = rows.find((one) => one.schedule_id === id && Number(one.at) === slot);
        if (row === undefined) throw new Error(`no trace of the slot ${new Date(slot).toISOString()} of ${cron}`);
        if (row.state === 'missed') missed += 1;
        if (row.state === 'missed') expect(row.told).toBe('t');
      }
    }
    console.log(`T8: ${rows.length} slots in ${days} days, ${missed} missed, ${opened} alarms, 0 unreported`);
    expect(missed).toBeGreaterThan(0);
  }, 3_600_000);
});

async function places(): Promise<{ destinationId: string }> {
  const body = { kind: 'filesystem', name: 'disk', filesystem: { path: '/srv/backups' } };
  return { destinationId: (await owner.ask('destinations.create', { body })).id };
}
