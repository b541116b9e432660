import { MongoClient } from 'mongodb';
import { engineById } from '../../../src/engines/registry.ts';
import type { Toolbox } from '../../../src/process/tools.ts';
import { mongoConnection } from '../mongo-bench.ts';
import { fillFixture } from '../mongo-fixture.ts';
import { type MongoServer, startMongoServer } from '../mongo-server/mongo-server.ts';
import type { Host, HostServer } from './host.ts';

const VERSION = '7.0.14';

/** The wire server of these tests, where the real tools are here to talk to it. No real server can be had without a person. */
export function mongodbHosts(tools: Toolbox): readonly Host[] {
  const present = ['mongodump', 'mongorestore'].every((name) => tools.all(name).some(({ ok }) => ok));
  return present ? [{ engine: 'mongodb', product: 'MongoDB wire server', series: '7.0', start }] : [];
}

async function start(): Promise<HostServer> {
  const server = await startMongoServer({ version: VERSION });
  const scratch = await startMongoServer({ version: VERSION });
  return {
    engine: engineById('mongodb'),
    product: 'MongoDB wire server',
    version: VERSION,
    at: (database) => mongoConnection(server, { database }),
    fill: (database) => fill(server, database),
    scratch: mongoConnection(scratch, { database: 'scratch' }),
    stop: async () => {
      await server.close();
      await scratch.close();
    },
  };
}

async function fill(server: MongoServer, database: string): Promise<void> {
  const client = await new MongoClient(server.url, { directConnection: true }).connect();
  try {
    await fillFixture(client.db(database), server);
  } finally {
    await client.close();
  }
}
