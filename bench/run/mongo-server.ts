import { serialize } from 'bson';
import { startMongoServer } from '../../test/support/mongo-server/mongo-server.ts';
import { rows } from '../data.ts';

// The wire server of the tests with as many documents as its argument says, in a process of its own.
const count = Number(process.argv[2] ?? '1000');
const server = await startMongoServer();
for (const chunk of rows('articles', count)) {
  const lines = chunk.trimEnd().split('\n');
  server.put('shop', 'articles', lines.map(document));
}
console.log(JSON.stringify({ url: server.url }));
process.once('SIGTERM', () => void server.close());

function document(line: string): Buffer {
  const [id, uid, author, title, body, meta = '{}', created = '', updated = ''] = line.split('\t');
  const at = { created: new Date(`${created}Z`), updated: new Date(`${updated}Z`) };
  return Buffer.from(serialize({ _id: Number(id), uid, author, title, body, meta: JSON.parse(meta), ...at }));
}
