import { strict as assert } from 'node:assert';
import { createHash } from 'node:crypto';
import { ended, type Stop, type Tour } from '../tour.ts';

export const restore: Stop = {
  title: 'A restore takes the place of the database, and keeps what was there',
  visit: async (tour) => {
    const { owner, browser, narrator, world } = tour;
    const backupId = tour.recall('shop backup');
    await world.shop.sql('delete from orders where id > 10');
    narrator.say('somebody deletes 990 of the 1000 orders');
    const body = { backupId, target: { kind: 'swap', databaseId: tour.recall('shop'), confirm: 'shop' } } as const;
    const plan = await browser.call('backups.restorePlan', { params: { backupId }, body });
    assert.deepEqual(
      plan.items.filter(({ blocks, ok }) => blocks && !ok),
      [],
    );
    const started = await owner.call('restores.start', { body });
    const run = await ended(tour, started.runId);
    assert.equal(run.state, 'succeeded', run.cause);
    const done = await browser.call('restores.get', { params: { restoreId: started.id } });
    assert.equal(done.finalDatabase, 'shop');
    assert.ok(done.tables.every(({ ok }) => ok));
    assert.equal((await world.shop.sql('select count(*) as n from orders'))[0]?.n, '1000');
    narrator.say(`all 1000 orders are back; what was there is in ${done.keptDatabase}`);
  },
};

/** How a file of zstd begins (RFC 8878). */
const ZSTD = 0xfd2fb528;

export const download: Stop = {
  title: 'A download, resumed half-way, with its checksum',
  visit: async (tour) => {
    const { owner, narrator } = tour;
    const params = { backupId: tour.recall('shop backup') };
    const grant = await owner.call('backups.download', { params });
    const half = Math.floor(grant.bytes / 2);
    const pieces = [await part(tour, grant.url, `bytes=0-${half - 1}`), await part(tour, grant.url, `bytes=${half}-`)];
    const whole = Buffer.concat(pieces);
    assert.equal(whole.length, grant.bytes);
    assert.match(grant.fileName, /\.pgc\.zst$/);
    assert.equal(whole.readUInt32LE(), ZSTD);
    const sha256 = createHash('sha256').update(whole).digest('hex');
    assert.equal(sha256, grant.sha256);
    assert.equal(grant.sha256sum, `${sha256}  ${grant.fileName}`);
    narrator.say(`${grant.fileName}: ${half} bytes, then the other ${whole.length - half}; SHA-256 as promised`);
  },
};

/** A part of what the link leads to; the link is not of the API, and needs no key. */
async function part({ narrator }: Tour, url: string, range: string): Promise<Buffer> {
  const response = await fetch(url, { headers: { range } });
  const bytes = Buffer.from(await response.arrayBuffer());
  const { pathname } = new URL(url);
  const told = { method: 'GET', path: `${pathname}  Range: ${range}`, body: undefined, contentType: '' };
  narrator.tell({ ...told, status: response.status, answer: `${bytes.length} bytes` });
  assert.equal(response.status, 206);
  return bytes;
}
