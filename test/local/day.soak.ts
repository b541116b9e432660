import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { TourDatabase } from '../../scripts/tour/databases.ts';
import { openWorld, type World } from '../../scripts/tour/world.ts';
import { describeWith } from '../support/need-programs.ts';
import { sized } from '../support/size.ts';

const PROGRAMS = ['pg_dump', 'pg_restore', 'psql', 'mariadb-dump', 'mariadb', 'mariadbd', 'mongodump', 'mongorestore'];
const ENTRIES = 25;
/** Minutes in each of which every entry has a backup. */
const SLOTS = sized(4, 20);
const MINUTE_MS = 60_000;

interface Run {
  readonly id: string;
  readonly scheduleId: string;
  readonly slot: string;
  readonly state: string;
}

describeWith([...PROGRAMS, 'zstd'], 'a day on one machine', () => {
  let world: World;
  let place = '';

  beforeAll(async () => {
    world = await openWorld();
    const filesystem = { path: join(world.service.folder, 'store') };
    place = (await world.service.api('POST', '/v1/destinations', { kind: 'filesystem', name: 'disk', filesystem })).id;
    await world.service.ended((await world.service.api('POST', `/v1/destinations/${place}:verify`)).id);
  }, 120_000);

  afterAll(() => world?.close());

  it(
    `day: ${ENTRIES * SLOTS} scheduled backups of three engines are all good, none twice, and the queue is empty`,
    async () => {
      const { api, until } = world.service;
      const sources = [world.shop, world.library, world.journal];
      const schedules = new Set<string>();
      for (let n = 0; n < ENTRIES; n += 1)
        schedules.add(await addEntry(world, place, { n, source: sources[n % 3] as TourDatabase }));
      const scheduled = async (): Promise<readonly Run[]> => {
        const runs: Run[] = [];
        for (let cursor = ''; ; ) {
          const page = await api('GET', `/v1/runs?kind=backup&limit=200${cursor}`);
          runs.push(...page.items);
          if (page.next === undefined) return runs;
          cursor = `&cursor=${encodeURIComponent(page.next)}`;
        }
      };
      const memory: number[] = [];
      await until(
        async () => {
          await sleep(900);
          memory.push(residentMiB(world.service.pid()));
          return (await scheduled()).length >= ENTRIES * SLOTS;
        },
        (SLOTS + 3) * MINUTE_MS,
      );
      for (const id of schedules) await api('POST', `/v1/schedules/${id}:pause`);
      await until(async () => (await live(world)) === 0, 5 * MINUTE_MS);

      const runs = await scheduled();
      const bad = runs.filter(({ state }) => state !== 'succeeded');
      expect(bad).toEqual([]);
      expect(runs.length).toBeGreaterThanOrEqual(ENTRIES * SLOTS);
      const slots = runs.map(({ scheduleId, slot }) => `${scheduleId} ${slot}`);
      expect(new Set(slots).size).toBe(slots.length);
      expect(new Set(runs.map(({ scheduleId }) => scheduleId))).toEqual(schedules);
      const quarter = Math.max(...memory.slice(0, Math.ceil(memory.length / 4)));
      const last = Math.max(...memory.slice(-Math.ceil(memory.length / 4)));
      console.log(
        `day: ${runs.length} backups in ${SLOTS} minutes, resident ${quarter.toFixed(0)} MiB in the first quarter, ${last.toFixed(0)} in the last`,
      );
      // The nursery and what is compiled grow for some minutes; what a run leaves behind would go on.
      if (SLOTS >= 8) expect(last).toBeLessThan(quarter * 1.25);
    },
    (SLOTS + 12) * MINUTE_MS,
  );
});

async function addEntry(
  { service: { api, ended } }: World,
  place: string,
  { n, source }: { readonly n: number; readonly source: TourDatabase },
): Promise<string> {
  const { engine, name, port, user, passwordFile } = source;
  const { id } = await api('POST', '/v1/databases', {
    ...{ name: `${name} ${n}`, engine, host: '127.0.0.1', port, databaseName: name, user },
    credential: { kind: 'file', path: passwordFile },
    tls: { mode: 'disable' },
    environment: 'development',
  });
  expect((await ended((await api('POST', `/v1/databases/${id}:verify`)).id)).state).toBe('succeeded');
  const schedule = await api('POST', '/v1/schedules', {
    ...{ name: `entry ${n}`, databaseId: id, destinationIds: [place], cron: '* * * * *', zone: 'UTC' },
    retention: { keepLast: 2 },
  });
  return schedule.id;
}

async function live({ service }: World): Promise<number> {
  const counts = await Promise.all(
    ['queued', 'running'].map(async (state) => (await service.api('GET', `/v1/runs?state=${state}`)).items.length),
  );
  return counts.reduce((sum, n) => sum + n, 0);
}

function residentMiB(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}
