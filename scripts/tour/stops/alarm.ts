import { strict as assert } from 'node:assert';
import { givePassword } from '../databases.ts';
import { ended, type Stop, type Tour } from '../tour.ts';
import { noticed } from './channels.ts';

export const alarm: Stop = {
  title: 'A password goes wrong: both channels say so, and again when all is well',
  visit: async (tour) => {
    const { narrator, world } = tour;
    const { passwordFile, password } = world.library;
    givePassword(passwordFile, 'wrong');
    const failed = await backUp(tour);
    givePassword(passwordFile, password);
    assert.equal(failed.state, 'failed');
    assert.equal(failed.code, 'authentication_failed');
    narrator.say(`${failed.cause} ${failed.remedy}`);
    const told = await noticed(tour, 'run.failed', 'Backup failed: library');
    assert.equal(told.runId, failed.id);
    const good = await backUp(tour);
    assert.equal(good.state, 'succeeded', good.cause);
    await noticed(tour, 'run.recovered', 'Backups of library work again');
  },
};

async function backUp(tour: Tour) {
  const body = { databaseId: tour.recall('library'), destinationIds: [tour.recall('disk')] };
  return ended(tour, (await tour.owner.call('backups.start', { body })).id);
}
