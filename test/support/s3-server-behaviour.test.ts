import {
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  type PutObjectCommandOutput,
  RestoreObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { afterEach, describe, expect, it } from '@jest/globals';
import { clientFor, outcome } from './s3-check.ts';
import { type S3Server, type S3ServerOptions, startS3Server } from './s3-server/s3-server.ts';
import { begin, crc64Of } from './s3-uploads.ts';

const BODY = Buffer.from('the bytes of a backup');
const CRC64 = { ChecksumAlgorithm: 'CRC64NVME', ChecksumType: 'FULL_OBJECT' } as const;

let server: S3Server;
let client: S3Client;

async function start(options: S3ServerOptions = {}): Promise<void> {
  server = await startS3Server({ ...options, limits: { minPartBytes: 1, ...options.limits } });
  client = clientFor(server);
}

afterEach(async () => {
  client.destroy();
  await server.close();
});

function put(more: Partial<PutObjectCommandInput> = {}): Promise<PutObjectCommandOutput> {
  return client.send(new PutObjectCommand({ Bucket: 'backups', Key: 'k', Body: BODY, ...more }));
}

function get(more: Record<string, string> = {}) {
  return client.send(new GetObjectCommand({ Bucket: 'backups', Key: 'k', ...more }));
}

function head() {
  return client.send(new HeadObjectCommand({ Bucket: 'backups', Key: 'k', ChecksumMode: 'ENABLED' }));
}

function stage() {
  return { ...server, client, plain: 'backups', versioned: '', locked: '' };
}

describe('the S3 server', () => {
  it('F31 has a limit of parts that a test can lower', async () => {
    await start({ limits: { maxParts: 20 } });
    const upload = await begin(stage(), 'k', CRC64);
    const parts = [];
    for (let number = 1; number <= 20; number++) parts.push(await upload.part(number, BODY));

    expect(await outcome(upload.part(21, BODY))).toBe('InvalidArgument 400');
    expect(await upload.complete(parts, { ChecksumCRC64NVME: crc64Of(Buffer.concat(Array(20).fill(BODY))) })).toBe(
      'ok',
    );
  });

  it('F31 can ask for equal parts', async () => {
    await start({ limits: { equalParts: true } });
    const upload = await begin(stage(), 'k');
    const parts = [await upload.part(1, BODY), await upload.part(2, Buffer.from('x')), await upload.part(3, BODY)];

    expect(await upload.complete(parts)).toBe('InvalidPart 400');
    expect(await upload.complete([parts[0]!, parts[1]!])).toBe('ok');
  });

  it('refuses an object or a part above its limit', async () => {
    await start({ limits: { maxObjectBytes: 10, maxPartBytes: 10 } });
    const upload = await begin(stage(), 'k');

    expect(await outcome(put())).toBe('EntityTooLarge 400');
    expect(await outcome(upload.part(1, BODY))).toBe('EntityTooLarge 400');
  });

  it('F36 redirects a request signed for another region and names the right one', async () => {
    await start({ buckets: [{ name: 'backups', region: 'eu-west-1' }] });

    expect(await outcome(put())).toBe('PermanentRedirect 301');
    const answer = client.send(new HeadBucketCommand({ Bucket: 'backups' }));
    await expect(answer).rejects.toMatchObject({ $response: { headers: { 'x-amz-bucket-region': 'eu-west-1' } } });
    const right = clientFor({ ...server, region: 'eu-west-1' });
    expect(await outcome(right.send(new HeadBucketCommand({ Bucket: 'backups' })))).toBe('ok');
    right.destroy();
  });

  it('F35 knows an owner that changed hands', async () => {
    await start();
    expect(await outcome(put({ ExpectedBucketOwner: server.account }))).toBe('ok');

    server.bucket('backups').owner = '999999999999';

    expect(await outcome(put({ ExpectedBucketOwner: server.account }))).toBe('AccessDenied 403');
  });

  it('F37 denies single actions and permissions', async () => {
    await start();
    server.deny.add('UploadPart').add('s3:GetObject');
    const upload = await begin(stage(), 'k');

    expect(await outcome(upload.part(1, BODY))).toBe('AccessDenied 403');
    expect(await outcome(put())).toBe('ok');
    expect(await outcome(get())).toBe('AccessDenied 403');
    server.deny.clear();
    expect(await outcome(upload.part(1, BODY))).toBe('ok');
  });

  it.each([
    ['denied', 'AccessDenied 403'],
    ['disabled', 'KMS.DisabledException 400'],
    ['pending-deletion', 'KMS.KMSInvalidStateException 400'],
  ] as const)('F38 refuses to write and read with a KMS key that is %s', async (state, expected) => {
    await start({ kmsKeys: { key: 'enabled' } });
    const sse = { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'key' } as const;
    expect(await put(sse)).toMatchObject({ ...sse });

    server.kmsKeys.set('key', state);

    expect(await outcome(put(sse))).toBe(expected);
    expect(await outcome(client.send(new CreateMultipartUploadCommand({ Bucket: 'backups', Key: 'k', ...sse })))).toBe(
      expected,
    );
    expect(await outcome(get())).toBe(expected);
  });

  it('F38 lets a key without Decrypt begin an upload and refuses its parts', async () => {
    await start({ kmsKeys: { key: 'no-decrypt' } });
    const upload = await begin(stage(), 'k', { ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'key' });

    expect(await outcome(upload.part(1, BODY))).toBe('AccessDenied 403');
    expect(await outcome(put({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: 'unknown' }))).toBe(
      'KMS.NotFoundException 400',
    );
  });

  it('F42 gives no bytes of an archived object until its restore is over', async () => {
    await start();
    await put();
    server.setStorageClass('k', 'GLACIER');

    expect(await outcome(get())).toBe('InvalidObjectState 403');
    expect((await head()).StorageClass).toBe('GLACIER');
    const restore = () =>
      client.send(new RestoreObjectCommand({ Bucket: 'backups', Key: 'k', RestoreRequest: { Days: 1 } }));
    await restore();
    expect((await head()).Restore).toBe('ongoing-request="true"');
    expect(await outcome(restore())).toBe('RestoreAlreadyInProgress 409');
    expect(await outcome(get())).toBe('InvalidObjectState 403');
    server.finishRestores();
    expect((await head()).Restore).toMatch(/^ongoing-request="false"/);
    expect(await outcome(get())).toBe('ok');
  });

  it('keeps the storage class asked for and refuses an unknown one', async () => {
    await start();
    await put({ StorageClass: 'GLACIER_IR' });

    expect((await head()).StorageClass).toBe('GLACIER_IR');
    expect(await outcome(put({ StorageClass: 'SHELF' as 'STANDARD' }))).toBe('InvalidStorageClass 400');
    expect(await outcome(client.send(new RestoreObjectCommand({ Bucket: 'backups', Key: 'k' })))).toBe(
      'InvalidObjectState 403',
    );
  });

  it('F44 can be a store that refuses checksums', async () => {
    await start({ features: { checksums: 'refused' } });
    const modest = clientFor(server, { requestChecksumCalculation: 'WHEN_REQUIRED' });

    expect(await outcome(put())).toBe('NotImplemented 501');
    expect(await outcome(modest.send(new PutObjectCommand({ Bucket: 'backups', Key: 'k', Body: BODY })))).toBe('ok');
    modest.destroy();
  });

  it('F44 can be a store that ignores checksums or conditions', async () => {
    await start({ features: { checksums: 'ignored', conditions: 'ignored' } });

    expect(await outcome(put({ ChecksumCRC32: 'AAAAAA==' }))).toBe('ok');
    expect((await head()).ChecksumCRC32).toBeUndefined();
    expect(await outcome(put({ IfNoneMatch: '*' }))).toBe('ok');
    server.features.conditions = 'refused';
    expect(await outcome(put({ IfNoneMatch: '*' }))).toBe('NotImplemented 501');
  });

  it('F34 lives by its own clock', async () => {
    await start();
    server.clockOffsetMs = -20 * 60_000;
    expect(await outcome(put())).toBe('RequestTimeTooSkewed 403');

    const learning = clientFor(server, { maxAttempts: 2 });
    expect(await outcome(learning.send(new PutObjectCommand({ Bucket: 'backups', Key: 'k', Body: BODY })))).toBe('ok');
    learning.destroy();
  });

  it('logs what was asked, by whom, and how it ended', async () => {
    await start();
    const upload = await begin(stage(), 'k');
    await upload.part(7, BODY);
    await outcome(client.send(new DeleteObjectCommand({ Bucket: 'nowhere', Key: 'k' })));

    expect(server.log).toMatchObject([
      { index: 0, action: 'CreateMultipartUpload', status: 200 },
      {
        index: 1,
        action: 'UploadPart',
        key: 'k',
        partNumber: 7,
        uploadId: upload.uploadId,
        status: 200,
        bytesIn: BODY.length,
      },
      {
        index: 2,
        action: 'DeleteObject',
        bucket: 'nowhere',
        status: 404,
        code: 'NoSuchBucket',
        accessKeyId: server.credentials.accessKeyId,
      },
    ]);
    expect(server.log.every(({ at, durationMs }) => at > 0 && durationMs > 0)).toBe(true);
  });

  it('answers what it does not know with 501', async () => {
    await start();
    const { GetBucketPolicyCommand, GetObjectTaggingCommand } = await import('@aws-sdk/client-s3');
    await put();

    expect(await outcome(client.send(new GetBucketPolicyCommand({ Bucket: 'backups' })))).toBe('NotImplemented 501');
    expect(await outcome(client.send(new GetObjectTaggingCommand({ Bucket: 'backups', Key: 'k' })))).toBe(
      'NotImplemented 501',
    );
  });

  it('waits for the body of a client that asks first, and refuses before it is sent', async () => {
    await start();
    const big = Buffer.alloc(3 * 1024 * 1024);
    expect(await outcome(put({ Body: big }))).toBe('ok');

    server.deny.add('PutObject');

    expect(await outcome(put({ Body: big }))).toBe('AccessDenied 403');
    expect(server.log.at(-1)?.bytesIn).toBe(0);
  });

  it('lists nothing of a bucket that has nothing', async () => {
    await start();
    const { KeyCount, Contents } = await client.send(new ListObjectsV2Command({ Bucket: 'backups' }));

    expect([KeyCount, Contents]).toEqual([0, undefined]);
  });
});
