import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { TenantTransaction } from '../../src/catalog/catalog.ts';
import { insertChannel } from '../../src/catalog/repositories/channels.ts';
import { insertDestination, listDestinations } from '../../src/catalog/repositories/destinations.ts';
import {
  insertNotice,
  listNotices,
  noticeDelivered,
  noticeRefused,
  takeNotice,
  undelivered,
} from '../../src/catalog/repositories/outbox.ts';
import type { Page, PageRequest } from '../../src/catalog/repositories/page.ts';
import { insertRun, listRuns } from '../../src/catalog/repositories/runs.ts';
import { startCatalog, type TestCatalog } from '../support/catalog.ts';

let world: TestCatalog;
let tenantId: string;

beforeAll(async () => {
  world = await startCatalog();
});
afterAll(() => world.stop());

const within = <T>(work: (trx: TenantTransaction) => Promise<T>) => world.catalog.withTenant(tenantId, work);
const add = (id = randomUUID()) =>
  within((trx) => insertDestination(trx, { tenantId, id, kind: 'filesystem', name: 'f', labels: {}, place: {} }));

type List = (trx: TenantTransaction, page: PageRequest) => Promise<Page<{ readonly id: string }>>;

async function readAll(list: List, limit: number, between: () => Promise<unknown> = async () => undefined) {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await within((trx) => list(trx, { limit, cursor }));
    ids.push(...page.rows.map(({ id }) => id));
    cursor = page.next;
    await between();
  } while (cursor !== undefined);
  return ids;
}

describe('a list in pages', () => {
  it('shows every row once, newest first, though many were made in the same instant', async () => {
    tenantId = await world.tenant();
    const made = await within(async (trx) => {
      const ids = [];
      for (let n = 0; n < 25; n += 1) {
        const id = randomUUID();
        await insertRun(trx, { tenantId, id, kind: 'verify', trigger: 'manual', request: {} });
        ids.push(id);
      }
      return ids;
    });

    for (const limit of [1, 2, 7, 24, 25, 26]) {
      const seen = await readAll(listRuns, limit);
      expect([...seen].sort()).toEqual([...made].sort());
      expect(seen).toEqual([...made].sort().reverse());
    }
  });

  it('neither repeats nor skips a row while others are added and removed', async () => {
    tenantId = await world.tenant();
    const made: string[] = [];
    for (let n = 0; n < 12; n += 1) made.push((await add()).id);
    for (const [n, id] of made.entries())
      await world.sql(
        `UPDATE destinations SET created_at = '2026-01-01Z'::timestamptz + interval '${n} s' WHERE id = '${id}'`,
      );
    const gone = made[0] ?? '';

    const seen = await readAll(listDestinations, 3, async () => {
      await add();
      await within((trx) => trx.deleteFrom('destinations').where('id', '=', gone).execute());
    });

    expect(seen).toEqual(made.slice(1).reverse());
  });

  it('takes no cursor that it did not give, and shows nobody else’s rows for one that it gave another', async () => {
    tenantId = await world.tenant();
    for (let n = 0; n < 3; n += 1) await add();
    const { next } = await within((trx) => listDestinations(trx, { limit: 1 }));
    const forged = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const wrong = [
      '',
      'x',
      '%%%',
      forged({}),
      forged(['2026-01-01T00:00:00Z', "1' or true"]),
      forged(['never', randomUUID()]),
    ];

    for (const cursor of wrong) {
      const asked = within((trx) => listDestinations(trx, { limit: 1, cursor }));
      await expect(asked).rejects.toMatchObject({ code: 'usage' });
    }
    tenantId = await world.tenant();
    expect((await within((trx) => listDestinations(trx, { limit: 10, cursor: next }))).rows).toEqual([]);
  });
});

describe('the outbox', () => {
  it('gives a due notice to one sender at a time, again when that one dies, and not again once delivered', async () => {
    tenantId = await world.tenant();
    const [channelId, id] = [randomUUID(), randomUUID()];
    const notice = { tenantId, id, channelId, event: 'run.failed', severity: 'critical', payload: { n: 1 } };
    await within(async (trx) => {
      await insertChannel(trx, { tenantId, id: channelId, name: 'c', settings: {}, enabled: true, sealed: undefined });
      await insertNotice(trx, notice);
    });
    expect(await within((trx) => insertNotice(trx, notice))).toBeUndefined();

    const taken = await Promise.all(Array.from({ length: 8 }, () => within((trx) => takeNotice(trx, id, 30))));

    expect(taken.filter((row) => row !== undefined)).toHaveLength(1);
    await world.sql(`UPDATE outbox SET next_try_at = now() - interval '1 s' WHERE id = '${id}'`);
    expect((await within((trx) => takeNotice(trx, id, 0)))?.attempts).toBe(2);
    await within((trx) => noticeRefused(trx, id, { error: 'no', againInSeconds: 0 }));
    expect((await within((trx) => takeNotice(trx, id, 0)))?.last_error).toBe('no');
    await within((trx) => noticeDelivered(trx, id));
    expect(await within((trx) => takeNotice(trx, id, 0))).toBeUndefined();
    await within((trx) => noticeRefused(trx, id, { error: 'late', againInSeconds: undefined }));
    expect(await within(undelivered)).toBe(0);
    const [row] = (await within((trx) => listNotices(trx, channelId, { limit: 5 }))).rows;
    expect([row?.state, row?.attempts, row?.last_error]).toEqual(['delivered', 3, null]);
  });

  it('F69 counts what was given up', async () => {
    tenantId = await world.tenant();
    const [channelId, id] = [randomUUID(), randomUUID()];
    await within(async (trx) => {
      await insertChannel(trx, { tenantId, id: channelId, name: 'c', settings: {}, enabled: true, sealed: undefined });
      await insertNotice(trx, { tenantId, id, channelId, event: 'digest', severity: 'info', payload: {} });
      await noticeRefused(trx, id, { error: 'no', againInSeconds: undefined });
    });

    expect(await within(undelivered)).toBe(1);
  });
});
