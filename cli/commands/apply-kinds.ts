import type { Answer } from '../../src/contract/client.ts';
import { DatabaseCreate, DatabaseUpdate, DestinationUpdate, S3Place } from '../../src/contract/resources/places.ts';
import { ChannelCreate, ChannelUpdate } from '../../src/contract/resources/service.ts';
import { ScheduleUpdate } from '../../src/contract/resources/work.ts';
import { FAILURES, Failure, type FailureCode } from '../../src/domain/failure.ts';
import type { ServiceSession } from '../service-session.ts';
import { type FieldChange, type Fields, updateOf } from './apply-change.ts';
import type { Wanted } from './apply-file.ts';
import type { Kind } from './apply-kind.ts';
import { followRun } from './follow.ts';
import type { Database, Destination, Schedule } from './found.ts';

type Channel = Answer<'channels.get'>;

export interface Known {
  readonly destinations: readonly Destination[];
  readonly databases: readonly Database[];
  readonly schedules: readonly Schedule[];
  readonly channels: readonly Channel[];
}

export interface Scope {
  readonly session: ServiceSession;
  readonly wanted: Wanted;
  readonly known: Known;
  /** Ids by name, of what was there and of what was made. */
  readonly ids: { readonly destinations: Map<string, string>; readonly databases: Map<string, string> };
}

type Item<K extends keyof Wanted> = NonNullable<Wanted[K]> extends readonly (infer One)[] ? One : never;

export function destinationKind({ session, wanted, known, ids }: Scope): Kind<Item<'destinations'>, Destination> {
  const { client } = session;
  const settled = async ({ id, name, state }: Destination) => {
    ids.destinations.set(name, id);
    if (state !== 'verified') await verified(session, { kind: 'destination', name, id });
    return undefined;
  };
  return {
    kind: 'destination',
    wanted: wanted.destinations,
    known: known.destinations,
    said: (item) => flat(item),
    has: ({ kind, name, labels, s3, filesystem }) => flat({ kind, name, labels, s3, filesystem }),
    create: async (body) => settled(await client.call('destinations.create', { body })),
    update: async (destination, changes) => {
      if (changes.some(({ field }) => field === 'kind')) throw fixed('destination', destination.name, 'kind');
      const body = DestinationUpdate.parse(nested(changes));
      const { id, version } = destination;
      return settled(await client.call('destinations.update', { params: { destinationId: id }, version, body }));
    },
    settle: (destination) => (destination.state === 'verified' ? undefined : () => settled(destination)),
    remove: ({ id }) => client.call('destinations.delete', { params: { destinationId: id } }),
  };
}

/** A bucket's fields side by side, each of which may change alone: `s3.region`. */
function flat(item: {
  readonly kind: string;
  readonly name: string;
  readonly labels: Fields;
  readonly s3?: Fields | undefined;
  readonly filesystem?: Fields | undefined;
}): Fields {
  const { kind, name, labels, s3 = {}, filesystem } = item;
  const fields = Object.keys(S3Place.shape).map((field) => [`s3.${field}`, s3[field]]);
  return { kind, name, labels, ...Object.fromEntries(fields), ...(filesystem === undefined ? {} : { filesystem }) };
}

function nested(changes: readonly FieldChange[]): Fields {
  const inS3 = changes.filter(({ field }) => field.startsWith('s3.'));
  const s3 = updateOf(inS3.map((change) => ({ ...change, field: change.field.slice('s3.'.length) })));
  const rest = updateOf(changes.filter((change) => !inS3.includes(change)));
  return { ...rest, ...(inS3.length === 0 ? {} : { s3 }) };
}

export function databaseKind({ session, wanted, known, ids }: Scope): Kind<Item<'databases'>, Database> {
  const { client } = session;
  const settled = async (database: Database) => {
    ids.databases.set(database.name, database.id);
    if (!isSettled(database)) await verified(session, { kind: 'database', name: database.name, id: database.id });
    return undefined;
  };
  return {
    kind: 'database',
    wanted: wanted.databases,
    known: known.databases,
    said: (item) => item,
    has: (database) => picked(database, Object.keys(DatabaseCreate.shape)),
    create: async (body) => settled(await client.call('databases.create', { body })),
    update: async ({ id, version }, changes) => {
      const body = DatabaseUpdate.parse(updateOf(changes));
      return settled(await client.call('databases.update', { params: { databaseId: id }, version, body }));
    },
    settle: (database) => (isSettled(database) ? undefined : () => settled(database)),
    remove: ({ id }) => client.call('databases.delete', { params: { databaseId: id } }),
  };
}

/** One that takes its password with each run cannot be looked at before one. */
function isSettled({ state, credential }: Database): boolean {
  return state === 'verified' || credential.kind === 'one-off';
}

export function scheduleKind({ session, wanted, known, ids }: Scope): Kind<Item<'schedules'>, Schedule> {
  const { client } = session;
  const nameOf = (map: ReadonlyMap<string, string>, id: string) =>
    [...map].find(([, value]) => value === id)?.[0] ?? id;
  return {
    kind: 'schedule',
    wanted: wanted.schedules,
    known: known.schedules,
    said: (item) => item,
    has: ({ databaseId, destinationIds, id, version, words, nextRuns, lastSlot, createdAt, ...rest }) => ({
      ...rest,
      database: nameOf(ids.databases, databaseId),
      destinations: destinationIds.map((destination) => nameOf(ids.destinations, destination)),
    }),
    create: async ({ database, destinations, ...rest }) => {
      const databaseId = idOf(ids.databases, 'database', database);
      const destinationIds = destinations.map((name) => idOf(ids.destinations, 'destination', name));
      await client.call('schedules.create', { body: { ...rest, databaseId, destinationIds } });
      return undefined;
    },
    update: async ({ id, name, version }, changes, { destinations }) => {
      if (changes.some(({ field }) => field === 'database')) throw fixed('schedule', name, 'database');
      const { destinations: changed, ...rest } = updateOf(changes);
      const destinationIds = destinations.map((one) => idOf(ids.destinations, 'destination', one));
      const body = ScheduleUpdate.parse({ ...rest, ...(changed === undefined ? {} : { destinationIds }) });
      await client.call('schedules.update', { params: { scheduleId: id }, version, body });
      return undefined;
    },
    remove: ({ id }) => client.call('schedules.delete', { params: { scheduleId: id } }),
  };
}

export function channelKind({ session, wanted, known }: Scope): Kind<Item<'channels'>, Channel> {
  const { client } = session;
  return {
    kind: 'channel',
    wanted: wanted.channels,
    known: known.channels,
    said: (item) => item,
    has: (channel) => picked(channel, Object.keys(ChannelCreate.shape)),
    seen: (change) => ({ ...change, before: withoutAddress(change.before), after: withoutAddress(change.after) }),
    create: async (body) => {
      const { signingSecret } = await client.call('channels.create', { body });
      return signingSecret === undefined ? undefined : { signingSecret };
    },
    update: async ({ id, version }, changes) => {
      const body = ChannelUpdate.parse(updateOf(changes));
      await client.call('channels.update', { params: { channelId: id }, version, body });
      return undefined;
    },
    remove: ({ id }) => client.call('channels.delete', { params: { channelId: id } }),
  };
}

/** Where a webhook goes without what makes it a key. */
function withoutAddress(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('url' in value)) return value;
  return { ...value, url: `${URL.parse(String(value.url))?.origin ?? ''}/…` };
}

function picked(resource: Fields, names: readonly string[]): Fields {
  return Object.fromEntries(names.map((name) => [name, resource[name]]));
}

function idOf(ids: ReadonlyMap<string, string>, kind: string, name: string): string {
  const id = ids.get(name);
  if (id !== undefined) return id;
  throw new Failure('not_found', `A schedule names a ${kind} ${JSON.stringify(name)} that is not there.`, {
    remedy: `Add the ${kind} to the file, or give the name of one that there is: dbdump ${kind} list`,
  });
}

function fixed(kind: string, name: string, field: string): Failure {
  return new Failure('conflict', `The ${field} of the ${kind} ${name} cannot be changed.`, {
    remedy: `Give it another name in the file, and remove the old one with --prune.`,
  });
}

interface Place {
  readonly kind: 'database' | 'destination';
  readonly name: string;
  readonly id: string;
}

/** Looks at it and waits: what is not verified serves no schedule. */
async function verified(session: ServiceSession, { kind, name, id }: Place): Promise<void> {
  const { client } = session;
  const started =
    kind === 'database'
      ? await client.call('databases.verify', { params: { databaseId: id } })
      : await client.call('destinations.verify', { params: { destinationId: id } });
  const run = await followRun(session, started.id);
  if (run.state === 'succeeded') return;
  const code = Object.keys(FAILURES).find((known): known is FailureCode => known === run.code);
  throw new Failure(code ?? 'not_verified', `The ${kind} ${name} could not be verified: ${run.cause ?? run.state}`, {
    remedy: run.remedy ?? `Look at it with: dbdump run show ${run.id}`,
  });
}
