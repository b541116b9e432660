import { randomBytes } from 'node:crypto';
import { BSON, MongoClient } from 'mongodb';
import { parseDatabaseUrl } from '../../src/domain/database-url.ts';
import { Failure } from '../../src/domain/failure.ts';
import type { Connection } from '../../src/engines/engine.ts';
import { engineById, engines } from '../../src/engines/registry.ts';
import { fillFixture } from '../../test/support/mongo-fixture.ts';
import type { Trial } from '../../test/support/trial.ts';
import type { Row } from './row.ts';
import { type Place, provingRow } from './steps.ts';

/**
 * The row of a server that a person named. The database in the URL is only read; its copy goes beside it under a name of
 * our own and is dropped again. A MongoDB URL without a database gets the fixture first, in a database of our own.
 */
export async function givenRow(trial: Trial, url: string): Promise<Row> {
  const connection = parseDatabaseUrl(url, engines);
  const engine = engineById(connection.engine);
  const probe = await engine.probe(trial.needs(engine).bench, connection);
  const place: Place = {
    engine,
    label: `${probe.flavour} at ${connection.host}`,
    version: probe.version,
    at: (database) => ({ ...connection, database: database === '' ? connection.database : database }),
    ...(engine.id === 'mongodb' ? { scratch: connection } : {}),
  };
  const tag = randomBytes(4).toString('hex');
  const copy = `dbdump_matrix_${tag}`;
  const made = connection.database === '' ? await fixture(url, connection, `dbdump_fixture_${tag}`) : undefined;
  const { row } = await provingRow(trial, place, { database: made?.name ?? connection.database, copy });
  const left = await cleanUp(trial, place, [copy, ...(made === undefined ? [] : [made.name])]);
  const notes = [row.notes, made?.note, left].filter((note) => note !== undefined && note !== '');
  return { ...row, notes: notes.join('; ') };
}

async function cleanUp(trial: Trial, { engine, at }: Place, names: readonly string[]): Promise<string | undefined> {
  const admin = engine.admin(trial.needs(engine).bench);
  try {
    for (const name of names) if (await admin.exists(at(''), name)) await admin.drop(at(''), name);
    return undefined;
  } catch {
    return `please drop ${names.join(' and ')} by hand`;
  }
}

interface Made {
  readonly name: string;
  readonly note: string | undefined;
}

async function fixture(url: string, { engine, host }: Connection, name: string): Promise<Made> {
  if (engine !== 'mongodb') {
    throw new Failure('usage', `The URL of ${host} names no database.`, {
      remedy: 'Name a database of yours: it is only read.',
    });
  }
  const client = await new MongoClient(url).connect();
  try {
    const puts: Put[] = [];
    const pot = {
      put: (_: string, collection: string, documents: readonly Buffer[]) => void puts.push({ collection, documents }),
    };
    await fillFixture(client.db(name), pot);
    return { name, note: await insertAll(client, name, puts) };
  } finally {
    await client.close();
  }
}

interface Put {
  readonly collection: string;
  readonly documents: readonly Buffer[];
}

/** The driver cannot carry every document unchanged; those it cannot are left out, and counted. */
async function insertAll(client: MongoClient, name: string, puts: readonly Put[]): Promise<string | undefined> {
  let left = 0;
  for (const { collection, documents } of puts) {
    for (const bytes of documents) {
      const document = BSON.deserialize(bytes, { promoteValues: false, promoteBuffers: false, bsonRegExp: true });
      if (Buffer.from(BSON.serialize(document)).equals(bytes))
        await client.db(name).collection(collection).insertOne(document);
      else left += 1;
    }
  }
  return left === 0 ? undefined : `${left} documents of the fixture cannot be sent by the driver`;
}
