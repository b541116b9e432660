import type { Client, Item } from '../../src/contract/client.ts';
import { Failure } from '../../src/domain/failure.ts';

export type Database = Item<'databases.list'>;
export type Destination = Item<'destinations.list'>;
export type Schedule = Item<'schedules.list'>;
export type Backup = Item<'backups.list'>;
export type Run = Item<'runs.list'>;

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const LATEST = 'latest';

/** Things as people name them: by name, or by id where a name is not enough. */

export async function findDatabase(client: Client, text: string): Promise<Database> {
  if (UUID.test(text)) return client.call('databases.get', { params: { databaseId: text } });
  const named = await withName(client.each('databases.list'), text);
  // A removed one that kept its backups gives its name up.
  const managed = named.filter(({ managed: still }) => still);
  return only(managed.length > 0 ? managed : named, 'database', text);
}

export async function findDestination(client: Client, text: string): Promise<Destination> {
  if (UUID.test(text)) return client.call('destinations.get', { params: { destinationId: text } });
  return only(await withName(client.each('destinations.list'), text), 'destination', text);
}

export async function findSchedule(client: Client, text: string): Promise<Schedule> {
  if (UUID.test(text)) return client.call('schedules.get', { params: { scheduleId: text } });
  return only(await withName(client.each('schedules.list'), text), 'schedule', text);
}

/** An id, a backup's name, `latest` or `latest:DATABASE`: the newest one that is good. */
export async function findBackup(client: Client, text: string): Promise<Backup> {
  if (UUID.test(text)) return client.call('backups.get', { params: { backupId: text } });
  if (text === LATEST || text.startsWith(`${LATEST}:`)) return latestBackup(client, text.slice(LATEST.length + 1));
  for await (const backup of client.each('backups.list')) if (backup.name === text) return backup;
  throw missing('backup', text);
}

async function latestBackup(client: Client, database: string): Promise<Backup> {
  const scope = database === '' ? {} : { databaseId: (await findDatabase(client, database)).id };
  const { items } = await client.call('backups.list', { query: { ...scope, state: 'good', limit: 1 } });
  const [newest] = items;
  if (newest !== undefined) return newest;
  throw new Failure('not_found', `There is no good backup${database === '' ? '' : ` of ${database}`} yet.`, {
    remedy: 'See what there is: dbdump backup list',
  });
}

/** An id, or `latest`. */
export async function findRun(client: Client, text: string): Promise<Run> {
  if (UUID.test(text)) return client.call('runs.get', { params: { runId: text } });
  const { items } = text === LATEST ? await client.call('runs.list', { query: { limit: 1 } }) : { items: [] };
  const [newest] = items;
  if (newest === undefined) throw missing('run', text);
  return newest;
}

/** Where a run goes: those named, or the one that there is. */
export async function destinationsFor(client: Client, names: readonly string[]): Promise<readonly Destination[]> {
  if (names.length > 0) return Promise.all(names.map((name) => findDestination(client, name)));
  const [first, second] = await collected(client.each('destinations.list'));
  if (first !== undefined && second === undefined) return [first];
  throw new Failure(
    'usage',
    first === undefined ? 'There is no destination yet.' : 'There are several destinations and none is named.',
    {
      remedy:
        first === undefined ? 'Add one: dbdump destination add NAME s3://BUCKET/PREFIX' : 'Name one with --to NAME',
    },
  );
}

export async function collected<T>(items: AsyncIterable<T>, most = Number.POSITIVE_INFINITY): Promise<T[]> {
  const result: T[] = [];
  for await (const item of items) {
    if (result.length >= most) break;
    result.push(item);
  }
  return result;
}

async function withName<T extends { readonly name: string }>(items: AsyncIterable<T>, name: string): Promise<T[]> {
  return (await collected(items)).filter((item) => item.name === name);
}

function only<T extends { readonly id: string }>(found: readonly T[], kind: string, name: string): T {
  const [first] = found;
  if (first === undefined) throw missing(kind, name);
  if (found.length === 1) return first;
  throw new Failure('usage', `There are ${found.length} of the name ${JSON.stringify(name)}, each a ${kind}.`, {
    remedy: `Give the id of one: ${found.map(({ id }) => id).join(', ')}`,
  });
}

function missing(kind: string, name: string): Failure {
  return new Failure('not_found', `There is no ${kind} ${JSON.stringify(name.slice(0, 80))}.`, {
    remedy: `See what there is: dbdump ${kind} list`,
  });
}
