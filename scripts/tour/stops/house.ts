import { strict as assert } from 'node:assert';
import type { Stop } from '../tour.ts';

export const audit: Stop = {
  title: 'The chain of what was done is whole',
  visit: async ({ owner, narrator }) => {
    const verdict = await owner.call('audit.verify');
    assert.equal(verdict.intact, true);
    const { items } = await owner.call('audit.list', { query: { limit: 200 } });
    const actions = new Set(items.map(({ action }) => action));
    for (const action of ['schedules.create', 'runs.failed', 'backups.undelete', 'backups.download', 'restores.start'])
      assert.ok(actions.has(action), `no ${action} in the chain`);
    narrator.say(`${verdict.events} events, none changed or missing`);
  },
};

export const house: Stop = {
  title: 'What machines ask',
  visit: async ({ owner, browser }) => {
    assert.equal((await owner.call('health.get')).status, 'ok');
    assert.equal((await owner.call('ready.get')).ready, true);
    assert.match((await owner.call('openapi.get')).openapi, /^3\.1\./);
    assert.match(await owner.call('metrics.get'), /^database_dump_runs\{kind="backup",state="failed"\} 1$/m);
    const overview = await browser.call('overview.get');
    assert.deepEqual([overview.databases, overview.restorable], [3, 3]);
    await browser.call('session.signOut');
    await browser.refused('unauthenticated', () => browser.call('me.get'));
  },
};
