import { startS3Server } from '../../test/support/s3-server/s3-server.ts';

// The test server without the checks that cost time: with a folder as its argument it keeps bytes there, else it keeps none.
const [folder] = process.argv.slice(2);
const server = await startS3Server({
  buckets: [{ name: 'bench' }],
  etags: 'opaque',
  checkPayload: false,
  ...(folder === undefined ? { discard: true } : { folder }),
});
console.log(JSON.stringify({ endpoint: server.endpoint, ...server.credentials }));
process.once('SIGTERM', () => void server.close());
