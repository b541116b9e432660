import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeWith } from '../support/need-programs.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { addPostgres, prepareService, type RunningService } from '../support/running-service.ts';
import { sized } from '../support/size.ts';

const KILLS = sized(3, 200);
/** At least so many of them while a run is at work. */
const IN_FLIGHT = Math.floor(KILLS * 0.75);
/** A run that is killed again and again is given up in the end. */
const GIVEN_UP = 0.05;
const LONGEST_WAIT_MS = 4000;

describeWith(['pg_dump', 'pg_restore', 'psql', 'zstd'], 'a service that is killed', () => {
  let service: RunningService;
  let server: PostgresServer;
  let destinationId = '';
  const databases: string[] = [];

  beforeAll(async () => {
    [service, server] = await Promise.all([prepareService(), startPostgres()]);
    await service.start();
    const place = { kind: 'filesystem', name: 'disk', filesystem: { path: join(service.folder, 'store') } };
    destinationId = (await service.api('POST', '/v1/destinations', place)).id;
    const looks = [await service.api('POST', `/v1/destinations/${destinationId}:verify`)];
    for (const name of ['first', 'second']) {
      await server.sql('postgres', `create database ${name}`);
      await server.sql(
        name,
        `create table rows as select n, repeat(md5(n::text), 20) as what from generate_series(1, 3000) n`,
      );
      const id = await addPostgres(service, server, name, { rateLimitBytesPerSecond: 1_000_000 });
      databases.push(id);
      looks.push(await service.api('POST', `/v1/databases/${id}:verify`));
    }
    for (const { id } of looks) expect(await service.ended(id)).toMatchObject({ state: 'succeeded' });
  }, 180_000);

  afterAll(async () => {
    await service?.remove();
    await server?.stop();
  });

  it(`T7 loses no run, does none twice and tells no wrong status after ${KILLS} kills at any moment`, async () => {
    const histogram: Record<string, number> = {};
    const asked: string[] = [];
    for (let kill = 0; kill < KILLS; kill += 1) {
      const databaseId = databases[kill % 2];
      asked.push((await service.api('POST', '/v1/backups', { databaseId, destinationIds: [destinationId] })).id);
      await sleep(Math.random() * LONGEST_WAIT_MS);
      const phase = await phaseNow(service);
      histogram[phase] = (histogram[phase] ?? 0) + 1;
      await service.kill();
      await service.start();
    }
    console.log(`kills by what was at work: ${JSON.stringify(histogram)}`);
    const { none = 0 } = histogram;
    expect(KILLS - none).toBeGreaterThanOrEqual(IN_FLIGHT);

    const runs = [];
    for (const id of asked) runs.push(await service.ended(id, 180_000));
    await service.until(async () => (await liveRuns(service)) === 0, 180_000);
    const sealed = manifestsIn(join(service.folder, 'store'));
    const { items: backups } = await service.api('GET', '/v1/backups?limit=200');
    for (const run of runs) {
      const manifests = sealed.filter(({ body }) => body.run === run.id);
      const rows = backups.filter(({ runId }: { runId: string }) => runId === run.id);
      const told = {
        state: run.state,
        manifests: manifests.length,
        rows: rows.map(({ state }: { state: string }) => state),
      };
      if (run.state === 'succeeded') expect(told).toEqual({ state: 'succeeded', manifests: 1, rows: ['good'] });
      else expect(told).toEqual({ state: 'interrupted', manifests: 0, rows: [] });
      for (const { key, body } of manifests) expect(wholeIn(dirname(key), body.volumes)).toBe(true);
    }
    const good = runs.filter(({ state }) => state === 'succeeded').length;
    expect(runs.length - good).toBeLessThanOrEqual(Math.ceil(runs.length * GIVEN_UP));
    console.log(`runs: ${good} good of ${runs.length}`);
    expect(await service.api('GET', '/v1/audit:verify')).toMatchObject({ intact: true });
    const sessions = "select 1 from pg_stat_activity where application_name like 'database-dump%'";
    expect(await server.sql('postgres', sessions)).toEqual([]);
  }, 1_200_000);
});

async function phaseNow(service: RunningService): Promise<string> {
  const { items } = await service.api('GET', '/v1/runs?state=running');
  const [run] = items;
  return run === undefined
    ? (await liveRuns(service)) > 0
      ? 'queued'
      : 'none'
    : `${run.kind} ${run.progress?.phase ?? 'start'}`;
}

async function liveRuns(service: RunningService): Promise<number> {
  const running = await service.api('GET', '/v1/runs?state=running');
  const queued = await service.api('GET', '/v1/runs?state=queued');
  return running.items.length + queued.items.length;
}

interface Manifest {
  readonly key: string;
  readonly body: { readonly run: string; readonly volumes: readonly Volume[] };
}

interface Volume {
  readonly name: string;
  readonly bytes: number;
  readonly sha256: string;
}

function manifestsIn(store: string): Manifest[] {
  const names = readdirSync(store, { recursive: true }).map(String);
  const keys = names.filter((name) => name.endsWith('/manifest.json')).map((name) => join(store, name));
  return keys.map((key) => ({ key, body: JSON.parse(readFileSync(key, 'utf8')) }));
}

function wholeIn(folder: string, volumes: readonly Volume[]): boolean {
  return volumes.every(({ name, sha256 }) => {
    const file = join(folder, name);
    return existsSync(file) && createHash('sha256').update(readFileSync(file)).digest('hex') === sha256;
  });
}
