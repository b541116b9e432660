import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { retentionSteps } from '../../src/workflows/retention/steps.ts';
import { queueUpkeep } from '../../src/workflows/upkeep.ts';
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

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());
beforeEach(async () => {
  owner = await newOwner(world);
  places = await verifiedPlaces(owner);
});

const runs = () => owner.within((trx) => trx.selectFrom('runs').selectAll().orderBy('kind').execute());
const kinds = async () => (await runs()).map(({ kind }) => kind);
const dayPasses = () =>
  owner.within((trx) =>
    sql`update runs set queued_at = queued_at - interval '1 day', state = 'succeeded'`.execute(trx),
  );

describe('the daily work of a tenant', () => {
  it('is queued once a day, however often and by however many it is asked for', async () => {
    const counts = await Promise.all(Array.from({ length: 5 }, () => queueUpkeep(world.runtime)));

    expect(await kinds()).toEqual(['reconcile', 'retention']);
    expect(counts.filter((n) => n > 0)).toHaveLength(1);
    expect(await queueUpkeep(world.runtime)).toBe(0);
    await dayPasses();
    await queueUpkeep(world.runtime);
    expect(await kinds()).toEqual(['reconcile', 'reconcile', 'retention', 'retention']);
    const { started } = world.outside;
    expect(started.filter(({ workflow }) => workflow === 'reconcile')).not.toEqual([]);
  });

  it('looks at no destination that was never seen to work', async () => {
    await owner.within((trx) => sql`update destinations set verified_at = null, state = 'created'`.execute(trx));
    await queueUpkeep(world.runtime);

    expect(await kinds()).toEqual(['retention']);
  });

  it('has every backup read again within thirty days, and holds what is being read', async () => {
    const ids = [];
    for (let n = 0; n < 61; n += 1) ids.push(await addBackup(owner, places));
    const read = new Set<string>();
    for (let day = 0; day < 30; day += 1) {
      await queueUpkeep(world.runtime);
      const due = (await runs()).filter(({ kind, state }) => kind === 'verify' && state === 'queued');
      expect(due).toHaveLength(3);
      for (const { backup_id: id } of due) read.add(id ?? '');
      const held = await owner.within((trx) => trx.selectFrom('holds').select('backup_id').execute());
      for (const { backup_id: id } of due) expect(held.map((hold) => hold.backup_id)).toContain(id);
      await owner.within((trx) =>
        sql`update backups set last_read_at = clock_timestamp() where id = any(${[...read]}::uuid[])`.execute(trx),
      );
      await owner.within((trx) => sql`delete from holds`.execute(trx));
      await dayPasses();
      await owner.within((trx) =>
        sql`update backups set last_read_at = last_read_at - interval '1 day 1 minute'`.execute(trx),
      );
    }

    expect(read.size).toBe(61);
  }, 120_000);

  it('applies the rules of a schedule whose backups have stopped coming', async () => {
    for (let n = 0; n < 5; n += 1) await addBackup(owner, places);
    const schedule = { name: 'nightly', databaseId: places.databaseId, destinationIds: [places.destinationId] };
    const when = { cron: '0 3 * * *', zone: 'UTC', retention: { keepLast: 3 } };
    await owner.ask('schedules.create', { body: { ...schedule, ...when } });
    await queueUpkeep(world.runtime);
    const run = (await runs()).find(({ kind }) => kind === 'retention');
    const claimed = await retentionSteps.claim(world.runtime, { tenantId: owner.tenantId, runId: run?.id ?? '' });

    await retentionSteps.retention(world.runtime, claimed);

    const states = await owner.within((trx) => trx.selectFrom('backups').select('state').orderBy('state').execute());
    expect(states.map(({ state }) => state)).toEqual(['deleting', 'deleting', 'good', 'good', 'good']);
  });
});
