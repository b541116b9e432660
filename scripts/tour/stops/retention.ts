import { strict as assert } from 'node:assert';
import { ended, type Stop, type Tour } from '../tour.ts';

const LAST_ONE = { keepLast: 1 };

export const retention: Stop = {
  title: 'Retention: looked at before, judged by a run, undone',
  visit: async (tour) => {
    const { owner, browser, narrator } = tour;
    const databaseId = tour.recall('shop');
    const first = tour.recall('shop backup');
    const before = await browser.call('retention.preview', { body: { databaseId, retention: LAST_ONE } });
    const scheduleId = tour.recall('shop schedule');
    const started = await owner.call('schedules.runNow', { params: { scheduleId } });
    const run = await ended(tour, started.id);
    assert.equal(run.state, 'succeeded', run.cause);
    assert.deepEqual([before.keeps, before.deletes], [1, 0]);
    const marked = await owner.call('backups.get', { params: { backupId: first } });
    assert.equal(marked.state, 'deleting');
    assert.ok(Date.parse(marked.deleteAfter ?? '') > Date.now());
    narrator.say(`the second backup took its place; it goes for good at ${marked.deleteAfter}`);
    const undone = await browser.call('backups.undelete', { params: { backupId: first } });
    assert.equal(undone.state, 'good');
    tour.remember('second shop backup', run.backupId ?? '');
    await pin(tour, first);
  },
};

async function pin({ owner, browser, narrator, recall }: Tour, backupId: string): Promise<void> {
  const params = { backupId };
  const pinned = await owner.call('backups.pin', { params, body: { reason: 'before the move' } });
  assert.equal(pinned.pin, 'before the move');
  const tags = ['move', 'keep'];
  const tagged = await browser.call('backups.update', { params, version: pinned.version, body: { tags } });
  assert.deepEqual([...tagged.tags], tags);
  const found = await owner.call('backups.list', { query: { tag: 'move' } });
  assert.deepEqual(
    found.items.map(({ id }) => id),
    [backupId],
  );
  const body = { databaseId: recall('shop'), retention: LAST_ONE };
  const { verdicts } = await owner.call('retention.preview', { body });
  const verdict = verdicts.find((one) => one.backupId === backupId);
  assert.deepEqual([verdict?.keep, verdict?.reason], [true, 'pinned: before the move']);
  narrator.say('no policy takes what is pinned');
}
