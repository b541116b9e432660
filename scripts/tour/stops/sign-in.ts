import { strict as assert } from 'node:assert';
import type { Stop } from '../tour.ts';

export const signIn: Stop = {
  title: 'A link signs a browser in, once',
  visit: async ({ world, narrator, browser, owner }) => {
    const origin = `http://127.0.0.1:${world.service.port}`;
    const token = /sign in\s+\S+#(\S+)/.exec(world.service.printed())?.[1] ?? '';
    assert.notEqual(token, '');
    narrator.hide(token);
    browser.carry({ origin });
    const me = await browser.call('session.signIn', { body: { token } });
    assert.equal(me.member.role, 'owner');
    const cookie = browser.last('set-cookie');
    narrator.hide(/=([^;]*)/.exec(cookie)?.[1] ?? '');
    assert.match(cookie, /; HttpOnly; SameSite=Strict; Max-Age=\d+$/);
    narrator.say('the session is in a cookie that no script reads and no other site sends along');
    await browser.refused('unauthenticated', () => browser.call('session.signIn', { body: { token } }));
    narrator.say('the link died on its first use');
    browser.carry({ origin, cookie: cookie.split(';')[0] ?? '' });
    assert.equal((await browser.call('me.get')).via, 'session');
    assert.equal((await owner.call('me.get')).via, 'api-key');
  },
};
