import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { tell } from '../../../src/catalog/repositories/notices.ts';
import { MOST_TRIES } from '../../../src/domain/notice/tries.ts';
import { Secret } from '../../../src/domain/secret.ts';
import { deliverDue } from '../../../src/operations/background/outbox.ts';
import { mailer } from '../../../src/platform/mail.ts';
import type { SealPurpose } from '../../../src/platform/platform.ts';
import { webhookCaller } from '../../../src/platform/webhook.ts';
import type { Runtime } from '../../../src/runtime/runtime.ts';
import { headerOf, type MailSink, startMailSink } from '../../support/mail-sink.ts';
import { newOwner, type Person, refusal, startWorld, type World } from '../../support/operations-world.ts';
import { startWebhookSink, type WebhookSink } from '../../support/webhook-sink.ts';

let world: World;
let runtime: Runtime;
let hooks: WebhookSink;
let mails: MailSink;
let owner: Person;

/** Keeps what it is given under what it gives. */
function memoryVault(inner: Runtime['vault']): Runtime['vault'] {
  const kept = new Map<string, string>();
  const key = (sealed: Uint8Array, { tenantId, what }: SealPurpose) =>
    `${Buffer.from(sealed).toString('hex')} ${tenantId} ${what}`;
  return {
    ...inner,
    seal: async (secret, purpose) => {
      const sealed = Buffer.from(randomUUID());
      kept.set(key(sealed, purpose), secret.reveal());
      return sealed;
    },
    unseal: async (sealed, purpose) => {
      const text = kept.get(key(sealed, purpose));
      if (text === undefined) throw new Error('sealed for another purpose');
      return new Secret(text);
    },
  };
}

beforeAll(async () => {
  world = await startWorld();
  hooks = await startWebhookSink();
  mails = await startMailSink();
  const resolver = { addresses: async () => ['127.0.0.1'] };
  const from = 'backups@example.org';
  runtime = {
    ...world.runtime,
    vault: memoryVault(world.runtime.vault),
    notices: {
      email: mailer({ host: '127.0.0.1', port: mails.port, security: 'none', login: undefined, from }),
      webhook: webhookCaller({ resolver, allowed: ['127.0.0.0/8'] }),
    },
  };
});
afterAll(async () => {
  await world.stop();
  await hooks.stop();
  await mails.stop();
});
beforeEach(async () => {
  hooks.answer = undefined;
  hooks.calls.length = 0;
  mails.refuse = undefined;
  mails.letters.length = 0;
  owner = await newOwner({ runtime });
  await world.world.sql('DELETE FROM outbox');
});

const sql = (text: string) => world.world.sql(text);
const url = (path = '/x') => `http://hooks.example.org:${hooks.port}${path}`;
const webhook = (fields: object = {}) =>
  owner.ask('channels.create', { body: { name: 'hook', target: { kind: 'webhook', url: url() }, ...fields } });

const broken = (key: string = randomUUID(), cause = 'It does not answer.') =>
  owner.within((trx) =>
    tell(trx, {
      event: 'retention.blocked',
      tenantId: owner.tenantId,
      key,
      at: new Date(),
      data: { runId: 'r1', databaseId: 'd1', databaseName: 'shop', code: 'storage_denied', cause },
    }),
  );

/** All that is due is delivered or refused; what was put off is brought forward. */
async function deliver() {
  await world.world.sql(`UPDATE outbox SET next_try_at = now() WHERE state = 'pending'`);
  return deliverDue(runtime);
}

const deliveries = async (channelId: string) =>
  (await owner.ask('channels.deliveries', { params: { channelId } })).items;

describe('a notice', () => {
  it('reaches a webhook signed, as an independent reader of the standard finds', async () => {
    const channel = await webhook();
    await broken();

    expect(await deliver()).toMatchObject({ delivered: 1, refused: 0 });

    const [call] = hooks.calls;
    const headers = call?.headers as Record<string, string>;
    const verified = new Webhook(channel.signingSecret).verify(call?.body ?? '', headers);
    expect(verified).toMatchObject({
      type: 'retention.blocked',
      version: 1,
      severity: 'warning',
      cause: 'storage',
      title: 'Retention is blocked: shop',
      data: { databaseName: 'shop' },
    });
    expect(() => new Webhook(channel.signingSecret).verify(`${call?.body} `, headers)).toThrow();
    expect(await deliveries(channel.id)).toMatchObject([
      { state: 'delivered', attempts: 1, event: 'retention.blocked' },
    ]);
  });

  it('reaches people by mail and a chat as text', async () => {
    await owner.ask('channels.create', { body: { name: 'm', target: { kind: 'email', to: ['ops@example.org'] } } });
    await owner.ask('channels.create', { body: { name: 's', target: { kind: 'slack', url: url('/chat') } } });
    await broken(undefined, 'See <https://evil.example|this> & <!channel>');

    await deliver();

    const [letter] = mails.letters;
    expect(letter && headerOf(letter, 'Subject')).toBe('[Database Dump] warning: Retention is blocked: shop');
    const chat = JSON.parse(hooks.calls[0]?.body ?? '{}');
    expect(chat.text).toContain('*Retention is blocked: shop*');
    expect(chat.text).toContain('See &lt;https://evil.example|this&gt; &amp; &lt;!channel&gt;');
  });

  it('is told once under one key, and to the channels that want it', async () => {
    const all = await webhook();
    const other = await webhook({ events: ['size.dropped'] });
    const off = await webhook({ enabled: false });

    expect(await broken('one')).toBe(1);
    expect(await broken('one')).toBe(0);

    expect(await deliveries(all.id)).toHaveLength(1);
    for (const { id } of [other, off]) expect(await deliveries(id)).toEqual([]);
  });

  it('is not there when what it tells of is rolled back', async () => {
    const channel = await webhook();
    const work = owner.within(async (trx) => {
      const data = { databaseId: 'd', databaseName: 'x', cause: 'y' };
      await tell(trx, { event: 'database.broken', tenantId: owner.tenantId, key: 'k', at: new Date(), data });
      throw new Error('no');
    });

    await expect(work).rejects.toThrow('no');

    expect(await deliveries(channel.id)).toEqual([]);
  });

  it('F69 that is refused is tried again, later each time, and in the end given up with a line in the log', async () => {
    const channel = await webhook();
    await broken();
    hooks.answer = (response) => response.writeHead(503).end('busy');
    const waits: number[] = [];

    for (let tries = 1; tries < MOST_TRIES; tries += 1) {
      expect(await deliver()).toMatchObject({ refused: 1 });
      const [row] = await world.world.sql(
        `SELECT extract(epoch from next_try_at - now())::int AS s FROM outbox WHERE channel_id = '${channel.id}'`,
      );
      waits.push(Number(row?.s));
    }
    expect(await deliverDue(runtime)).toMatchObject({ refused: 0 });
    expect(await deliver()).toMatchObject({ givenUp: 1 });

    // Each wait is at least the one before it, but for the quarter that is left to chance.
    for (const [n, wait] of waits.entries()) expect(wait * 1.26).toBeGreaterThanOrEqual(waits[n - 1] ?? 0);
    expect(waits.at(-1)).toBeGreaterThan(40_000);
    expect(waits[0]).toBeLessThan(10);
    expect(new Set(hooks.calls.map(({ headers }) => headers['webhook-id'])).size).toBe(1);
    expect(await deliveries(channel.id)).toMatchObject([
      { state: 'failed', attempts: MOST_TRIES, lastError: expect.stringContaining('answered 503 busy') },
    ]);
    expect(world.outside.log.at(-1)).toContain('a notice was given up');
    expect(await deliver()).toMatchObject({ givenUp: 0 });
  });

  it('F69 a sender that dies between the call and the note sends the same id again', async () => {
    await webhook();
    await broken();
    const dying: Runtime = {
      ...runtime,
      notices: {
        ...runtime.notices,
        webhook: async (call) => {
          await runtime.notices.webhook(call);
          throw Object.assign(new Error('SIGKILL'), { dies: true });
        },
      },
      catalog: {
        ...runtime.catalog,
        // What a dead process notes: nothing.
        withTenant: (tenantId, work) =>
          hooks.calls.length > 0 ? Promise.reject(new Error('dead')) : runtime.catalog.withTenant(tenantId, work),
      },
    };

    await expect(deliverDue(dying)).rejects.toThrow('dead');
    expect(await deliverDue(runtime)).toMatchObject({ delivered: 0 });
    expect(await deliver()).toMatchObject({ delivered: 1 });

    const ids = hooks.calls.map(({ headers, body }) => [headers['webhook-id'], JSON.parse(body).id]);
    expect(ids).toHaveLength(2);
    expect(ids[1]).toEqual(ids[0]);
  });

  it('goes out once, however many senders look at once', async () => {
    await webhook();
    for (let n = 0; n < 20; n += 1) await broken();

    const all = await Promise.all([deliverDue(runtime), deliverDue(runtime), deliverDue(runtime)]);

    expect(all.reduce((sum, { delivered }) => sum + delivered, 0)).toBe(20);
    expect(new Set(hooks.calls.map(({ headers }) => headers['webhook-id'])).size).toBe(20);
    expect(hooks.calls).toHaveLength(20);
  });

  it('F89 follows no redirect, and an answer of 302 is no acceptance', async () => {
    const channel = await webhook();
    await broken();
    hooks.answer = (response) => response.writeHead(302, { location: url('/secret') }).end();

    expect(await deliver()).toMatchObject({ refused: 1 });

    expect(hooks.calls.map(({ path }) => path)).toEqual(['/x']);
    expect((await deliveries(channel.id))[0].lastError).toContain('A redirect is not followed.');
  });

  it('F89 a slow and a long answer end the call, and nothing of ours is in its headers', async () => {
    const channel = await webhook();
    await broken();
    hooks.answer = (response) => response.end('x'.repeat(100_000));
    expect(await deliver()).toMatchObject({ refused: 1 });
    hooks.answer = (response) => void response.write('x');
    const started = performance.now();
    expect(await deliver()).toMatchObject({ refused: 1 });

    expect(performance.now() - started).toBeLessThan(7000);
    expect((await deliveries(channel.id))[0].attempts).toBe(2);
    expect(Object.keys(hooks.calls[0]?.headers ?? {}).sort()).toEqual(
      [
        'connection',
        'content-length',
        'content-type',
        'host',
        'user-agent',
        'webhook-id',
        'webhook-signature',
        'webhook-timestamp',
      ].sort(),
    );
  });

  it('F87 does not go to an address of the inside', async () => {
    const channel = await owner.ask('channels.create', {
      body: { name: 'in', target: { kind: 'webhook', url: 'http://169.254.169.254/latest/meta-data' } },
    });
    await broken();

    expect(await deliver()).toMatchObject({ refused: 1 });

    expect((await deliveries(channel.id))[0].lastError).toContain('must not be reached');
  });

  it('410 Gone and a channel that was turned off are final', async () => {
    const gone = await webhook();
    await broken();
    hooks.answer = (response) => response.writeHead(410).end();
    expect(await deliver()).toMatchObject({ givenUp: 1 });
    hooks.answer = undefined;
    await broken();
    await owner.ask('channels.update', { params: { channelId: gone.id }, body: { enabled: false } });

    expect(await deliver()).toMatchObject({ givenUp: 1 });

    expect(hooks.calls).toHaveLength(1);
  });

  it('one receiver that hangs does not keep the others waiting', async () => {
    await webhook({ target: { kind: 'webhook', url: url('/hangs') } });
    await broken();
    hooks.answer = (response) => void response.write('x');
    const hanging = deliverDue(runtime);
    await new Promise((resolve) => setTimeout(resolve, 300));
    hooks.answer = undefined;
    const second = await newOwner({ runtime });
    const target = { kind: 'webhook', url: url('/quick') };
    await second.ask('channels.create', { body: { name: 'q', target } });
    await second.within((trx) =>
      tell(trx, {
        event: 'database.broken',
        tenantId: second.tenantId,
        key: 'k',
        at: new Date(),
        data: { databaseId: 'd', databaseName: 'x', cause: 'y' },
      }),
    );

    const started = performance.now();
    expect(await deliverDue(runtime)).toMatchObject({ delivered: 1 });

    expect(performance.now() - started).toBeLessThan(2000);
    await hanging;
  });

  it('is signed with two secrets for a day after a rotation, and then with the new one alone', async () => {
    const first = await webhook();
    const params = { channelId: first.id };
    const second = await owner.ask('channels.rotateSecret', { params });
    expect(second.signingSecret).not.toBe(first.signingSecret);
    await broken();
    await deliver();
    await sql(`UPDATE channels SET previous_until = now() - interval '1 second' WHERE id = '${first.id}'`);
    await broken();
    await deliver();

    const signed = (n: number, secret: string) => {
      const call = hooks.calls[n];
      return () => new Webhook(secret).verify(call?.body ?? '', call?.headers as Record<string, string>);
    };
    for (const secret of [first.signingSecret, second.signingSecret]) expect(signed(0, secret)).not.toThrow();
    expect(signed(1, second.signingSecret)).not.toThrow();
    expect(signed(1, first.signingSecret)).toThrow();
    expect(await owner.ask('channels.get', { params })).not.toHaveProperty('signingSecret');
    const mail = await owner.ask('channels.create', {
      body: { name: 'm', target: { kind: 'email', to: ['a@example.org'] } },
    });
    expect(await refusal(owner.ask('channels.rotateSecret', { params: { channelId: mail.id } }))).toBe('usage');
  });

  it('a test goes through the outbox and stands in the delivery log', async () => {
    const channel = await webhook({ minimumSeverity: 'critical', events: ['digest'] });

    const delivery = await owner.ask('channels.test', { params: { channelId: channel.id } });
    expect(delivery).toMatchObject({ event: 'test', state: 'pending' });
    await deliver();

    expect(JSON.parse(hooks.calls[0]?.body ?? '{}')).toMatchObject({ type: 'test', data: { channelName: 'hook' } });
    expect(await deliveries(channel.id)).toMatchObject([{ id: delivery.id, state: 'delivered' }]);
  });
});
