import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ProblemResource } from '../../src/contract/resources/basics.ts';
import type { RouteId } from '../../src/contract/routes.ts';
import { everyId, idsIn, noObjects, requestOf, routeOf } from '../support/every-route.ts';
import type { TestService, TestTenant } from '../support/service.ts';
import { randomFrom, seed, sized } from '../support/size.ts';
import { makeObjects, startTwoTenants, type TenantObjects } from '../support/tenant-objects.ts';

let service: TestService;
let alice: TestTenant;
let bob: TestTenant;
let hers: TenantObjects;
let his: TenantObjects;

beforeAll(async () => {
  ({ service, alice, bob, hers, his } = await startTwoTenants());
});

afterAll(() => service.stop());

const ids = (objects: TenantObjects): Record<string, string> => ({ ...objects });
const askedBy = (tenant: TestTenant, id: RouteId, objects: Record<string, string>) =>
  service.ask({ ...requestOf(id, objects), key: tenant.keys.owner });

/** Rows of every table, as the superuser sees them. */
async function rowsOf(tenantId: string): Promise<string> {
  const tables = [
    'members',
    'invitations',
    'api_keys',
    'destinations',
    'databases',
    'schedules',
    'runs',
    'backups',
    'restores',
    'channels',
  ];
  const parts: unknown[] = [];
  for (const table of tables) {
    const unchanging = table === 'api_keys' ? "to_jsonb(t) - 'last_used_at'" : 'to_jsonb(t)';
    parts.push(
      await service.world.sql(`SELECT ${unchanging} AS row FROM ${table} t WHERE tenant_id = '${tenantId}' ORDER BY 1`),
    );
  }
  return JSON.stringify(parts);
}

const withIds = everyId.filter((id) => idsIn(id).length > 0);

describe('a tenant', () => {
  it('T13 F91 finds nothing at another tenant’s ids, on any route', async () => {
    const before = await rowsOf(alice.tenantId);
    expect(withIds.length).toBeGreaterThan(30);

    for (const id of withIds) {
      const foreign = await askedBy(bob, id, { ...ids(his), ...pathIds(id, hers) });
      const invented = await askedBy(bob, id, { ...ids(his), ...pathIds(id, noObjects()) });

      expect([id, foreign.status, foreign.json.code]).toEqual([id, 404, 'not_found']);
      // An answer that differed would tell that there is something.
      const { instance: _a, ...told } = foreign.json;
      const { instance: _b, ...same } = invented.json;
      expect([id, invented.status, told]).toEqual([id, 404, same]);
    }
    expect(await rowsOf(alice.tenantId)).toBe(before);
  });

  it('T13 F91 is told nothing by an id that is none at all', async () => {
    for (const id of withIds) {
      for (const wrong of [
        'x',
        '0',
        hers.databaseId.slice(1),
        `${hers.databaseId}0`,
        '%00',
        "'",
        '..%2f',
        '%E2%80%AE',
      ]) {
        const path = routeOf(id).path.replace(/\{\w+\}/, wrong);
        const answer = await service.ask({ ...requestOf(id, ids(his)), path, key: bob.keys.owner });
        expect([id, wrong, answer.status]).toEqual([id, wrong, 404]);
      }
    }
  });

  it.each([
    ['schedules.create', 'databaseId'],
    ['schedules.create', 'destinationId'],
    ['retention.preview', 'databaseId'],
    ['backups.start', 'databaseId'],
    ['backups.start', 'destinationId'],
    ['backups.restorePlan', 'databaseId'],
    ['restores.start', 'databaseId'],
    ['restores.start', 'backupId'],
  ] as const)('T13 F91 cannot name another tenant’s object in the body of %s: %s', async (id, name) => {
    const before = await rowsOf(alice.tenantId);

    const answer = await askedBy(bob, id, { ...ids(his), [name]: hers[name as keyof TenantObjects] });

    // The path's own backup stays his: only the body names hers.
    expect([id, name, answer.status]).toEqual([id, name, 404]);
    expect(await rowsOf(alice.tenantId)).toBe(before);
  });

  it('T13 F91 sees no foreign row in any list, filtered by another tenant’s ids or not', async () => {
    const lists = everyId.filter((id) => id.endsWith('.list'));
    const foreign = new RegExp(Object.values(hers).join('|'));

    for (const id of lists) {
      const plain = await askedBy(bob, id, ids(his));
      expect([id, plain.status]).toEqual([id, 200]);
      expect([id, foreign.exec(plain.text)]).toEqual([id, null]);
      for (const name of Object.keys(routeOf(id).query?.shape ?? {}).filter((each) => each.endsWith('Id'))) {
        const path = `${routeOf(id).path}?${name}=${hers[name as keyof TenantObjects]}`;
        const answer = await service.ask({ path, key: bob.keys.owner });
        expect([id, name, answer.status, answer.json.items]).toEqual([id, name, 200, []]);
      }
    }
  });

  it('T13 F91 stays in its own tenant whatever header names another', async () => {
    const headers = { 'x-tenant-id': alice.tenantId };

    const me = await service.ask({ path: '/v1/me', key: bob.keys.owner, headers });

    expect(me.json).toMatchObject({ tenant: { id: bob.tenantId } });
  });

  it('T13 F93 sees its own rows alone when thousands of requests of both are interleaved', async () => {
    const random = randomFrom(seed);
    const paths = ['/v1/databases', '/v1/backups', '/v1/destinations', '/v1/tenant', '/v1/members'];
    const wrong: string[] = [];

    const work = async () => {
      for (let left = sized(2000, 50_000) / 16; left > 0; left--) {
        const [mine, others] = random() < 0.5 ? [alice, bob] : [bob, alice];
        const theirs = Object.values(others === alice ? hers : his);
        const path = paths[Math.floor(random() * paths.length)] ?? '/v1/me';
        const answer = await service.ask({ path, key: mine.keys.viewer });
        const leaks = [others.tenantId, ...theirs].some((id) => answer.text.includes(id));
        if (answer.status !== 200 || leaks) wrong.push(`${path} ${answer.status}`);
      }
    };
    await Promise.all(Array.from({ length: 16 }, work));

    expect(wrong).toEqual([]);
  });
});

describe('every route', () => {
  it('refuses whoever does not say who they are, but for those that are open to everyone', async () => {
    for (const id of everyId) {
      const answer = await service.ask(requestOf(id, ids(hers)));
      const open = routeOf(id).role === 'public';

      if (open) expect([id, answer.status === 200 || id === 'session.signIn']).toEqual([id, true]);
      else expect([id, answer.status, answer.headers['www-authenticate']]).toEqual([id, 401, 'Bearer']);
    }
  });

  it('refuses a role below its own', async () => {
    const ranks = ['viewer', 'operator', 'admin', 'owner'] as const;
    for (const id of everyId) {
      const needed = ranks.indexOf(routeOf(id).role as 'viewer');
      for (const role of ranks.slice(0, Math.max(0, needed))) {
        const answer = await service.ask({ ...requestOf(id, ids(hers)), key: alice.keys[role] });
        expect([id, role, answer.status, answer.json.code]).toEqual([id, role, 403, 'forbidden']);
      }
    }
  });

  it('answers what the contract says when its own tenant asks', async () => {
    const mine = await service.tenant();
    const objects = await makeObjects(service, mine);
    // What takes something away comes after what needs it.
    const steps = [
      /./,
      /pause/,
      /resume/,
      /^(databases|destinations)\.(update|verify)/,
      /delete|remove|revoke|cancel|signOut/,
      /undelete/,
      /^tenant\.delete/,
    ];
    const step = (id: RouteId) => steps.findLastIndex((pattern) => pattern.test(id));
    const refused: Record<string, unknown> = {};

    for (const id of [...everyId].sort((a, b) => step(a) - step(b))) {
      const request = requestOf(id, ids(objects));
      const version = routeOf(id).ifMatch === true ? await versionOf(request.path, mine) : undefined;
      const headers = version === undefined ? request.headers : { 'if-match': version };
      const answer = await service.ask({
        ...request,
        ...(headers === undefined ? {} : { headers }),
        key: mine.keys.owner,
      });

      if (answer.status === routeOf(id).status) continue;
      ProblemResource.parse(answer.json);
      refused[id] = answer.json.code;
    }

    expect(service.log.filter((line) => line.includes('"error"'))).toEqual([]);
    // Each for a reason of its own: no store to reach, no link at hand, work in the queue, a confirmation that is not given.
    expect(refused).toEqual({
      'session.signIn': 'unauthenticated',
      'tenants.create': 'forbidden',
      'destinations.roleTemplate': 'usage',
      'backups.download': 'database_unreachable',
      'restores.start': 'already_running',
      'backups.delete': 'target_in_use',
      'backups.undelete': 'conflict',
      'databases.delete': 'already_running',
      'destinations.delete': 'conflict',
      'tenant.delete': 'confirmation_missing',
    });
  });
});

async function versionOf(path: string, tenant: TestTenant): Promise<string> {
  const { headers } = await service.ask({ path, key: tenant.keys.owner });
  return headers.etag ?? '';
}

function pathIds(id: RouteId, objects: object): Record<string, string> {
  const all = objects as Record<string, string>;
  return Object.fromEntries(idsIn(id).map((name) => [name, all[name] ?? '']));
}
