import { parseArgs } from 'node:util';
import { startS3Server } from './s3-server.ts';

/**
 * The server by hand: `node test/support/s3-server/main.ts --port 0 --discard`.
 * Prints one line of JSON with endpoint, region, bucket and credentials, then serves until SIGTERM or SIGINT.
 */
const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    bucket: { type: 'string', default: 'backups' },
    folder: { type: 'string' },
    discard: { type: 'boolean', default: false },
    versioned: { type: 'boolean', default: false },
  },
});

const server = await startS3Server({
  port: Number(values.port),
  discard: values.discard,
  buckets: [{ name: values.bucket, versioning: values.versioned ? 'Enabled' : undefined }],
  ...(values.folder === undefined ? {} : { folder: values.folder }),
});
console.log(
  JSON.stringify({ endpoint: server.endpoint, region: server.region, bucket: values.bucket, ...server.credentials }),
);

for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void server.close());
