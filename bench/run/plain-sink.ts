import { createServer } from 'node:http';

// Takes whatever is put and keeps nothing: what a shell pipeline with curl uploads to.
const server = createServer((request, response) => {
  request.resume();
  request.on('end', () => response.end());
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  console.log(JSON.stringify({ endpoint: `http://127.0.0.1:${port}` }));
});
process.once('SIGTERM', () => server.close());
