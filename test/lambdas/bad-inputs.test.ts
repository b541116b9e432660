import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { apiHandler } from '../../lambdas/middleware/api-handler.ts';
import { everyRoute } from '../../local/api.ts';
import { ProblemResource } from '../../src/contract/resources/basics.ts';
import type { Credentials, Identity } from '../../src/operations/identity/verifier.ts';
import { badRequest } from '../support/bad-requests.ts';
import { eventOf } from '../support/events.ts';
import { answerOf, startService, type TestService, type TestTenant } from '../support/service.ts';
import { randomFrom, seed, sized } from '../support/size.ts';
import { makeObjects, type TenantObjects } from '../support/tenant-objects.ts';

let service: TestService;
let tenant: TestTenant;
let objects: TenantObjects;

beforeAll(async () => {
  service = await startService();
  tenant = await service.tenant();
  objects = await makeObjects(service, tenant);
});

afterAll(() => service.stop());

/** Who asks is looked up once for each key: a hundred thousand looks would test the catalog, not the door. */
function remembered() {
  const known = new Map<string, Promise<Identity>>();
  return {
    ...service.door.verifier,
    verify: (credentials: Credentials) => {
      const name = JSON.stringify(credentials);
      const found = known.get(name);
      if (found !== undefined) return found;
      const asked = service.door.verifier.verify(credentials);
      asked.then(
        () => known.set(name, asked),
        () => undefined,
      );
      return asked;
    },
  };
}

/** Resident bytes once what is over has been collected. */
function settledBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  return process.memoryUsage.rss();
}

describe('bad input', () => {
  it('T11 F98 crashes nothing: spoilt requests of every route, no answer of 5xx, no growth', async () => {
    const random = randomFrom(seed);
    const errors: unknown[] = [];
    const log = (level: string, fields: unknown) => level === 'error' && errors.push(fields);
    const runtime = { ...service.runtime, log };
    const handler = apiHandler({ ...service.door, runtime, verifier: remembered() }, everyRoute);
    const rounds = sized(25_000, 5_000_000);
    const statuses = new Map<number, number>();
    const wrong: string[] = [];
    let rss = 0;

    const one = async () => {
      const request = badRequest(random, { objects, key: tenant.keys.owner });
      const answer = answerOf(await handler(eventOf(request)));
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      if (answer.status >= 500) wrong.push(`${answer.status} ${JSON.stringify(request).slice(0, 400)}`);
      else if (answer.status >= 400) ProblemResource.parse(answer.json);
    };
    for (let round = 0; round < rounds; round += 8) {
      await Promise.all(Array.from({ length: 8 }, one));
      // What the first ten thousand leave is caches and compiled code.
      if (round === 10_000) rss = settledBytes();
      if (wrong.length > 5) break;
    }

    console.log(
      `T11: ${[...statuses]
        .sort()
        .map(([status, n]) => `${status}: ${n}`)
        .join(', ')}`,
    );
    expect(wrong).toEqual([]);
    expect(errors).toEqual([]);
    expect((settledBytes() - rss) / 2 ** 20).toBeLessThan(50);
  }, 3_600_000);
});
