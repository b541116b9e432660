import { type Db, MongoClient, type MongoClientOptions } from 'mongodb';
import { pinnedLookup } from '../../domain/address.ts';
import type { Connection, Workbench } from '../engine.ts';
import { mongodbUri } from './address.ts';
import { readAuthority } from './authority.ts';
import { failureOf } from './failures.ts';

const DIAL_MS = 10_000;
/** How our own connections begin their name in the server's list of operations. */
export const APP_NAME = 'database-dump';

/** Values stay BSON objects, so that numbers keep their types. */
export const EXACT = { promoteValues: false, promoteLongs: false, promoteBuffers: false, bsonRegExp: true } as const;

/** Opens a client to exactly that server, and closes it after `use`. Errors of the driver come out as Failures. */
export async function withClient<T>(
  { signal, runId }: Pick<Workbench, 'signal' | 'runId'>,
  connection: Connection,
  use: (client: MongoClient) => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  const client = await guarded(
    connection,
    async () =>
      new MongoClient(mongodbUri(connection), { ...clientOptions(connection), appName: `${APP_NAME} ${runId}` }),
  );
  const stop = () => void client.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await guarded(connection, async () => {
      await connectOnce(client);
      return use(client);
    });
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    await client.close();
  }
}

/** The same with the connection's own database at hand. */
export function withDatabase<T>(
  bench: Pick<Workbench, 'signal' | 'runId'>,
  connection: Connection,
  use: (db: Db, client: MongoClient) => Promise<T>,
) {
  return withClient(bench, connection, (client) => use(client.db(connection.database), client));
}

/** A driver tries again until its time is up; whether to do so is for the run to decide, so the first refusal counts. */
async function connectOnce(client: MongoClient): Promise<void> {
  const refused = new Promise<never>((_, reject) => {
    client.once('serverHeartbeatFailed', ({ failure }) => reject(failure));
  });
  refused.catch(() => undefined);
  await Promise.race([client.connect(), refused]);
}

async function guarded<T>(connection: Connection, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failureOf(error, `${connection.host}:${connection.port}`);
  }
}

function clientOptions(connection: Connection): MongoClientOptions {
  const { user, password, address } = connection;
  const ca = readAuthority(connection);
  return {
    serverSelectionTimeoutMS: DIAL_MS,
    connectTimeoutMS: DIAL_MS,
    maxPoolSize: 4,
    // The name stays for TLS; what is dialled is the address that was checked (F88).
    ...(address === undefined ? {} : { lookup: pinnedLookup(address) }),
    ...(ca === undefined ? {} : { ca }),
    ...(user === '' ? {} : { auth: { username: user, password: password?.reveal() ?? '' } }),
  };
}
