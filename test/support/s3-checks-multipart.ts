import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  AbortMultipartUploadCommand,
  type CompletedPart,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { expect } from '@jest/globals';
import { type Check, outcome, type Stage } from './s3-check.ts';
import { type Begun, begin, crc64Of } from './s3-uploads.ts';

const FIRST = Buffer.alloc(5 * 1024 * 1024, 'first part ');
const LAST = Buffer.from('and the last part');
const WHOLE = Buffer.concat([FIRST, LAST]);
const CRC64 = { ChecksumAlgorithm: 'CRC64NVME', ChecksumType: 'FULL_OBJECT' } as const;
const WRONG_CRC64 = 'AAAAAAAAAAA=';

async function twoParts(upload: Begun): Promise<CompletedPart[]> {
  return [await upload.part(1, FIRST), await upload.part(2, LAST)];
}

async function sizeOf({ client, plain }: Stage, key: string): Promise<number | undefined> {
  return (await client.send(new HeadObjectCommand({ Bucket: plain, Key: key }))).ContentLength;
}

/** Multipart uploads from creation to completion or abort, and all that is refused on the way. */
export const MULTIPART_CHECKS: readonly Check[] = [
  {
    name: 'joins two parts to one object with the full-object CRC64NVME',
    async run(stage) {
      const upload = await begin(stage, 'mp/joined', { ...CRC64, Metadata: { run: 'r-2' } });
      const parts = await twoParts(upload);
      const sums = {
        ChecksumCRC64NVME: crc64Of(WHOLE),
        ChecksumType: 'FULL_OBJECT',
        MpuObjectSize: WHOLE.length,
      } as const;
      expect(await upload.complete(parts, sums)).toBe('ok');
      const read = await stage.client.send(new GetObjectCommand({ Bucket: stage.plain, Key: 'mp/joined' }));
      expect(Buffer.from((await read.Body?.transformToByteArray()) ?? []).equals(WHOLE)).toBe(true);
      expect(read).toMatchObject({
        ChecksumCRC64NVME: crc64Of(WHOLE),
        ChecksumType: 'FULL_OBJECT',
        Metadata: { run: 'r-2' },
      });
      expect(read.ETag).toMatch(/^"[0-9a-f]{32}-2"$/);
    },
  },
  {
    name: 'joins two parts with the full-object CRC32',
    async run(stage) {
      const upload = await begin(stage, 'mp/crc32', { ChecksumAlgorithm: 'CRC32', ChecksumType: 'FULL_OBJECT' });
      const parts = await twoParts(upload);
      const encoded = Buffer.alloc(4);
      encoded.writeUInt32BE(crc32(WHOLE));
      expect(
        await upload.complete(parts, { ChecksumCRC32: encoded.toString('base64'), ChecksumType: 'FULL_OBJECT' }),
      ).toBe('ok');
    },
  },
  {
    name: 'makes a composite SHA256 of the parts',
    async run(stage) {
      const upload = await begin(stage, 'mp/sha256', { ChecksumAlgorithm: 'SHA256' });
      expect(await upload.complete(await twoParts(upload))).toBe('ok');
      const digest = (data: Buffer) => createHash('sha256').update(data).digest();
      const head = await stage.client.send(
        new HeadObjectCommand({ Bucket: stage.plain, Key: 'mp/sha256', ChecksumMode: 'ENABLED' }),
      );
      expect(head.ChecksumSHA256).toBe(`${digest(Buffer.concat([digest(FIRST), digest(LAST)])).toString('base64')}-2`);
      expect(head.ChecksumType).toBe('COMPOSITE');
    },
  },
  {
    name: 'refuses a wrong full-object checksum and makes no object',
    async run(stage) {
      const upload = await begin(stage, 'mp/wrong-whole', CRC64);
      const parts = await twoParts(upload);
      expect(await upload.complete(parts, { ChecksumCRC64NVME: WRONG_CRC64, ChecksumType: 'FULL_OBJECT' })).toBe(
        'BadDigest 400',
      );
      expect(await outcome(sizeOf(stage, 'mp/wrong-whole'))).toBe('NotFound 404');
    },
  },
  {
    name: 'refuses a wrong object size',
    async run(stage) {
      const upload = await begin(stage, 'mp/wrong-size');
      expect(await upload.complete(await twoParts(upload), { MpuObjectSize: WHOLE.length + 1 })).toBe(
        'InvalidRequest 400',
      );
    },
  },
  {
    name: 'refuses a part with a wrong checksum',
    async run(stage) {
      const upload = await begin(stage, 'mp/bad-part', CRC64);
      expect(await outcome(upload.part(1, FIRST, { ChecksumCRC64NVME: WRONG_CRC64 }))).toBe('BadDigest 400');
    },
  },
  {
    name: 'refuses a part with another kind of checksum than the upload',
    async run(stage) {
      const upload = await begin(stage, 'mp/other-kind', CRC64);
      expect(await outcome(upload.part(1, LAST, { ChecksumAlgorithm: 'CRC32' }))).toBe('InvalidRequest 400');
    },
  },
  {
    name: 'refuses part checksums in the list of an upload that was created without',
    async run(stage) {
      const upload = await begin(stage, 'mp/uncalled');
      const part = await upload.part(1, LAST);
      expect(await upload.complete([{ ...part, ChecksumCRC32: 'AAAAAA==' }])).toBe('InvalidPart 400');
    },
  },
  {
    name: 'refuses kinds of checksum that do not go together',
    async run(stage) {
      expect(
        await outcome(begin(stage, 'mp/kinds', { ChecksumAlgorithm: 'SHA256', ChecksumType: 'FULL_OBJECT' })),
      ).toBe('InvalidRequest 400');
      expect(
        await outcome(begin(stage, 'mp/kinds', { ChecksumAlgorithm: 'CRC64NVME', ChecksumType: 'COMPOSITE' })),
      ).toBe('InvalidRequest 400');
    },
  },
  {
    name: 'refuses a part list with a wrong ETag, a missing part or a wrong part checksum',
    async run(stage) {
      const upload = await begin(stage, 'mp/wrong-list', CRC64);
      const [first, second] = await twoParts(upload);
      expect(await upload.complete([first!, { ...second, ETag: '"00000000000000000000000000000000"' }])).toBe(
        'InvalidPart 400',
      );
      expect(await upload.complete([first!, { ...second, PartNumber: 3 }])).toMatch(/^InvalidPart /);
      expect(await upload.complete([first!, { ...second, ChecksumCRC64NVME: WRONG_CRC64 }])).toBe('InvalidPart 400');
      expect(await upload.complete([first!, second!])).toBe('ok');
    },
  },
  {
    name: 'refuses a part list out of order',
    async run(stage) {
      const upload = await begin(stage, 'mp/order');
      const [first, second] = [await upload.part(1, FIRST), await upload.part(2, FIRST)];
      expect(await upload.complete([second, first])).toBe('InvalidPartOrder 400');
    },
  },
  {
    name: 'refuses an empty part list',
    async run(stage) {
      const upload = await begin(stage, 'mp/none');
      expect(await upload.complete([])).toBe('MalformedXML 400');
    },
  },
  {
    name: 'refuses small parts but for the last',
    async run(stage) {
      const upload = await begin(stage, 'mp/small');
      const parts = [await upload.part(1, LAST), await upload.part(2, LAST)];
      expect(await upload.complete(parts)).toBe('EntityTooSmall 400');
    },
  },
  {
    name: 'F31 refuses part numbers 0 and 10,001',
    async run(stage) {
      const upload = await begin(stage, 'mp/numbers');
      for (const number of [0, 10_001]) expect(await outcome(upload.part(number, LAST))).toBe('InvalidArgument 400');
    },
  },
  {
    name: 'keeps the last of two parts with one number',
    async run(stage) {
      const upload = await begin(stage, 'mp/twice');
      const stale = await upload.part(1, Buffer.from('old'));
      const fresh = await upload.part(1, LAST);
      expect(await upload.complete([stale])).toBe('InvalidPart 400');
      expect(await upload.complete([fresh])).toBe('ok');
      expect(await sizeOf(stage, 'mp/twice')).toBe(LAST.length);
    },
  },
  {
    name: 'F30 refuses to complete onto an existing key with If-None-Match',
    async run(stage) {
      await stage.client.send(new PutObjectCommand({ Bucket: stage.plain, Key: 'mp/taken', Body: 'first' }));
      const upload = await begin(stage, 'mp/taken');
      const part = await upload.part(1, LAST);
      expect(await upload.complete([part], { IfNoneMatch: '*' })).toBe('PreconditionFailed 412');
      expect(await sizeOf(stage, 'mp/taken')).toBe(5);
    },
  },
  {
    name: 'F30 lets exactly one of four racing completions with If-None-Match win',
    async run(stage) {
      const uploads = await Promise.all([1, 2, 3, 4].map(() => begin(stage, 'mp/race')));
      const parts = await Promise.all(uploads.map((upload) => upload.part(1, LAST)));
      const outcomes = await Promise.all(
        uploads.map((upload, i) => upload.complete([parts[i]!], { IfNoneMatch: '*' })),
      );
      expect(outcomes.filter((each) => each === 'ok')).toHaveLength(1);
    },
  },
  {
    name: 'F28 knows a completed upload no more',
    versitygw: 'answers 200 again to the same completion',
    async run(stage) {
      const upload = await begin(stage, 'mp/again');
      const part = await upload.part(1, LAST);
      expect(await upload.complete([part])).toBe('ok');
      expect(await upload.complete([part])).toBe('NoSuchUpload 404');
    },
  },
  {
    name: 'shows nothing of an unfinished or aborted upload',
    async run(stage) {
      const { client, plain: Bucket } = stage;
      const upload = await begin(stage, 'mp/aborted');
      const part = await upload.part(1, LAST);
      const ids = { Bucket, Key: upload.key, UploadId: upload.uploadId };
      expect(await outcome(sizeOf(stage, upload.key))).toBe('NotFound 404');
      expect(await outcome(client.send(new AbortMultipartUploadCommand(ids)))).toBe('ok');
      expect(await outcome(client.send(new ListPartsCommand(ids)))).toBe('NoSuchUpload 404');
      expect(await upload.complete([part])).toBe('NoSuchUpload 404');
      expect(await outcome(client.send(new AbortMultipartUploadCommand(ids)))).toBe('NoSuchUpload 404');
      expect(await outcome(upload.part(2, LAST))).toBe('NoSuchUpload 404');
    },
  },
  {
    name: 'lists parts in pages with size, ETag and checksum',
    async run(stage) {
      const upload = await begin(stage, 'mp/list', CRC64);
      for (const number of [3, 1, 2]) await upload.part(number, LAST);
      const ids = { Bucket: stage.plain, Key: upload.key, UploadId: upload.uploadId };
      const first = await stage.client.send(new ListPartsCommand({ ...ids, MaxParts: 2 }));
      expect(first).toMatchObject({ IsTruncated: true, NextPartNumberMarker: '2', ChecksumAlgorithm: 'CRC64NVME' });
      expect(first.Parts?.[0]).toMatchObject({ PartNumber: 1, Size: LAST.length, ChecksumCRC64NVME: crc64Of(LAST) });
      const second = await stage.client.send(
        new ListPartsCommand({ ...ids, PartNumberMarker: first.NextPartNumberMarker }),
      );
      expect(second.Parts?.map(({ PartNumber }) => PartNumber)).toEqual([3]);
    },
  },
  {
    name: 'lists unfinished uploads by prefix and in pages',
    versitygw: 'refuses its own upload id marker',
    async run(stage) {
      const ids = [];
      for (const key of ['mpl/a', 'mpl/b', 'mpl/c', 'other']) ids.push((await begin(stage, key)).uploadId);
      const list = { Bucket: stage.plain, Prefix: 'mpl/' };
      const page = await stage.client.send(new ListMultipartUploadsCommand({ ...list, MaxUploads: 2 }));
      expect(page.Uploads?.map(({ UploadId }) => UploadId)).toEqual(ids.slice(0, 2));
      const next = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
      const rest = await stage.client.send(new ListMultipartUploadsCommand({ ...list, ...next }));
      expect(rest.Uploads?.map(({ Key }) => Key)).toEqual(['mpl/c']);
      expect(rest.IsTruncated).toBe(false);
    },
  },
  {
    name: 'reads one part of a finished object',
    async run(stage) {
      const upload = await begin(stage, 'mp/part');
      await upload.complete(await twoParts(upload));
      const read = await stage.client.send(
        new GetObjectCommand({ Bucket: stage.plain, Key: 'mp/part', PartNumber: 2 }),
      );
      expect(await read.Body?.transformToString()).toBe(LAST.toString());
      expect(read.PartsCount).toBe(2);
    },
  },
  {
    name: 'reads a range across the border of two parts',
    async run(stage) {
      const upload = await begin(stage, 'mp/border');
      await upload.complete(await twoParts(upload));
      const Range = `bytes=${FIRST.length - 3}-${FIRST.length + 2}`;
      const read = await stage.client.send(new GetObjectCommand({ Bucket: stage.plain, Key: 'mp/border', Range }));
      expect(await read.Body?.transformToString()).toBe(WHOLE.toString('latin1', FIRST.length - 3, FIRST.length + 3));
    },
  },
  {
    name: 'works with the SDK’s own uploader',
    async run(stage) {
      const Body = Buffer.concat([FIRST, FIRST, LAST]);
      await new Upload({ client: stage.client, params: { Bucket: stage.plain, Key: 'mp/sdk', Body } }).done();
      expect(await sizeOf(stage, 'mp/sdk')).toBe(Body.length);
    },
  },
];
