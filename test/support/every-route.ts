import { randomUUID } from 'node:crypto';
import type { Route } from '../../src/contract/route.ts';
import { type RouteId, routes } from '../../src/contract/routes.ts';
import type { Ask } from './events.ts';
import { sampleBodies } from './sample-bodies.ts';
import type { TenantObjects } from './tenant-objects.ts';

export const everyId = Object.keys(routes) as RouteId[];

export function routeOf(id: RouteId): Route {
  return routes[id];
}

/** Names of the ids in a route's path. */
export function idsIn(id: RouteId): (keyof TenantObjects)[] {
  return [...routeOf(id).path.matchAll(/\{(\w+Id)\}/g)].map((match) => match[1] as keyof TenantObjects);
}

/** A sound request of a route, naming those objects in its path and body. */
export function requestOf(id: RouteId, objects: Readonly<Record<string, string>>): Ask {
  const { method, path, ifMatch } = routeOf(id);
  const full = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    name === 'engine' ? 'postgres' : (objects[name] ?? ''),
  );
  const body = sampleBodies(objects as unknown as TenantObjects)[id];
  return {
    method,
    path: full,
    ...(body === undefined ? {} : { body }),
    ...(ifMatch === true ? { headers: { 'if-match': '"1"' } } : {}),
  };
}

/** Ids of nothing, under every name. */
export function noObjects(): Record<keyof TenantObjects, string> {
  const names: (keyof TenantObjects)[] = [
    'memberId',
    'invitationId',
    'apiKeyId',
    'destinationId',
    'databaseId',
    'scheduleId',
    'runId',
    'backupId',
    'restoreId',
    'channelId',
  ];
  return Object.fromEntries(names.map((name) => [name, randomUUID()])) as Record<keyof TenantObjects, string>;
}
