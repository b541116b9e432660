import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { serialize } from 'bson';
import { Failure } from '../../../src/domain/failure.ts';
import { readArchive } from '../../../src/engines/mongodb/archive.ts';
import { MAX_DOCUMENT_BYTES } from '../../../src/engines/mongodb/archive-units.ts';
import { ContentDigest } from '../../../src/engines/mongodb/content-digest.ts';
import { Crc64 } from '../../../src/engines/mongodb/crc64.ts';
import {
  announcement,
  block,
  endBlock,
  endOf,
  headerBytes,
  MAGIC_BYTES,
  prelude,
  TERMINATOR_BYTES,
} from '../../support/mongo-archive.ts';

/** Written by the real mongodump 100.12.2: two collections with documents, a capped empty one, a view. */
const REAL = readFileSync(join(import.meta.dirname, 'small.archive'));

const doc = (value: unknown): Buffer => Buffer.from(serialize({ value }));
const A = [doc(1), doc('two'), doc({ three: 3 })];
const B = [doc('b')];
const WHOLE = Buffer.concat([
  prelude(announcement('a'), announcement('b')),
  block('a', A.slice(0, 2)),
  block('b', B),
  block('a', A.slice(2)),
  endOf('b', B),
  endOf('a', A),
]);

/** A seeded generator, so that a failure can be repeated. */
function randomNumbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

function chunksOf(bytes: Buffer, size: number): Buffer[] {
  const count = Math.ceil(bytes.length / size);
  return Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size));
}

async function failureOf(bytes: Buffer): Promise<Failure> {
  try {
    await readArchive([bytes]);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('the archive was taken for a good one');
}

describe('the reader of mongodump archives', () => {
  it('computes the CRC-64 of ECMA-182, however the bytes come', () => {
    const whole = new Crc64();
    whole.update(Buffer.from('123456789'));
    const parts = new Crc64();
    for (const part of ['1', '2345678', '', '9']) parts.update(Buffer.from(part));

    expect(whole.value()).toBe(0x995dc9bbdf1939fan);
    expect(parts.value()).toBe(0x995dc9bbdf1939fan);
  });

  it('digests documents without regard to their order, but not to their number', () => {
    const digestOf = (...documents: Buffer[]): string => {
      const digest = new ContentDigest();
      for (const document of documents) digest.add(document);
      return digest.hex();
    };

    expect(digestOf(doc(1), doc(2), doc(3))).toBe(digestOf(doc(3), doc(1), doc(2)));
    expect(new Set([digestOf(), digestOf(doc(1)), digestOf(doc(1), doc(1)), digestOf(doc(2))]).size).toBe(4);
  });

  it('reads what the real mongodump wrote', async () => {
    const closed: string[] = [];

    const summary = await readArchive([REAL], { closed: ({ collection }) => closed.push(collection) });

    expect(summary).toMatchObject({ serverVersion: '7.0.14', toolVersion: '100.12.2' });
    const facts = summary.collections.map(({ collection, type, documents }) => `${collection} ${type} ${documents}`);
    expect(facts.sort()).toEqual([
      'empty collection 0',
      'line\nbreak collection 1',
      'orders collection 3',
      'view view 0',
    ]);
    expect(closed.sort()).toEqual(['empty', 'line\nbreak', 'orders', 'view']);
    const orders = summary.collections.find(({ collection }) => collection === 'orders');
    expect(JSON.parse(orders?.metadata ?? '').indexes).toHaveLength(2);
  });

  it('keeps interleaved collections apart', async () => {
    const seen: string[] = [];

    const summary = await readArchive([WHOLE], {
      document: ({ collection }, raw) => seen.push(`${collection} ${Buffer.from(raw).toString('hex')}`),
    });

    expect(summary.collections.map(({ collection, documents }) => [collection, documents])).toEqual([
      ['a', 3],
      ['b', 1],
    ]);
    expect(seen.filter((line) => line.startsWith('a '))).toEqual(A.map((document) => `a ${document.toString('hex')}`));
  });

  it('finds the same in chunks of every size', async () => {
    const expected = await readArchive([REAL]);

    for (const size of [1, 2, 3, 5, 7, 64, 1000]) {
      expect(await readArchive(chunksOf(REAL, size))).toEqual(expected);
    }
  });

  it('checks and counts documents without digesting them where no digest is asked for', async () => {
    const { collections } = await readArchive([REAL]);

    const counted = await readArchive([REAL], { digests: false });

    expect(counted.collections).toEqual(collections.map(({ digest: _, ...facts }) => facts));
  });

  it('takes an archive without collections for complete', async () => {
    expect((await readArchive([prelude()])).collections).toEqual([]);
  });

  it.each([
    ['the real archive', REAL],
    ['interleaved collections', WHOLE],
    ['no collections', prelude()],
  ])('F4 notices a cut at every single byte of %s', async (_, bytes) => {
    const passed: number[] = [];
    for (let cut = 0; cut < bytes.length; cut += 1) {
      const code = await readArchive([bytes.subarray(0, cut)]).then(
        () => 'passed',
        (error: Failure) => error.code,
      );
      if (code !== 'dump_incomplete') passed.push(cut);
    }

    expect(passed).toEqual([]);
  });

  it('notices every flipped bit: it fails, or shows other facts than before', async () => {
    const expected = JSON.stringify(await readArchive([REAL]));
    const unnoticed: string[] = [];
    for (let at = 0; at < REAL.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const flipped = Buffer.from(REAL);
        flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << bit), at);
        const outcome = await readArchive([flipped]).then(JSON.stringify, () => 'refused');
        if (outcome === expected) unnoticed.push(`${at}.${bit}`);
      }
    }

    expect(unnoticed).toEqual([]);
  });

  it('notices random damage to several bytes at once', async () => {
    const random = randomNumbers(20261124);
    const expected = JSON.stringify(await readArchive([WHOLE]));
    for (let round = 0; round < 3000; round += 1) {
      const bytes = Buffer.from(WHOLE);
      const at = random(bytes.length);
      const length = 1 + random(16);
      for (let n = at; n < Math.min(at + length, bytes.length); n += 1) bytes.writeUInt8(random(256), n);
      if (bytes.equals(WHOLE)) continue;
      const outcome = await readArchive([bytes]).then(JSON.stringify, (error) =>
        error instanceof Failure ? 'refused' : error,
      );
      if (outcome !== 'refused') expect(outcome).not.toBe(expected);
    }
  });

  it.each([
    ['another magic number', Buffer.concat([Buffer.from('6de29982', 'hex'), WHOLE.subarray(4)]), 'does not begin'],
    ['gzip', Buffer.from('1f8b0800000000000003', 'hex'), 'does not begin'],
    [
      'an unknown format version',
      Buffer.concat([MAGIC_BYTES, headerBytes({ version: '0.2' }), TERMINATOR_BYTES]),
      'version "0.2"',
    ],
    [
      'a header without a tool',
      Buffer.concat([MAGIC_BYTES, headerBytes({ tool_version: 3 }), TERMINATOR_BYTES]),
      'who wrote it',
    ],
    ['a prelude without a header', Buffer.concat([MAGIC_BYTES, TERMINATOR_BYTES]), 'no header'],
    ['a collection announced twice', prelude(announcement('a'), announcement('a')), 'announced twice'],
    ['a wrong checksum', Buffer.concat([prelude(announcement('b')), block('b', B), endBlock('b', 1n)]), 'checksum'],
    [
      'a document left out',
      Buffer.concat([prelude(announcement('a')), block('a', A.slice(1)), endOf('a', A)]),
      'checksum',
    ],
    [
      'documents in another order',
      Buffer.concat([prelude(announcement('a')), block('a', A.toReversed()), endOf('a', A)]),
      'checksum',
    ],
    ['an unannounced collection', Buffer.concat([prelude(announcement('a')), block('b', B)]), 'not announced'],
    [
      'a collection that goes on',
      Buffer.concat([prelude(announcement('a'), announcement('b')), endOf('b', []), block('b', B)]),
      'goes on',
    ],
    [
      'documents in an end block',
      Buffer.concat([prelude(announcement('b')), endOf('b', []).subarray(0, -4), B[0] as Buffer]),
      'follow the end of a collection',
    ],
    ['bytes after the end', Buffer.concat([WHOLE, Buffer.from([0])]), 'follow its end'],
    ['itself twice', Buffer.concat([WHOLE, WHOLE]), 'neither the length'],
    ['two terminators', Buffer.concat([prelude(announcement('a')), TERMINATOR_BYTES]), 'no header'],
    ['a length of 0', Buffer.concat([prelude(announcement('a')), Buffer.alloc(4)]), '0 is neither'],
    ['a document too large', Buffer.concat([prelude(announcement('a')), length(MAX_DOCUMENT_BYTES + 1)]), 'is neither'],
    [
      'a document without its zero byte',
      Buffer.concat([prelude(announcement('a')), Buffer.from('050000000100', 'hex')]),
      'zero byte',
    ],
  ])('refuses %s', async (_, bytes, reason) => {
    const failure = await failureOf(bytes);

    expect(failure.code).toBe('backup_damaged');
    expect(failure.message).toContain(reason);
    expect(failure.remedy).not.toBe('');
  });

  it('refuses an archive whose only sin is a collection that never ends', async () => {
    const bytes = Buffer.concat([prelude(announcement('a'), announcement('b')), block('b', B), endOf('b', B)]);

    const failure = await failureOf(bytes);

    expect(failure).toMatchObject({ code: 'dump_incomplete', message: expect.stringContaining('"db.a"') });
  });

  it('takes the largest document there can be, split anywhere', async () => {
    const document = Buffer.alloc(MAX_DOCUMENT_BYTES);
    document.writeInt32LE(document.length);
    const bytes = Buffer.concat([prelude(announcement('a')), block('a', [document]), endOf('a', [document])]);

    const summary = await readArchive(chunksOf(bytes, 65_537));

    expect(summary.collections).toMatchObject([{ documents: 1, bytes: MAX_DOCUMENT_BYTES }]);
  });

  it('T19 keeps its memory bounded over a long archive', async () => {
    const document = doc('x'.repeat(1000));
    const many = Array.from({ length: 1000 }, () => document);
    const rounds = 200;
    const crc = new Crc64();
    function* archive(): Generator<Buffer> {
      yield prelude(announcement('a'));
      for (let round = 0; round < rounds; round += 1) {
        for (const one of many) crc.update(one);
        yield block('a', many);
      }
      yield endBlock('a', crc.value());
    }
    const before = process.memoryUsage().rss;
    let peak = 0;

    const summary = await readArchive(archive(), { document: () => undefined, closed: () => undefined });
    peak = Math.max(peak, process.memoryUsage().rss);

    expect(summary.collections).toMatchObject([{ documents: rounds * 1000 }]);
    expect((peak - before) / 2 ** 20).toBeLessThan(128);
  });
});

function length(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32LE(value);
  return bytes;
}
