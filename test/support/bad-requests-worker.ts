import { apiHandler } from '../../lambdas/middleware/api-handler.ts';
import { everyRoute } from '../../local/api.ts';
import { ProblemResource } from '../../src/contract/resources/basics.ts';
import type { Credentials, Identity } from '../../src/operations/identity/verifier.ts';
import { badRequest } from './bad-requests.ts';
import { eventOf } from './events.ts';
import { answerOf, startService, type TestService } from './service.ts';
import { randomFrom } from './size.ts';
import { makeObjects } from './tenant-objects.ts';

// The API in a process of its own, so that what it holds is not mixed with what a test runner holds.
// Arguments: how many requests, and the seed. Prints one line of JSON. To be started with --expose-gc.

export interface BadRequestsReport {
  readonly statuses: readonly (readonly [status: number, count: number])[];
  /** Answers of 5xx, with their requests; what was thrown; what the log calls errors. */
  readonly wrong: readonly string[];
  /** Resident and used bytes once what was over had been collected: after the warm-up, and at the end. */
  readonly rss: readonly [number, number];
  readonly heap: readonly [number, number];
}

/** What so many requests leave is caches and compiled code. */
const WARM_UP = 10_000;
const AT_ONCE = 8;

const [rounds = 0, seed = 1] = process.argv.slice(2).map(Number);
const service = await startService();
const report = await sendAll(service);
await service.stop();
console.log(JSON.stringify(report));

async function sendAll(service: TestService): Promise<BadRequestsReport> {
  const tenant = await service.tenant();
  const objects = await makeObjects(service, tenant);
  const random = randomFrom(seed);
  const statuses = new Map<number, number>();
  const wrong: string[] = [];
  const log = (level: string, fields: object) => level === 'error' && wrong.push(`logged ${JSON.stringify(fields)}`);
  const runtime = { ...service.runtime, log };
  const handler = apiHandler({ ...service.door, runtime, verifier: remembered(service) }, everyRoute);

  const one = async () => {
    const request = badRequest(random, { objects, key: tenant.keys.owner });
    try {
      const answer = answerOf(await handler(eventOf(request)));
      statuses.set(answer.status, (statuses.get(answer.status) ?? 0) + 1);
      if (answer.status >= 500) throw new Error(`answered ${answer.status}`);
      if (answer.status >= 400) ProblemResource.parse(answer.json);
    } catch (error) {
      wrong.push(`${String(error)}: ${JSON.stringify(request).slice(0, 400)}`);
    }
  };
  let before = settled();
  for (let round = 0; round < rounds && wrong.length < 6; round += AT_ONCE) {
    await Promise.all(Array.from({ length: AT_ONCE }, one));
    if (round === WARM_UP) before = settled();
  }
  const after = settled();
  const both = <K extends 'rss' | 'heapUsed'>(key: K) => [before[key], after[key]] as const;
  return { statuses: [...statuses].sort(), wrong, rss: both('rss'), heap: both('heapUsed') };
}

/** Who asks is looked up once for each key: a hundred thousand looks would test the catalog, not the door. */
function remembered({ door }: TestService) {
  const known = new Map<string, Promise<Identity>>();
  const verify = (credentials: Credentials) => {
    const name = JSON.stringify(credentials);
    const found = known.get(name);
    if (found !== undefined) return found;
    const asked = door.verifier.verify(credentials);
    asked.then(
      () => known.set(name, asked),
      () => undefined,
    );
    return asked;
  };
  return { ...door.verifier, verify };
}

function settled(): NodeJS.MemoryUsage {
  if (globalThis.gc === undefined) throw new Error('start this with --expose-gc');
  globalThis.gc();
  globalThis.gc();
  return process.memoryUsage();
}
