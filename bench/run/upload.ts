import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { parseArgs } from 'node:util';
import { crc32 } from 'node:zlib';
import { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { VolumeWriter } from '../../src/pipeline/volume-writer.ts';
import { base64Crc } from '../../src/pipeline/volumes.ts';
import { namedVariable } from '../../src/runtime/config.ts';
import { openStorage } from '../../src/storage/registry.ts';
import { parseStoreUrl } from '../../src/storage/store-url.ts';

// Sends so many MB to S3: part by part as our storage does, with our whole writer (which also hashes all of it), or with the
// SDK's uploader as it comes.
// usage: node bench/run/start.ts upload --way parts|writer|library --to STORE_URL --endpoint URL --megabytes N
const { values } = parseArgs({
  options: {
    way: { type: 'string', default: 'writer' },
    to: { type: 'string', default: '' },
    endpoint: { type: 'string', default: '' },
    megabytes: { type: 'string', default: '128' },
  },
});
const chunk = randomBytes(1024 * 1024);
const count = Number(values.megabytes);

const metadata = { backup: 'bench', run: 'bench', attempt: '1' };
const IN_FLIGHT = 2;

async function parts(): Promise<void> {
  const storage = openStorage(parseStoreUrl(values.to, namedVariable));
  const { partBytes } = storage.limits;
  const upload = await storage.upload(`f${process.pid}/dump`, metadata);
  const free = Array.from({ length: IN_FLIGHT }, () => Buffer.allocUnsafeSlow(partBytes));
  const flying = new Set<Promise<void>>();
  const total = { bytes: 0, crc: 0 };
  for (let number = 1; total.bytes < count * chunk.length; number += 1) {
    if (free.length === 0) await Promise.race(flying);
    const buffer = free.pop();
    if (buffer === undefined) throw new Error('a part has landed and its buffer is not back');
    const bytes = Math.min(partBytes, count * chunk.length - total.bytes);
    for (let at = 0; at < bytes; at += chunk.length) buffer.set(chunk, at);
    const body = buffer.subarray(0, bytes);
    total.bytes += bytes;
    total.crc = crc32(body, total.crc);
    const flight = upload.part(number, body).finally(() => {
      flying.delete(flight);
      free.push(buffer);
    });
    flying.add(flight);
  }
  await Promise.all(flying);
  await upload.complete({ bytes: total.bytes, crc32: base64Crc(total.crc) });
  await storage.close();
}

async function writer(): Promise<void> {
  const storage = openStorage(parseStoreUrl(values.to, namedVariable));
  const writer = new VolumeWriter({ storage, folder: `f${process.pid}`, base: 'dump', metadata });
  for (let n = 0; n < count; n += 1) await writer.write(chunk);
  await writer.finish();
  await writer.complete();
  await storage.close();
}

async function library(): Promise<void> {
  const client = new S3Client({ region: 'us-east-1', endpoint: values.endpoint, forcePathStyle: true });
  const body = new PassThrough();
  const upload = new Upload({ client, params: { Bucket: 'bench', Key: `f${process.pid}`, Body: body } });
  const done = upload.done();
  for (let n = 0; n < count; n += 1) {
    if (!body.write(chunk)) await new Promise<void>((resolve) => body.once('drain', resolve));
  }
  body.end();
  await done;
}

const before = process.cpuUsage();
const ways: Readonly<Record<string, () => Promise<void>>> = { parts, writer, library };
const way = ways[values.way];
if (way === undefined) throw new Error(`unknown way ${values.way}`);
await way();
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ sendingCpuSeconds: (user + system) / 1e6 }));
