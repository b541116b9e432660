import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectAttributesCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
} from '@aws-sdk/client-s3';
import { expect } from '@jest/globals';
import { answerOf, type Check, clientFor, handMade, outcome, type Stage } from './s3-check.ts';
import { sendSigned } from './s3-signing.ts';

const WRONG_CRC = 'AAAAAA==';

function put({ client, plain }: Stage, key: string, more: Partial<PutObjectCommandInput> = {}) {
  return client.send(new PutObjectCommand({ Bucket: plain, Key: key, Body: 'abcdefghij', ...more }));
}

function get({ client, plain }: Stage, key: string, more: Record<string, string> = {}) {
  return client.send(new GetObjectCommand({ Bucket: plain, Key: key, ...more }));
}

async function textOf(stage: Stage, key: string, more: Record<string, string> = {}): Promise<string | undefined> {
  return (await get(stage, key, more)).Body?.transformToString();
}

/** Bytes, metadata, checksums, ranges, conditions and deletion of simple objects. */
export const OBJECT_CHECKS: readonly Check[] = [
  {
    name: 'keeps bytes, type, encoding and metadata of a small object',
    async run(stage) {
      const Body = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
      await put(stage, 'small', {
        Body,
        ContentType: 'application/x-dump',
        ContentEncoding: 'zstd',
        Metadata: { run: 'r-1' },
      });
      const read = await get(stage, 'small');
      expect(Buffer.from((await read.Body?.transformToByteArray()) ?? []).equals(Body)).toBe(true);
      expect(read).toMatchObject({
        ContentType: 'application/x-dump',
        ContentEncoding: 'zstd',
        ContentLength: 256,
        Metadata: { run: 'r-1' },
      });
      expect(read.ETag).toBe(`"${createHash('md5').update(Body).digest('hex')}"`);
    },
  },
  {
    name: 'takes the framing off a stream sent as aws-chunked with a trailer',
    async run(stage) {
      const pieces = [Buffer.alloc(700_001, 'x'), Buffer.alloc(65_536, 'y'), Buffer.alloc(3, 'z')];
      const whole = Buffer.concat(pieces);
      await put(stage, 'stream', { Body: Readable.from(pieces), ContentLength: whole.length });
      expect(Buffer.from((await (await get(stage, 'stream')).Body?.transformToByteArray()) ?? []).equals(whole)).toBe(
        true,
      );
    },
  },
  {
    name: 'refuses a stream with a short chunk before the last',
    async run(stage) {
      let answer = '';
      // A server that refuses before it has read everything closes the connection, and its answer may be lost with it.
      for (let tries = 0; tries < 20 && !answer.startsWith('InvalidChunkSizeError'); tries += 1) {
        const Body = Readable.from([Buffer.alloc(100), Buffer.alloc(9000)]);
        answer = await outcome(put(stage, 'short-chunk', { Body, ContentLength: 9100 }));
        expect(answer).toMatch(/^InvalidChunkSizeError |^Error no answer$/);
      }
      expect(answer).toMatch(/^InvalidChunkSizeError /);
    },
  },
  {
    name: 'keeps an empty object',
    async run(stage) {
      await put(stage, 'empty', { Body: '' });
      expect(await textOf(stage, 'empty')).toBe('');
    },
  },
  {
    name: 'keeps keys with spaces, quotes, percent signs, unicode and dots apart',
    async run(stage) {
      const keys = ["k/a b'c(d)!*~+&=,;:@$", 'k/100%25', 'k/100%', 'k/ü/日本/😀', 'k/a..b/...', 'k/"<>'];
      for (const key of keys) await put(stage, key, { Body: key });
      for (const key of keys) expect(await textOf(stage, key)).toBe(key);
    },
  },
  ...(['CRC32', 'CRC64NVME', 'SHA256'] as const).map(
    (algorithm): Check => ({
      name: `tells the ${algorithm} of an object on HEAD in checksum mode`,
      async run(stage) {
        const stored = await put(stage, `sum-${algorithm}`, { ChecksumAlgorithm: algorithm });
        const head = await stage.client.send(
          new HeadObjectCommand({ Bucket: stage.plain, Key: `sum-${algorithm}`, ChecksumMode: 'ENABLED' }),
        );
        expect(head[`Checksum${algorithm}`]).toBeDefined();
        expect(head[`Checksum${algorithm}`]).toBe(stored[`Checksum${algorithm}`]);
        expect(head.ChecksumType).toBe('FULL_OBJECT');
      },
    }),
  ),
  {
    name: 'tells the standard CRC64NVME and SHA256 of known bytes',
    async run(stage) {
      await put(stage, 'known', { Body: '123456789', ChecksumCRC64NVME: 'rosUhgp5mIg=' });
      const head = await stage.client.send(
        new HeadObjectCommand({ Bucket: stage.plain, Key: 'known', ChecksumMode: 'ENABLED' }),
      );
      expect(head.ChecksumCRC64NVME).toBe('rosUhgp5mIg=');
    },
  },
  {
    name: 'refuses a wrong CRC32, CRC64NVME, SHA256 or MD5 and keeps nothing',
    async run(stage) {
      const wrong: readonly Partial<PutObjectCommandInput>[] = [
        { ChecksumCRC32: WRONG_CRC },
        { ChecksumCRC64NVME: 'AAAAAAAAAAA=' },
        { ChecksumSHA256: createHash('sha256').update('other').digest('base64') },
        { ContentMD5: createHash('md5').update('other').digest('base64') },
      ];
      for (const sum of wrong) expect(await outcome(put(stage, 'wrong-sum', sum))).toBe('BadDigest 400');
      expect(await outcome(get(stage, 'wrong-sum'))).toBe('NoSuchKey 404');
    },
  },
  {
    name: 'refuses a checksum that cannot be one',
    async run(stage) {
      expect(await outcome(put(stage, 'shape', { ChecksumCRC32: 'AAA=' }))).toBe('InvalidRequest 400');
      expect(await outcome(put(stage, 'shape', { ContentMD5: 'AAA=' }))).toBe('InvalidDigest 400');
    },
  },
  {
    name: 'refuses two checksums at once',
    async run(stage) {
      const two = {
        ChecksumCRC32: 'Oihl2A==',
        ChecksumSHA256: createHash('sha256').update('abcdefghij').digest('base64'),
      };
      expect(await outcome(put(stage, 'two', two))).toBe('InvalidRequest 400');
    },
  },
  {
    name: 'refuses a body whose trailer checksum is wrong',
    async run(stage) {
      const headers = {
        'x-amz-trailer': 'x-amz-checksum-crc32',
        'x-amz-decoded-content-length': '3',
        'content-encoding': 'aws-chunked',
      };
      const body = `3\r\nabc\r\n0\r\nx-amz-checksum-crc32:${WRONG_CRC}\r\n\r\n`;
      const sent = sendSigned({
        ...handMade(stage, 'PUT', 'bad-trailer'),
        headers,
        body,
        payloadHash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
      });
      expect(await answerOf(sent)).toBe('BadDigest 400');
    },
  },
  {
    name: 'refuses a chunked body longer or shorter than announced, or cut before its end',
    async run(stage) {
      const send = (length: string, body: string) => {
        const headers = {
          'x-amz-decoded-content-length': length,
          'content-encoding': 'aws-chunked',
          'x-amz-trailer': 'x-amz-checksum-crc32',
        };
        return sendSigned({
          ...handMade(stage, 'PUT', 'length'),
          headers,
          body,
          payloadHash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
        });
      };
      const whole = '3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\n\r\n';
      expect(await answerOf(send('3', whole))).toBe('200');
      expect(await answerOf(send('5', whole))).toBe('IncompleteBody 400');
      expect(await answerOf(send('2', whole))).toBe('IncompleteBody 400');
      expect(await answerOf(send('3', '3\r\nabc\r\n'))).toBe('IncompleteBody 400');
    },
  },
  {
    name: 'answers ranges at the front, in the middle, at the end and as a suffix',
    async run(stage) {
      await put(stage, 'range');
      const cases = {
        'bytes=0-3': 'abcd',
        'bytes=4-6': 'efg',
        'bytes=7-': 'hij',
        'bytes=-3': 'hij',
        'bytes=8-99': 'ij',
        'bytes=-99': 'abcdefghij',
      };
      for (const [Range, text] of Object.entries(cases)) expect(await textOf(stage, 'range', { Range })).toBe(text);
      const middle = await get(stage, 'range', { Range: 'bytes=4-6' });
      await middle.Body?.transformToString();
      expect(middle).toMatchObject({ ContentRange: 'bytes 4-6/10', ContentLength: 3 });
    },
  },
  {
    name: 'refuses a range behind the end',
    async run(stage) {
      await put(stage, 'range-end');
      expect(await outcome(get(stage, 'range-end', { Range: 'bytes=10-' }))).toBe('InvalidRange 416');
    },
  },
  {
    name: 'deletes what is not there without complaint',
    async run({ client, plain }) {
      expect(await outcome(client.send(new DeleteObjectCommand({ Bucket: plain, Key: 'never-was' })))).toBe('ok');
    },
  },
  {
    name: 'deletes many at once',
    async run(stage) {
      await put(stage, 'many-1');
      await put(stage, 'many-2&<');
      const Objects = [{ Key: 'many-1' }, { Key: 'many-2&<' }, { Key: 'many-3' }];
      const reply = await stage.client.send(new DeleteObjectsCommand({ Bucket: stage.plain, Delete: { Objects } }));
      expect(reply.Deleted?.map(({ Key }) => Key).sort()).toEqual(['many-1', 'many-2&<', 'many-3']);
      expect(await outcome(get(stage, 'many-2&<'))).toBe('NoSuchKey 404');
    },
  },
  {
    name: 'tells a missing key from a missing bucket',
    async run(stage) {
      expect(await outcome(get(stage, 'missing'))).toBe('NoSuchKey 404');
      expect(await outcome(stage.client.send(new HeadObjectCommand({ Bucket: stage.plain, Key: 'missing' })))).toBe(
        'NotFound 404',
      );
      expect(await outcome(get({ ...stage, plain: 'no-such-bucket-here' }, 'missing'))).toBe('NoSuchBucket 404');
    },
  },
  {
    name: 'tells size, ETag and checksum as attributes',
    versitygw: 'knows no attribute named Checksum',
    async run(stage) {
      await put(stage, 'attributes', { ChecksumAlgorithm: 'CRC64NVME' });
      const wanted = ['ETag', 'ObjectSize', 'StorageClass', 'Checksum'] as const;
      const command = new GetObjectAttributesCommand({
        Bucket: stage.plain,
        Key: 'attributes',
        ObjectAttributes: [...wanted],
      });
      const told = await stage.client.send(command);
      expect(told).toMatchObject({
        ObjectSize: 10,
        StorageClass: 'STANDARD',
        Checksum: { ChecksumType: 'FULL_OBJECT' },
      });
    },
  },
  {
    name: 'refuses a key longer than 1,024 bytes',
    async run(stage) {
      expect(await outcome(put(stage, 'k'.repeat(1025)))).toBe('KeyTooLongError 400');
    },
  },
  {
    name: 'refuses metadata of more than 2 KB',
    async run(stage) {
      expect(await outcome(put(stage, 'meta', { Metadata: { big: 'x'.repeat(2100) } }))).toBe('MetadataTooLarge 400');
    },
  },
  {
    name: 'works without the SDK’s default checksums',
    async run(stage) {
      const client = clientFor(stage, {
        requestChecksumCalculation: 'WHEN_REQUIRED',
        responseChecksumValidation: 'WHEN_REQUIRED',
      });
      expect(await outcome(put({ ...stage, client }, 'no-sums'))).toBe('ok');
      expect(await textOf({ ...stage, client }, 'no-sums')).toBe('abcdefghij');
      client.destroy();
    },
  },
];
