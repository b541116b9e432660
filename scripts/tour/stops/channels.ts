import { strict as assert } from 'node:assert';
import { Webhook } from 'standardwebhooks';
import { headerOf, type Letter } from '../../../test/support/mail-sink.ts';
import type { Call } from '../../../test/support/webhook-sink.ts';
import type { Stop, Tour } from '../tour.ts';
import { SENDER } from '../world.ts';

export const channels: Stop = {
  title: 'Two channels, each tried',
  visit: async (tour) => {
    const { owner, browser, narrator, world } = tour;
    const mail = await owner.call('channels.create', {
      body: { name: 'on call', target: { kind: 'email', to: ['oncall@example.com'] } },
    });
    const url = `http://127.0.0.1:${world.webhook.port}/notices`;
    const hook = await browser.call('channels.create', { body: { name: 'pager', target: { kind: 'webhook', url } } });
    assert.match(hook.signingSecret ?? '', /^whsec_/);
    tour.remember('signing secret', hook.signingSecret ?? '');
    for (const { id } of [mail, hook]) await deliver(tour, id);
    await noticed(tour, 'test', 'A test of the channel');
    narrator.say('both came; the webhook is signed as Standard Webhooks asks');
  },
};

async function deliver({ owner }: Tour, channelId: string): Promise<void> {
  const params = { channelId };
  const sent = await owner.call('channels.test', { params });
  const delivered = await owner.until(
    () => owner.call('channels.deliveries', { params }),
    ({ items }) => items.some(({ id, state }) => id === sent.id && state !== 'pending'),
  );
  assert.equal(delivered.items[0]?.state, 'delivered', delivered.items[0]?.lastError);
}

/** The notice of that event as both channels got it; `title` stands in the letter's subject. Its facts, from the webhook. */
export async function noticed(tour: Tour, event: string, title: string): Promise<Record<string, unknown>> {
  const { world, narrator } = tour;
  let letter: Letter | undefined;
  let call: Call | undefined;
  await world.service.until(async () => {
    letter = world.mail.letters.find((one) => headerOf(one, 'subject')?.includes(title));
    call = world.webhook.calls.find(({ body }) => (JSON.parse(body) as { type: string }).type === event);
    return letter !== undefined && call !== undefined;
  });
  if (letter === undefined || call === undefined) throw new Error(`no notice of ${event}`);
  const signed = call.headers as Record<string, string>;
  const { data } = new Webhook(tour.recall('signing secret')).verify(call.body, signed) as Noticed;
  assert.equal(letter.from, SENDER);
  assert.deepEqual([...letter.to], ['oncall@example.com']);
  narrator.say(`letter to ${letter.to.join()}: ${headerOf(letter, 'subject')}`);
  narrator.say(`webhook, signature verified: ${call.body.slice(0, 160)}…`);
  return data;
}

interface Noticed {
  readonly data: Record<string, unknown>;
}
