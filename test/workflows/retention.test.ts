import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { insertSchedule } from '../../src/catalog/repositories/schedules.ts';
import { applyRetention } from '../../src/workflows/retention/apply.ts';
import {
  addBackup,
  newOwner,
  type Person,
  startWorld,
  verifiedPlaces,
  type World,
} from '../support/operations-world.ts';

let world: World;
let owner: Person;
let places: { databaseId: string; destinationId: string };
/** Oldest first, one for each of the last ten days. */
let backups: string[];

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());
beforeEach(async () => {
  owner = await newOwner(world);
  places = await verifiedPlaces(owner);
  backups = [];
  for (let daysAgo = 10; daysAgo > 0; daysAgo -= 1) {
    const createdAt = new Date(Date.now() - daysAgo * 86_400_000);
    const id = await addBackup(owner, places, { createdAt });
    await owner.within((trx) => sql`update backups set created_at = ${createdAt} where id = ${id}`.execute(trx));
    backups.push(id);
  }
});

const apply = async (retention: Record<string, number>) => {
  const leaving = await applyRetention(world.runtime, {
    tenantId: owner.tenantId,
    runId: randomUUID(),
    ...places,
    retention,
    zone: 'UTC',
  });
  return backups.filter((id) => leaving.includes(id)).length;
};

const schedule = (retention: Record<string, number>, enabled = true) =>
  owner.within((trx) =>
    insertSchedule(trx, {
      tenantId: owner.tenantId,
      id: randomUUID(),
      databaseId: places.databaseId,
      name: `s ${randomUUID()}`,
      destinationIds: [places.destinationId],
      cron: '0 3 * * *',
      zone: 'UTC',
      settings: { retention },
      enabled,
      nextSlot: undefined,
    }),
  );

describe('retention of one database at one destination', () => {
  it('marks what its rules do not keep, oldest first', async () => {
    expect(await apply({ keepLast: 4 })).toBe(6);
    const left = await owner.within((trx) =>
      trx.selectFrom('backups').select('id').where('state', '=', 'good').orderBy('created_at').execute(),
    );
    expect(left.map(({ id }) => id)).toEqual(backups.slice(6));
  });

  it('keeps what any other schedule that writes there would keep', async () => {
    await schedule({ keepLast: 7 });
    expect(await apply({ keepLast: 4 })).toBe(3);
  });

  it('a schedule that is paused still speaks for its backups', async () => {
    await schedule({ keepLast: 8 }, false);
    expect(await apply({ keepLast: 4 })).toBe(2);
  });

  it('a schedule without rules keeps everything for ever', async () => {
    await schedule({});
    expect(await apply({ keepLast: 4 })).toBe(0);
  });

  it('no rules of its own delete nothing', async () => {
    expect(await apply({})).toBe(0);
  });
});
