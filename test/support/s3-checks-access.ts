import { Readable } from 'node:stream';
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListBucketsCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { expect } from '@jest/globals';
import { answerOf, type Check, clientFor, handMade, outcome, type Stage } from './s3-check.ts';
import { presign, sendSigned, sendSignedChunks } from './s3-signing.ts';

const MINUTE = 60_000;

async function store({ client, plain }: Stage, key: string): Promise<void> {
  await client.send(new PutObjectCommand({ Bucket: plain, Key: key, Body: 'secret' }));
}

/** Who is let in: signatures, clocks, presigned URLs, buckets and their owners. */
export const ACCESS_CHECKS: readonly Check[] = [
  {
    name: 'refuses a wrong secret',
    async run(stage) {
      const client = clientFor({ ...stage, credentials: { ...stage.credentials, secretAccessKey: 'wrong' } });
      expect(await outcome(client.send(new PutObjectCommand({ Bucket: stage.plain, Key: 'x', Body: 'x' })))).toBe(
        'SignatureDoesNotMatch 403',
      );
      client.destroy();
    },
  },
  {
    name: 'refuses an unknown access key',
    versitygw: 'answers 404 XAdminUserNotFound',
    async run(stage) {
      const client = clientFor({ ...stage, credentials: { accessKeyId: 'AKIANOBODY', secretAccessKey: 'x' } });
      expect(await outcome(client.send(new ListBucketsCommand({})))).toBe('InvalidAccessKeyId 403');
      client.destroy();
    },
  },
  {
    name: 'refuses an anonymous read and write',
    async run(stage) {
      await store(stage, 'anonymous');
      const url = `${stage.endpoint}/${stage.plain}/anonymous`;
      expect(await answerOf(fetch(url))).toBe('AccessDenied 403');
      expect(await answerOf(fetch(url, { method: 'PUT', body: 'x' }))).toBe('AccessDenied 403');
    },
  },
  {
    name: 'F34 refuses a request signed more than 15 minutes ago or ahead',
    async run(stage) {
      for (const minutes of [-16, 16]) {
        const sent = sendSigned({ ...handMade(stage, 'PUT', 'skew'), body: 'x', now: Date.now() + minutes * MINUTE });
        expect(await answerOf(sent)).toBe('RequestTimeTooSkewed 403');
      }
      const near = sendSigned({ ...handMade(stage, 'PUT', 'skew'), body: 'x', now: Date.now() - 14 * MINUTE });
      expect(await answerOf(near)).toBe('200');
    },
  },
  {
    name: 'refuses a body that is not the one signed',
    async run(stage) {
      const sent = sendSigned({ ...handMade(stage, 'PUT', 'tampered'), body: 'evil', payloadHash: 'ab'.repeat(32) });
      expect(await answerOf(sent)).toBe('XAmzContentSHA256Mismatch 400');
      expect(await outcome(stage.client.send(new GetObjectCommand({ Bucket: stage.plain, Key: 'tampered' })))).toBe(
        'NoSuchKey 404',
      );
    },
  },
  {
    name: 'refuses an x-amz header that was slipped in after signing',
    async run(stage) {
      const unsignedHeaders = { 'x-amz-meta-evil': '1' };
      expect(await answerOf(sendSigned({ ...handMade(stage, 'PUT', 'slipped'), body: 'x', unsignedHeaders }))).toBe(
        'AccessDenied 403',
      );
    },
  },
  {
    name: 'takes an unsigned payload when the signature says so',
    async run(stage) {
      expect(
        await answerOf(
          sendSigned({ ...handMade(stage, 'PUT', 'unsigned'), body: 'x', payloadHash: 'UNSIGNED-PAYLOAD' }),
        ),
      ).toBe('200');
    },
  },
  {
    name: 'checks the signature of every chunk of a signed stream',
    async run(stage) {
      const wanted = { ...handMade(stage, 'PUT', 'chunks'), body: 'signed chunk' };
      expect(await answerOf(sendSignedChunks(wanted))).toBe('200');
      const spoilt = sendSignedChunks(wanted, (framed) => framed.replace('signed chunk', 'forged chunk'));
      expect(await answerOf(spoilt)).toBe('SignatureDoesNotMatch 403');
    },
  },
  {
    name: 'lets a presigned URL read and write until it ends',
    async run(stage) {
      const write = presign(handMade(stage, 'PUT', 'presigned'), 60);
      expect(await answerOf(fetch(write, { method: 'PUT', body: 'by url' }))).toBe('200');
      const read = await fetch(presign(handMade(stage, 'GET', 'presigned'), 60));
      expect(await read.text()).toBe('by url');
      const ended = presign({ ...handMade(stage, 'GET', 'presigned'), now: Date.now() - 61_000 }, 60);
      expect(await answerOf(fetch(ended))).toBe('AccessDenied 403');
    },
  },
  {
    name: 'refuses a presigned URL for another key, method, expiry or signature',
    async run(stage) {
      await store(stage, 'url-a');
      const url = presign(handMade(stage, 'GET', 'url-a'), 60);
      expect(await answerOf(fetch(url.replace('url-a', 'url-b')))).toBe('SignatureDoesNotMatch 403');
      expect(await answerOf(fetch(url.replace('Expires=60', 'Expires=600')))).toBe('SignatureDoesNotMatch 403');
      expect(await answerOf(fetch(url.replace(/.{4}$/, 'beef')))).toBe('SignatureDoesNotMatch 403');
      expect(await answerOf(fetch(url, { method: 'DELETE' }))).toBe('SignatureDoesNotMatch 403');
    },
  },
  {
    name: 'puts response headers asked for in a presigned URL',
    async run(stage) {
      await store(stage, 'download');
      const query = { 'response-content-disposition': 'attachment; filename="a b.dump"' };
      const response = await fetch(presign({ ...handMade(stage, 'GET', 'download'), query }, 60));
      expect(response.headers.get('content-disposition')).toBe('attachment; filename="a b.dump"');
      await response.arrayBuffer();
    },
  },
  {
    name: 'wants a length for a body',
    async run(stage) {
      const body = Readable.toWeb(Readable.from([Buffer.from('x')]));
      const url = presign(handMade(stage, 'PUT', 'no-length'), 60);
      const init = { method: 'PUT', body, duplex: 'half' } as unknown as RequestInit;
      expect(await answerOf(fetch(url, init))).toBe('MissingContentLength 411');
    },
  },
  {
    name: 'lists and finds its buckets',
    async run({ client, plain, versioned, region }) {
      const { Buckets = [] } = await client.send(new ListBucketsCommand({}));
      expect(Buckets.map(({ Name }) => Name)).toEqual(expect.arrayContaining([plain, versioned]));
      expect(await client.send(new HeadBucketCommand({ Bucket: plain }))).toMatchObject({ BucketRegion: region });
      expect(await outcome(client.send(new HeadBucketCommand({ Bucket: 'no-such-bucket-here' })))).toBe('NotFound 404');
    },
  },
  {
    name: 'creates a bucket once and refuses a bad name',
    async run({ client }) {
      expect(await outcome(client.send(new CreateBucketCommand({ Bucket: 'created-here' })))).toBe('ok');
      expect(await outcome(client.send(new CreateBucketCommand({ Bucket: 'created-here' })))).toBe(
        'BucketAlreadyOwnedByYou 409',
      );
      expect(await outcome(client.send(new CreateBucketCommand({ Bucket: 'Bad_Name' })))).toBe('InvalidBucketName 400');
    },
  },
  {
    name: 'F35 refuses every call that expects another owner of the bucket',
    async run({ client, plain }) {
      const ExpectedBucketOwner = '999999999999';
      const calls = [
        outcome(client.send(new HeadBucketCommand({ Bucket: plain, ExpectedBucketOwner }))),
        outcome(client.send(new PutObjectCommand({ Bucket: plain, Key: 'x', Body: 'x', ExpectedBucketOwner }))),
        outcome(client.send(new GetObjectCommand({ Bucket: plain, Key: 'x', ExpectedBucketOwner }))),
      ];
      for (const each of await Promise.all(calls)) expect(each).toMatch(/ 403$/);
    },
  },
];
