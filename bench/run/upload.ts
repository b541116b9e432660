import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { parseArgs } from 'node:util';
import { crc32 } from 'node:zlib';
import { crc32Combine } from '../../src/domain/crc32.ts';
import { VolumeWriter } from '../../src/pipeline/volume-writer.ts';
import { base64Crc } from '../../src/pipeline/volumes.ts';
import { namedVariable } from '../../src/runtime/config.ts';
import { openStorage } from '../../src/storage/registry.ts';
import type { Storage } from '../../src/storage/storage.ts';
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

async function parts(storage: Storage): Promise<void> {
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
    const crc = crc32(body);
    total.bytes += bytes;
    total.crc = crc32Combine(total.crc, crc, bytes);
    const flight = upload.part(number, body, crc).finally(() => {
      flying.delete(flight);
      free.push(buffer);
    });
    flying.add(flight);
  }
  await Promise.all(flying);
  await upload.complete({ bytes: total.bytes, crc32: base64Crc(total.crc) });
}

async function writer(storage: Storage): Promise<void> {
  const writer = new VolumeWriter({ storage, folder: `f${process.pid}`, base: 'dump', metadata });
  for (let n = 0; n < count; n += 1) await writer.write(chunk);
  await writer.finish();
  await writer.complete();
}

/** A sending of ours; libraries are loaded and the store has answered once before it is counted. */
async function ours(send: (storage: Storage) => Promise<void>): Promise<() => Promise<void>> {
  const storage = openStorage(parseStoreUrl(values.to, namedVariable));
  await storage.head('nothing');
  return async () => {
    await send(storage);
    await storage.close();
  };
}

async function library(): Promise<() => Promise<void>> {
  const { HeadObjectCommand, S3Client } = await import('@aws-sdk/client-s3');
  const { Upload } = await import('@aws-sdk/lib-storage');
  const client = new S3Client({ region: 'us-east-1', endpoint: values.endpoint, forcePathStyle: true });
  await client.send(new HeadObjectCommand({ Bucket: 'bench', Key: 'nothing' })).catch(() => undefined);
  return async () => {
    const body = new PassThrough();
    const upload = new Upload({ client, params: { Bucket: 'bench', Key: `f${process.pid}`, Body: body } });
    const done = upload.done();
    for (let n = 0; n < count; n += 1) {
      if (!body.write(chunk)) await new Promise<void>((resolve) => body.once('drain', resolve));
    }
    body.end();
    await done;
  };
}

const ways: Readonly<Record<string, () => Promise<() => Promise<void>>>> = {
  parts: () => ours(parts),
  writer: () => ours(writer),
  library,
};
const send = await ways[values.way]?.();
if (send === undefined) throw new Error(`unknown way ${values.way}`);
const before = process.cpuUsage();
await send();
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ sendingCpuSeconds: (user + system) / 1e6 }));
