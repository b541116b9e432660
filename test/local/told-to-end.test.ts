import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeWith } from '../support/need-programs.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { familyOf, isAlive } from '../support/process-watch.ts';
import { addPostgres, prepareService, type RunningService } from '../support/running-service.ts';
import { randomFrom, seed, sized, soaking } from '../support/size.ts';

const TIMES = sized(1, 30);
/** Fargate gives thirty seconds after SIGTERM (F56). */
const LONGEST_MS = 20_000;

describeWith(['pg_dump', 'pg_restore', 'psql', 'zstd'], 'a task that is told to end', () => {
  let service: RunningService;
  let server: PostgresServer;
  let databaseId = '';
  let place = '';
  let store = '';

  beforeAll(async () => {
    [service, server] = await Promise.all([prepareService(), startPostgres()]);
    await service.start();
    store = join(service.folder, 'store');
    await server.sql('postgres', 'create database shop');
    await server.sql(
      'shop',
      'create table t as select md5(n::text) || md5((-n)::text) as x from generate_series(1, 20000) n',
    );
    const filesystem = { path: store };
    place = (await service.api('POST', '/v1/destinations', { kind: 'filesystem', name: 'disk', filesystem })).id;
    databaseId = await addPostgres(service, server, 'shop', { rateLimitBytesPerSecond: 400_000 });
    for (const about of [`databases/${databaseId}`, `destinations/${place}`])
      await service.ended((await service.api('POST', `/v1/${about}:verify`)).id);
  }, 120_000);

  afterAll(async () => {
    await service?.remove();
    await server?.stop();
  });

  it(
    `F56 ends its tools and uploads in time, and gives the run back, at ${TIMES} moments`,
    async () => {
      const random = randomFrom(seed);
      for (let time = 0; time < TIMES; time += 1) {
        const { id } = await service.api('POST', '/v1/backups', { databaseId, destinationIds: [place] });
        await service.until(async () => tasksOf(service.pid()).length === 1);
        const [task = 0] = tasksOf(service.pid());
        await sleep(500 + random() * 3000);
        const told = performance.now();
        const family = familyOf(task).map(({ pid }) => pid);
        process.kill(task, 'SIGTERM');
        await service.until(async () => !family.some(isAlive), LONGEST_MS);

        expect(performance.now() - told).toBeLessThan(LONGEST_MS);
        const left = readdirSync(store, { recursive: true }).map(String);
        expect(left.filter((name) => name.includes(id) && /dump\./.test(name) && !sealed(left, name))).toEqual([]);
        await service.until(async () => (await service.api('GET', `/v1/runs/${id}`)).state === 'queued');
        expect(await service.api('GET', `/v1/runs/${id}`)).toMatchObject({ code: 'cancelled', attempt: 1 });
        // Another attempt comes after a wait that only a soak has time for.
        if (!soaking) continue;
        expect(await service.ended(id, 120_000)).toMatchObject({ state: 'succeeded' });
        const backups = (await service.api('GET', '/v1/backups?limit=200')).items;
        expect(backups.filter(({ runId }: { runId: string }) => runId === id)).toMatchObject([{ state: 'good' }]);
      }
    },
    TIMES * 120_000,
  );
});

function sealed(names: readonly string[], name: string): boolean {
  return names.includes(join(name, '..', 'manifest.json'));
}

/** Processes of the service that do a run's long step. */
function tasksOf(service: number): number[] {
  return familyOf(service).flatMap(({ pid, commandLine }) => (commandLine.includes('tasks/dump') ? [pid] : []));
}
