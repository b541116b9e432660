import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  type PutObjectCommandInput,
  type PutObjectCommandOutput,
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

function stage() {
  return { ...server, client, plain: 'backups', versioned: '', locked: '' };
}

describe('what the S3 server holds', () => {
  it('F39 rots a bit at rest while all it tells stays the same', async () => {
    await start();
    const { ETag } = await put();
    await server.flipBit('k', 9);
    const trusting = clientFor(server, { responseChecksumValidation: 'WHEN_REQUIRED' });

    const read = await trusting.send(new GetObjectCommand({ Bucket: 'backups', Key: 'k' }));

    expect(read.ETag).toBe(ETag);
    expect(Buffer.from((await read.Body?.transformToByteArray()) ?? [])[1]).toBe((BODY[1] ?? 0) ^ 2);
    trusting.destroy();
  });

  it('F40 cuts and replaces objects behind the API’s back', async () => {
    await start({ buckets: [{ name: 'backups', versioning: 'Enabled' }] });
    const { VersionId, ETag } = await put();
    await server.truncate('k', 5);
    expect((await server.read('k')).toString()).toBe('the b');
    await server.replace('k', Buffer.from('other'));

    const read = await get();

    expect(await read.Body?.transformToString()).toBe('other');
    expect([read.VersionId, read.ETag]).not.toEqual([VersionId, ETag]);
    expect(server.versions()).toHaveLength(2);
    await server.remove('k');
    expect(server.objects()).toMatchObject([{ versionId: VersionId, size: 5 }]);
  });

  it('F26 shows open uploads and their parts', async () => {
    await start();
    const upload = await begin(stage(), 'k');
    await upload.part(2, BODY);

    expect(server.uploads()).toMatchObject([
      { key: 'k', uploadId: upload.uploadId, parts: [{ partNumber: 2, size: BODY.length }] },
    ]);
  });

  it('keeps bytes in a folder, under names that keys cannot choose', async () => {
    const folder = await mkdtemp(join(tmpdir(), 's3-folder-'));
    await start({ folder });
    await put({ Key: '../../escape' });
    const upload = await begin(stage(), 'k');
    await upload.complete([await upload.part(1, BODY), await upload.part(2, BODY)]);
    await server.flipBit('k', BODY.length * 8);

    expect((await server.read('k')).equals(Buffer.concat([BODY, Buffer.from('u'), BODY.subarray(1)]))).toBe(true);
    expect(await readdir(folder)).toHaveLength(3);
    expect((await readdir(folder)).every((name) => /^[0-9a-f-]{36}$/.test(name))).toBe(true);
    await client.send(new DeleteObjectCommand({ Bucket: 'backups', Key: 'k' }));
    expect(await readdir(folder)).toHaveLength(1);
    await rm(folder, { recursive: true });
  });

  it('T19 discards parts but still checks them, and keeps small objects', async () => {
    await start({ discard: true });
    const upload = await begin(stage(), 'k', CRC64);
    const parts = [await upload.part(1, BODY), await upload.part(2, BODY)];

    expect(await outcome(upload.part(3, BODY, { ChecksumCRC64NVME: 'AAAAAAAAAAA=' }))).toBe('BadDigest 400');
    expect(await upload.complete(parts, { ChecksumCRC64NVME: 'AAAAAAAAAAA=' })).toBe('BadDigest 400');
    const whole = crc64Of(Buffer.concat([BODY, BODY]));
    expect(await upload.complete(parts, { ChecksumCRC64NVME: whole, MpuObjectSize: 2 * BODY.length })).toBe('ok');
    expect(await outcome(get())).toBe('NotImplemented 501');
    const head = await client.send(new HeadObjectCommand({ Bucket: 'backups', Key: 'k', ChecksumMode: 'ENABLED' }));
    expect(head).toMatchObject({ ContentLength: 2 * BODY.length, ChecksumCRC64NVME: whole });
    await put({ Key: 'manifest' });
    expect((await server.read('manifest')).equals(BODY)).toBe(true);
  });
});
