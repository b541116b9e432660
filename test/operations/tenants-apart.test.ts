import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Route } from '../../src/contract/route.ts';
import { type RouteId, routes } from '../../src/contract/routes.ts';
import { operations } from '../../src/operations/registry.ts';
import {
  addBackup,
  DATABASE,
  FOLDER,
  type Input,
  type Json,
  newOwner,
  type Person,
  refusal,
  startWorld,
  verifiedPlaces,
  type World,
} from '../support/operations-world.ts';

let world: World;
let alice: Person;
let bob: Person;
/** Alice's things, by the name that a path or body gives their ids. */
let ids: Record<string, string>;

beforeAll(async () => {
  world = await startWorld();
  alice = await newOwner(world);
  bob = await newOwner(world);
  ids = await everything(alice);
});
afterAll(() => world.stop());

async function everything(person: Person): Promise<Record<string, string>> {
  const places = await verifiedPlaces(person);
  const backupId = await addBackup(person, places);
  const body = { ...SCHEDULE, databaseId: places.databaseId, destinationIds: [places.destinationId] };
  const schedule = await person.ask('schedules.create', { body });
  const other = await person.ask('databases.create', { body: { ...DATABASE, name: 'target' } });
  const run = await person.ask('databases.verify', { params: { databaseId: other.id } });
  const restore = await startRestore(person, { ...places, backupId });
  const invitation = await person.ask('invitations.create', { body: { email: 'x@example.org', role: 'viewer' } });
  const key = await person.ask('apiKeys.create', { body: { name: 'k', role: 'viewer' } });
  const channel = await person.ask('channels.create', { body: CHANNEL });
  return {
    ...places,
    backupId,
    scheduleId: schedule.id,
    runId: run.id,
    restoreId: restore.id,
    invitationId: invitation.id,
    apiKeyId: key.id,
    channelId: channel.id,
    memberId: person.asker.memberId ?? '',
  };
}

const SCHEDULE = { name: 'nightly', cron: '30 2 * * *', zone: 'Europe/Berlin' };
const CHANNEL = { name: 'mail', target: { kind: 'email', to: ['ops@example.org'] } };

function startRestore(person: Person, { databaseId, backupId }: Json): Promise<Json> {
  const body = { backupId, target: { kind: 'new', databaseId, name: 'shop_copy' } };
  return person.ask('restores.start', { body });
}

/** A sound request for each route that names something of Alice's; the others name nothing. */
function requestFor(id: RouteId, its: Record<string, string>): Input {
  const route: Route = routes[id];
  const names = Object.keys(route.params?.shape ?? {});
  const params = Object.fromEntries(names.map((name) => [name, its[name]]));
  const target = { kind: 'new', databaseId: its.databaseId, name: 'copy' };
  const { databaseId, destinationId, backupId } = its;
  const bodies: Partial<Record<RouteId, unknown>> = {
    'members.update': { role: 'viewer' },
    'destinations.update': { name: 'x' },
    'databases.update': { name: 'x' },
    'schedules.create': { ...SCHEDULE, databaseId, destinationIds: [destinationId] },
    'schedules.update': { name: 'x' },
    'retention.preview': { databaseId, retention: { keepLast: 1 } },
    'backups.start': { databaseId, destinationIds: [destinationId] },
    'backups.update': { name: 'x' },
    'backups.pin': { reason: 'x' },
    'backups.verify': {},
    'backups.restorePlan': { backupId, target },
    'restores.start': { backupId, target },
    'channels.update': { name: 'x' },
  };
  return { params, ...(bodies[id] === undefined ? {} : { body: bodies[id] }) };
}

const naming = (Object.keys(routes) as RouteId[]).filter((id) => {
  const route: Route = routes[id];
  const names = Object.keys(route.params?.shape ?? {}).filter((name) => name.endsWith('Id'));
  return names.length > 0 || ['schedules.create', 'retention.preview', 'backups.start', 'restores.start'].includes(id);
});

describe('one operation for each route', () => {
  it('is there, and none is there without a route', () => {
    expect(Object.keys(operations).sort()).toEqual(Object.keys(routes).sort());
    for (const operation of Object.values(operations)) expect(typeof operation).toBe('function');
  });

  it('F98 refuses a NUL and half a character anywhere in the input, and keeps a text that only writes about them', async () => {
    const named = (name: string) => bob.ask('databases.create', { body: { ...DATABASE, labels: { note: name } } });

    expect(await refusal(named('a\0b'))).toBe('usage');
    expect(await refusal(named('\ud800'))).toBe('usage');
    expect((await named('a \\u0000 in words')).labels.note).toBe('a \\u0000 in words');
  });
});

describe('F91 what belongs to one tenant', () => {
  it('is named by more than forty routes', () => {
    expect(naming.length).toBeGreaterThan(40);
  });

  it.each(naming)('%s is not found by another tenant, and neither is an id that nobody has', async (id) => {
    const before = await chain(alice);

    expect(await refusal(bob.ask(id, requestFor(id, ids)))).toBe('not_found');
    const invented = Object.fromEntries(Object.keys(ids).map((name) => [name, randomUUID()]));
    expect(await refusal(bob.ask(id, requestFor(id, invented)))).toBe('not_found');
    expect(await chain(alice)).toBe(before);
  });

  it('is not found either where only one of several ids is foreign', async () => {
    const own = await verifiedPlaces(bob);
    const start = (destinationIds: string[], databaseId = own.databaseId) =>
      refusal(bob.ask('backups.start', { body: { databaseId, destinationIds } }));
    const target = { kind: 'new', databaseId: own.databaseId, name: 'copy' };

    expect(await start([own.destinationId, ids.destinationId ?? ''])).toBe('not_found');
    expect(await start([own.destinationId], ids.databaseId)).toBe('not_found');
    expect(await refusal(bob.ask('restores.start', { body: { backupId: ids.backupId, target } }))).toBe('not_found');
  });

  it('stands in no list of another tenant', async () => {
    const lists = (Object.keys(routes) as RouteId[]).filter((id) => id.endsWith('.list') && id !== 'engines.list');
    expect(lists.length).toBeGreaterThan(9);
    for (const id of lists) {
      const text = JSON.stringify(await bob.ask(id));
      for (const foreign of Object.values(ids)) expect(text).not.toContain(foreign);
    }
  });

  it('is reached by its own tenant with the very same requests', async () => {
    const reading = naming.filter((id) => routes[id].method === 'GET');
    expect(reading.length).toBeGreaterThan(10);
    for (const id of reading) {
      if (id === 'destinations.roleTemplate' || id === 'databases.capabilities') continue;
      expect(await alice.ask(id, requestFor(id, ids))).toBeDefined();
    }
    expect(await alice.ask('databases.capabilities', requestFor('databases.capabilities', ids))).toBeDefined();
  });
});

async function chain(person: Person): Promise<string> {
  const verdict = await person.ask('audit.verify');
  expect(verdict.intact).toBe(true);
  return verdict.head;
}

describe('a folder', () => {
  it('has no role template', async () => {
    expect(await refusal(alice.ask('destinations.roleTemplate', requestFor('destinations.roleTemplate', ids)))).toBe(
      'usage',
    );
    expect(FOLDER.kind).toBe('filesystem');
  });
});
