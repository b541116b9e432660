import { serialize } from 'bson';
import { startMongoServer } from '../../test/support/mongo-server/mongo-server.ts';
import { rows } from '../data.ts';

// The wire server of the tests with as many documents as its argument says, in a process of its own.
const count = Number(process.argv[2] ?? '1000');
const server = await startMongoServer();
for (const chunk of rows('events', count)) {
  const lines = chunk.trimEnd().split('\n');
  server.put('shop', 'events', lines.map(document));
}
console.log(JSON.stringify({ url: server.url }));
process.once('SIGTERM', () => void server.close());

function document(line: string): Buffer {
  const [id, uid, user, kind, payload = '{}', amount, at = ''] = line.split('\t');
  const fields = {
    _id: Number(id),
    uid,
    user: Number(user),
    kind,
    payload: JSON.parse(payload),
    amount: Number(amount),
    at: new Date(`${at}Z`),
  };
  return Buffer.from(serialize(fields));
}
