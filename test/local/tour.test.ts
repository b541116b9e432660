import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { makeNarrator } from '../../scripts/tour/narrator.ts';
import { STOPS } from '../../scripts/tour/stops.ts';
import { openTour, type Tour } from '../../scripts/tour/tour.ts';
import { openWorld, type World } from '../../scripts/tour/world.ts';
import { describeWith } from '../support/need-programs.ts';

const PROGRAMS = ['pg_dump', 'pg_restore', 'psql', 'mariadb-dump', 'mariadb', 'mariadbd', 'mongodump', 'mongorestore'];

describeWith([...PROGRAMS, 'zstd'], 'the tour of the service', () => {
  let world: World;
  let tour: Tour;
  let broken: string | undefined;
  const told: string[] = [];

  beforeAll(async () => {
    world = await openWorld();
    tour = await openTour(
      world,
      makeNarrator((line) => void told.push(line)),
    );
  }, 120_000);

  afterAll(() => world?.close());

  it.each(STOPS.map((stop) => [stop.title, stop] as const))(
    '%s',
    async (title, stop) => {
      // Each stop stands on those before it: the first that fails says why.
      if (broken !== undefined) throw new Error(`not reached: "${broken}" failed`);
      broken = title;
      await stop.visit(tour);
      broken = undefined;
    },
    180_000,
  );

  it('tells of every request and answer, and of no secret', () => {
    const text = told.join('\n');
    const key = readFileSync(join(world.service.data, 'owner.key'), 'utf8').trim();
    const passwords = [world.shop, world.library, world.journal].map(({ password }) => password);
    const secrets = [key, tour.recall('signing secret'), ...passwords];

    expect(told.length).toBeGreaterThan(150);
    expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
    expect(secrets.filter((secret) => world.service.log().includes(secret))).toEqual([]);
    expect(text).not.toMatch(/db[dsli]_[\w-]{8}|\/downloads\/[\w-]{8}/);
  });

  it('leaves no run that did not end, and none but the one with the wrong password that ended badly', async () => {
    const { items } = await world.service.api('GET', '/v1/runs?limit=200');
    const bad = items.filter(({ state }: { state: string }) => state !== 'succeeded');

    expect(bad).toMatchObject([{ state: 'failed', code: 'authentication_failed', databaseId: tour.recall('library') }]);
  });
});
