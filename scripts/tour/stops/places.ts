import { strict as assert } from 'node:assert';
import { join } from 'node:path';
import type { TourDatabase } from '../databases.ts';
import { databasesOf, ended, type Stop, type Tour } from '../tour.ts';

export const places: Stop = {
  title: 'Three databases and a destination, each looked at',
  visit: async (tour) => {
    await addDisk(tour);
    for (const database of databasesOf(tour.world)) await addDatabase(tour, database);
  },
};

async function addDisk(tour: Tour): Promise<void> {
  const { owner, narrator, world } = tour;
  const filesystem = { path: join(world.service.folder, 'store') };
  const added = await owner.call('destinations.create', { body: { kind: 'filesystem', name: 'disk', filesystem } });
  const params = { destinationId: added.id };
  const run = await ended(tour, (await owner.call('destinations.verify', { params })).id);
  assert.equal(run.state, 'succeeded');
  const disk = await owner.call('destinations.get', { params });
  assert.equal(disk.state, 'verified');
  assert.ok(disk.probes.length > 0 && disk.probes.every(({ ok }) => ok));
  tour.remember('disk', disk.id);
  narrator.say(`disk is verified by ${disk.probes.length} probes`);
}

async function addDatabase(tour: Tour, given: TourDatabase): Promise<void> {
  const { browser, narrator } = tour;
  const { engine, name, port, user, passwordFile } = given;
  const added = await browser.call('databases.create', {
    body: {
      ...{ name, engine, host: '127.0.0.1', port, databaseName: name, user },
      credential: { kind: 'file', path: passwordFile },
      tls: { mode: 'disable' },
      environment: 'development',
    },
  });
  const params = { databaseId: added.id };
  const run = await ended(tour, (await browser.call('databases.verify', { params })).id);
  assert.equal(run.state, 'succeeded', run.cause);
  const database = await browser.call('databases.get', { params });
  assert.equal(database.state, 'verified');
  assert.equal(database.probe?.tables, 1);
  tour.remember(name, database.id);
  narrator.say(`${name} is verified: ${database.probe?.flavour} ${database.probe?.version}`);
}
