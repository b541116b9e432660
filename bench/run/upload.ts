import { randomBytes } from 'node:crypto';
import { PassThrough } from 'node:stream';
import { parseArgs } from 'node:util';
import { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { VolumeWriter } from '../../src/pipeline/volume-writer.ts';
import { namedVariable } from '../../src/runtime/config.ts';
import { openStorage } from '../../src/storage/registry.ts';
import { parseStoreUrl } from '../../src/storage/store-url.ts';

// Sends so many MB to S3: with our own writer, or with the SDK's uploader as it comes.
// usage: node bench/run/start.ts upload --way loop|library --to STORE_URL --endpoint URL --megabytes N
const { values } = parseArgs({
  options: {
    way: { type: 'string', default: 'loop' },
    to: { type: 'string', default: '' },
    endpoint: { type: 'string', default: '' },
    megabytes: { type: 'string', default: '128' },
  },
});
const chunk = randomBytes(1024 * 1024);
const count = Number(values.megabytes);

async function loop(): Promise<void> {
  const storage = openStorage(parseStoreUrl(values.to, namedVariable));
  const metadata = { backup: 'bench', run: 'bench', attempt: '1' };
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
await (values.way === 'loop' ? loop() : library());
const { user, system } = process.cpuUsage(before);
console.log(JSON.stringify({ sendingCpuSeconds: (user + system) / 1e6 }));
