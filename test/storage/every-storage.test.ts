import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { crc32Base64 } from '../../src/storage/crc32.ts';
import { STORAGE_KINDS } from '../../src/storage/registry.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { type Bench, KINDS } from './stores.ts';
import { bytesOf, codeOf, collect, digest, failureOf, partsOf, sendParts, severalParts, store } from './uploading.ts';

const HOSTILE = [
  '',
  '/',
  '/etc/passwd',
  '..',
  '../outside',
  'a/../../outside',
  'a/..',
  './a',
  'a/./b',
  'a//b',
  'a/',
  '.uploads/x',
  'a/.meta',
  'a\0b',
  'a\\..\\b',
  'a\nb',
  'C:\\x',
  '\ud800',
  'x'.repeat(901),
  `${'y'.repeat(201)}/a`,
];

it('the suite runs over every kind in the registry', () => {
  expect([...new Set(KINDS.map(({ kind }) => kind))].sort()).toEqual(Object.keys(STORAGE_KINDS).sort());
});

describe.each(KINDS)('$kind on $name', ({ start }) => {
  let bench: Bench;
  let storage: Storage;

  beforeAll(async () => {
    bench = await start();
    storage = bench.storage;
  });

  afterAll(() => bench.close());

  it('gives back a small object with its facts', async () => {
    const body = randomBytes(1000);

    const put = await storage.put('small/one', body, { metadata: { run: 'r-1', 'made-by': 'a test' } });
    const got = await storage.get('small/one');

    expect(got?.body).toEqual(body);
    expect(got?.stat).toMatchObject({
      key: 'small/one',
      bytes: 1000,
      etag: put.etag,
      metadata: { run: 'r-1', 'made-by': 'a test' },
    });
    expect([put.crc32, got?.stat.crc32]).toEqual([crc32Base64(body), crc32Base64(body)]);
    expect(Math.abs((got?.stat.modifiedAt.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
  });

  it('gives back an empty object', async () => {
    await storage.put('small/empty', new Uint8Array());

    expect((await storage.get('small/empty'))?.body.byteLength).toBe(0);
    expect(await bytesOf(storage, 'small/empty')).toEqual(Buffer.alloc(0));
  });

  it('replaces an object when nothing forbids it', async () => {
    await storage.put('small/again', Buffer.from('first'));

    const second = await storage.put('small/again', Buffer.from('second'), { metadata: { run: '2' } });

    const got = await storage.get('small/again');
    expect([String(got?.body), got?.stat.etag, got?.stat.metadata]).toEqual(['second', second.etag, { run: '2' }]);
  });

  it('knows nothing of an object that is not there', async () => {
    expect(await storage.head('none/such')).toBeUndefined();
    expect(await storage.get('none/such')).toBeUndefined();
    expect(await codeOf(bytesOf(storage, 'none/such'))).toBe('backup_lost');
  });

  it('reads inclusive ranges', async () => {
    const body = severalParts(storage);
    await store(storage, { key: 'ranges/one', body });

    for (const [start, end] of [
      [0, 0],
      [10, 19],
      [storage.limits.partBytes - 3, storage.limits.partBytes + 2],
      [body.length - 1, body.length - 1],
      [0, body.length - 1],
    ] as const) {
      expect(digest(await bytesOf(storage, 'ranges/one', { range: { start, end } }))).toBe(
        digest(body.subarray(start, end + 1)),
      );
    }
    expect(await bytesOf(storage, 'ranges/one', { range: { start: body.length - 5, end: body.length + 100 } })).toEqual(
      body.subarray(-5),
    );
    expect(await codeOf(bytesOf(storage, 'ranges/one', { range: { start: body.length, end: body.length + 1 } }))).toBe(
      'backup_damaged',
    );
  });

  it('reads in pieces, never whole', async () => {
    const body = severalParts(storage);
    await store(storage, { key: 'pieces/one', body });

    const pieces = await collect(storage.read('pieces/one'));

    expect(digest(Buffer.concat(pieces))).toBe(digest(body));
    expect(Math.max(...pieces.map((piece) => piece.byteLength))).toBeLessThanOrEqual(1024 * 1024);
  });

  it('can stop reading halfway and go on with other work', async () => {
    await store(storage, { key: 'half/one', body: severalParts(storage) });

    for (let round = 0; round < 40; round += 1) {
      for await (const piece of storage.read('half/one')) if (piece.byteLength > 0) break;
    }

    expect((await storage.head('half/one'))?.key).toBe('half/one');
  });

  it('lists in key order, by any prefix, past one page', async () => {
    const keys = ['list/a-b', 'list/a/1', 'list/a/2', 'list/a0', 'list/b', 'list/Z'];
    for (const key of keys) await storage.put(key, Buffer.from(key));
    const many = Array.from({ length: 1003 }, (_, i) => `list/many/${String(i).padStart(4, '0')}`);
    for (let i = 0; i < many.length; i += 50) {
      await Promise.all(many.slice(i, i + 50).map((key) => storage.put(key, Buffer.from('x'))));
    }

    const listed = (await collect(storage.list('list/'))).map(({ key }) => key);

    expect(listed).toEqual([...keys, ...many].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))));
    expect((await collect(storage.list('list/a'))).map(({ key }) => key)).toEqual([
      'list/a-b',
      'list/a/1',
      'list/a/2',
      'list/a0',
    ]);
    expect((await collect(storage.list('list/a/'))).map(({ key, bytes }) => [key, bytes])).toEqual([
      ['list/a/1', 8],
      ['list/a/2', 8],
    ]);
    expect(await collect(storage.list('list/nothing'))).toEqual([]);
  }, 120_000);

  it('refuses to put over an existing object, and eight writers have one winner', async () => {
    await storage.put('once/one', Buffer.from('first'), { ifAbsent: true });
    const writers = Array.from({ length: 8 }, (_, i) => `writer ${i}`);

    const refusal = await failureOf(storage.put('once/one', Buffer.from('second'), { ifAbsent: true }));
    const race = await Promise.allSettled(
      writers.map((body) => storage.put('once/race', Buffer.from(body), { ifAbsent: true })),
    );

    expect([refusal.code, refusal.remedy?.length ?? 0].map(String)).toEqual([
      'storage_conflict',
      expect.stringMatching(/\d\d/),
    ]);
    expect(String((await storage.get('once/one'))?.body)).toBe('first');
    expect(race.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(String((await storage.get('once/race'))?.body)).toBe(
      writers[race.findIndex(({ status }) => status === 'fulfilled')],
    );
  });

  it('puts and removes on the condition that the object is the one expected', async () => {
    const first = await storage.put('cas/one', Buffer.from('1'));
    const second = await storage.put('cas/one', Buffer.from('2'), { ifMatch: first.etag });

    expect(await codeOf(storage.put('cas/one', Buffer.from('3'), { ifMatch: first.etag }))).toBe('storage_conflict');
    expect(await codeOf(storage.remove('cas/one', { ifMatch: first.etag }))).toBe('storage_conflict');
    expect(String((await storage.get('cas/one'))?.body)).toBe('2');
    await storage.remove('cas/one', { ifMatch: second.etag });
    expect(await storage.head('cas/one')).toBeUndefined();
  });

  it('does not mind removing what is not there', async () => {
    await storage.put('gone/one', Buffer.from('1'));

    await storage.remove('gone/one');
    await storage.remove('gone/one');
    await storage.remove('gone/never');

    expect(await collect(storage.list('gone/'))).toEqual([]);
  });

  it('F40 a replaced object is not read as the one that was stored', async () => {
    const { etag } = await storage.put('swap/one', Buffer.from('good'));
    await storage.put('swap/one', Buffer.from('evil'));

    expect(await codeOf(bytesOf(storage, 'swap/one', { ifMatch: etag }))).toBe('backup_damaged');
    expect(await codeOf(storage.get('swap/one', { ifMatch: etag }))).toBe('backup_damaged');
  });

  it('assembles parts that arrive in any order, and shows nothing before the end', async () => {
    const body = severalParts(storage);
    const parts = partsOf(storage, body);
    const upload = await storage.upload('upload/one', { run: 'r-7', attempt: '1' });

    await Promise.all([2, 0, 1].map((i) => upload.part(i + 1, parts[i]!)));
    const before = await storage.head('upload/one');
    const stat = await upload.complete({ bytes: body.length, crc32: crc32Base64(body) });

    expect(before).toBeUndefined();
    expect(stat).toMatchObject({
      key: 'upload/one',
      bytes: body.length,
      crc32: crc32Base64(body),
      metadata: { run: 'r-7', attempt: '1' },
    });
    expect(digest(await bytesOf(storage, 'upload/one', { ifMatch: stat.etag }))).toBe(digest(body));
    expect(await collect(storage.unfinishedUploads(''))).toEqual([]);
  });

  it('lets the caller use a buffer again once its part is acknowledged', async () => {
    const body = severalParts(storage);
    const buffer = Buffer.alloc(storage.limits.partBytes);
    const upload = await storage.upload('upload/pooled', {});

    for (const [i, part] of partsOf(storage, body).entries()) {
      buffer.set(part);
      await upload.part(i + 1, buffer.subarray(0, part.byteLength));
      buffer.fill(0);
    }
    await upload.complete({ bytes: body.length, crc32: crc32Base64(body) });

    expect(digest(await bytesOf(storage, 'upload/pooled'))).toBe(digest(body));
  });

  it('uploads an object of one short part and one of none', async () => {
    await store(storage, { key: 'upload/short', body: Buffer.from('abc') });
    const upload = await storage.upload('upload/none', {});
    await upload.complete({ bytes: 0, crc32: 'AAAAAA==' });

    expect(String(await bytesOf(storage, 'upload/short'))).toBe('abc');
    expect((await storage.head('upload/none'))?.bytes).toBe(0);
  });

  it('F30 an upload never replaces an object, and of two the first completed wins', async () => {
    const [mine, theirs] = [severalParts(storage), severalParts(storage)];
    const first = await storage.upload('race/one', { run: 'first' });
    const second = await bench.open().upload('race/one', { run: 'second' });
    await sendParts(first, partsOf(storage, mine));
    await sendParts(second, partsOf(storage, theirs));

    await first.complete({ bytes: mine.length, crc32: crc32Base64(mine) });
    const code = await codeOf(second.complete({ bytes: theirs.length, crc32: crc32Base64(theirs) }));
    await second.abort();

    expect(code).toBe('storage_conflict');
    expect(digest(await bytesOf(storage, 'race/one'))).toBe(digest(mine));
    expect((await storage.head('race/one'))?.metadata).toEqual({ run: 'first' });
    expect(await collect(storage.unfinishedUploads('race/'))).toEqual([]);
  });

  it('makes nothing visible when size or checksum are not what was announced', async () => {
    const body = severalParts(storage);
    const parts = partsOf(storage, body);

    for (const wrong of [
      { bytes: body.length - 1, crc32: crc32Base64(body) },
      { bytes: body.length, crc32: crc32Base64(Buffer.from('else')) },
    ]) {
      const upload = await storage.upload('wrong/one', {});
      await sendParts(upload, parts);
      expect(await codeOf(upload.complete(wrong))).toBe('backup_damaged');
      await upload.abort();
    }

    expect(await storage.head('wrong/one')).toBeUndefined();
    expect(await collect(storage.unfinishedUploads('wrong/'))).toEqual([]);
  });

  it('F31 refuses parts behind its limit, gaps and parts that are too large', async () => {
    const { partBytes, partsPerObject } = storage.limits;
    const upload = await storage.upload('limits/one', {});

    expect(await codeOf(upload.part(partsPerObject + 1, Buffer.from('x')))).toBe('storage_unsupported');
    expect(await codeOf(upload.part(0, Buffer.from('x')))).toBe('storage_unsupported');
    expect(await codeOf(upload.part(1, Buffer.alloc(partBytes + 1)))).toBe('usage');
    await upload.part(2, Buffer.from('x'));
    expect(await codeOf(upload.complete({ bytes: 1, crc32: crc32Base64(Buffer.from('x')) }))).toBe('usage');
    await upload.abort();
    expect(await codeOf(upload.part(1, Buffer.from('x')))).toBe('usage');
  });

  it('leaves nothing behind after an abort, and minds no second one', async () => {
    const upload = await storage.upload('abort/one', {});
    await upload.part(1, Buffer.alloc(storage.limits.partBytes));

    await upload.abort();
    await upload.abort();

    expect(await collect(storage.unfinishedUploads(''))).toEqual([]);
    expect(await collect(storage.list('abort/'))).toEqual([]);
  });

  it('keeps a completed object when an abort follows', async () => {
    const upload = await storage.upload('abort/late', {});
    await upload.part(1, Buffer.from('kept'));
    await upload.complete({ bytes: 4, crc32: crc32Base64(Buffer.from('kept')) });

    await upload.abort();

    expect(String(await bytesOf(storage, 'abort/late'))).toBe('kept');
  });

  it('F26 finds the uploads of a process that died, and ends them from another', async () => {
    const dead = await storage.upload('dead/one', { run: 'dead' });
    await dead.part(1, Buffer.alloc(1000));
    await storage.upload('other/one', {});
    const other = bench.open();

    const found = await collect(other.unfinishedUploads('dead/'));
    for (const upload of found) await other.abortUpload(upload);
    for (const upload of found) await other.abortUpload(upload);

    expect(found.map(({ key }) => key)).toEqual(['dead/one']);
    expect(Math.abs((found[0]?.startedAt.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
    const left = await collect(other.unfinishedUploads(''));
    expect(left.map(({ key }) => key)).toEqual(['other/one']);
    for (const upload of left) await other.abortUpload(upload);
    expect(await collect(storage.list('dead/'))).toEqual([]);
  });

  it.each(HOSTILE)('refuses the key %j in every method', async (key) => {
    const body = Buffer.from('x');
    const codes = [
      await codeOf(storage.put(key, body)),
      await codeOf(storage.get(key)),
      await codeOf(storage.head(key)),
      await codeOf(bytesOf(storage, key)),
      await codeOf(storage.remove(key)),
      await codeOf(storage.upload(key, {})),
    ];

    expect(codes).toEqual(Array.from({ length: 6 }, () => 'usage'));
    if (key !== '' && !key.endsWith('/')) expect(await codeOf(collect(storage.list(key)))).toBe('usage');
  });

  it('refuses metadata that would come back changed', async () => {
    for (const metadata of [
      { Upper: 'x' },
      { 'with space': 'x' },
      { run: 'line\nbreak' },
      { run: 'ünïcode' },
      { run: ' blank ' },
      { run: '' },
    ]) {
      expect(await codeOf(storage.put('meta/one', Buffer.from('x'), { metadata }))).toBe('usage');
      expect(await codeOf(storage.upload('meta/one', metadata))).toBe('usage');
    }
  });

  it('ends as cancelled when its signal fires, and can still clean up', async () => {
    const ending = new AbortController();
    const mine = bench.open({ signal: ending.signal });
    const upload = await mine.upload('cancel/one', {});
    await upload.part(1, Buffer.from('x'));

    ending.abort();

    expect(await codeOf(upload.part(2, Buffer.from('x')))).toBe('cancelled');
    expect(await codeOf(mine.put('cancel/two', Buffer.from('x')))).toBe('cancelled');
    await upload.abort();
    expect(await collect(storage.unfinishedUploads(''))).toEqual([]);
  });

  it('F44 proves what it can do and leaves nothing of the trial', async () => {
    const before = await collect(storage.list(''));

    const seen = await bench.open().probe();

    expect(seen).toMatchObject({ conditionalWrites: true, checksums: true });
    expect((await collect(storage.list(''))).length).toBe(before.length);
    expect(await collect(storage.unfinishedUploads(''))).toEqual([]);
  });

  it('knows its clock and names itself without credentials', async () => {
    expect(Math.abs(storage.clockOffsetMs())).toBeLessThan(2_000);
    expect(storage.url).toMatch(/^(file|s3):\/\//);
    expect(storage.url).not.toMatch(/secret|AKIA|@/);
  });
});
