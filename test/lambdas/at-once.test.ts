import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { RouteId } from '../../src/contract/routes.ts';
import { requestOf } from '../support/every-route.ts';
import { startService, type TestService, type TestTenant } from '../support/service.ts';
import { randomFrom, seed, sized } from '../support/size.ts';
import { makeObjects } from '../support/tenant-objects.ts';

let service: TestService;
let tenant: TestTenant;

beforeAll(async () => {
  service = await startService();
  tenant = await service.tenant();
});

afterAll(() => service.stop());

describe('changes of one tenant at once', () => {
  it('wait for each other and never lock each other up', async () => {
    const objects = await makeObjects(service, tenant);
    const random = randomFrom(seed);
    const changes: RouteId[] = [
      'backups.verify',
      'backups.start',
      'backups.pin',
      'backups.unpin',
      'backups.delete',
      'backups.undelete',
      'restores.start',
      'databases.create',
      'databases.verify',
      'destinations.verify',
      'schedules.create',
      'schedules.runNow',
      'schedules.pause',
      'channels.create',
      'runs.cancel',
      'tenant.update',
    ];
    const change = () => {
      const id = changes[Math.floor(random() * changes.length)] as RouteId;
      return service.ask({ ...requestOf(id, { ...objects }), key: tenant.keys.owner });
    };

    const statuses: number[] = [];
    for (let left = sized(40, 1000); left > 0; left--)
      for (const answer of await Promise.all(Array.from({ length: 8 }, change))) statuses.push(answer.status);

    expect(service.log.filter((line) => line.includes('"level":"error"'))).toEqual([]);
    expect(statuses.filter((status) => status >= 500)).toEqual([]);
    expect(statuses.filter((status) => status < 300).length).toBeGreaterThan(statuses.length / 4);
  });

  it('update one version once: of ten who read the same one, one gets through', async () => {
    const { headers } = await service.ask({ path: '/v1/tenant', key: tenant.keys.owner });
    const rename = (n: number) =>
      service.ask({
        method: 'PATCH',
        path: '/v1/tenant',
        key: tenant.keys.owner,
        headers: { 'if-match': headers.etag ?? '' },
        body: { name: `name ${n}` },
      });

    const answers = await Promise.all(Array.from({ length: 10 }, (_, n) => rename(n)));

    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status, json }) => status === 412 && json.code === 'version_conflict')).toHaveLength(9);
  });

  it('F59 do the work of one idempotency key once', async () => {
    const create = () =>
      service.ask({
        method: 'POST',
        path: '/v1/databases',
        key: tenant.keys.owner,
        headers: { 'idempotency-key': 'the same' },
        body: requestBody,
      });
    const requestBody = requestOf('databases.create', {}).body;
    const count = async () => Number((await service.world.sql(`SELECT count(*) AS n FROM databases`))[0]?.n);
    const before = await count();

    const answers = await Promise.all(Array.from({ length: 10 }, create));
    const again = await create();

    expect(await count()).toBe(before + 1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201, 409]));
    expect(again.status).toBe(201);
    expect(again.headers['idempotency-replayed']).toBe('true');
    const other = await service.ask({
      method: 'POST',
      path: '/v1/databases',
      key: tenant.keys.owner,
      headers: { 'idempotency-key': 'the same' },
      body: requestOf('databases.create', {}).body,
    });
    expect([other.status, other.json.code]).toEqual([422, 'key_reused']);
  });
});
