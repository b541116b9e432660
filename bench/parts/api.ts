import { readFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseSettings } from '../../src/contract/resources/places.ts';
import { ScheduleSettings } from '../../src/contract/resources/work.ts';
import { startCatalog, type TestCatalog } from '../../test/support/catalog.ts';
import { prepareService, type RunningService } from '../../test/support/running-service.ts';
import { backupFacts, manifestOf } from '../../test/support/tenant-objects.ts';
import type { World } from '../world.ts';

const PER_SECOND = 200;
const SECONDS = { quick: 3, small: 10, full: 30 } as const;
const DATABASES = { quick: 100, small: 1000, full: 1000 } as const;
/** Of each database. */
const BACKUPS = 100;
const SCHEDULES = 10_000;
/** Nobody may ask more than fifty times a second for long: this many ask together. */
const ASKERS = 8;

/** The service as a process, with a full catalog: how long answers take under load, and what it needs of memory. */
export async function apiPart(world: World): Promise<void> {
  const { size } = world.options;
  const catalog = await startCatalog();
  world.onClose(() => catalog.stop());
  await catalog.sql("ALTER ROLE queue PASSWORD 'queue'");
  const queueUrl = `postgres://queue:queue@127.0.0.1:${catalog.server.port}/catalog`;
  const service = await prepareService({
    environment: () => ({
      CATALOG_URL: catalog.appUrl.reveal(),
      CATALOG_OWNER_URL: catalog.ownerUrl.reveal(),
      CATALOG_QUEUE_URL: queueUrl,
    }),
  });
  world.onClose(() => service.remove());
  await service.start();
  await plant(catalog, DATABASES[size]);
  const askers = await Promise.all(
    Array.from({ length: ASKERS }, async (_, n) =>
      String((await service.api('POST', '/v1/api-keys', { name: `asker ${n}`, role: 'viewer' })).key),
    ),
  );
  await service.stop();
  const started = performance.now();
  await service.start();
  const startSeconds = (performance.now() - started) / 1000;
  const routes = await routesOf(catalog);
  const load = { port: service.port, askers, seconds: SECONDS[size] };
  // Whatever is compiled and cached at the first answers is not what the next thousand cost.
  await ask(
    { ...load, seconds: 2 },
    routes.flatMap(({ paths }) => paths),
  );
  const rows: string[] = [];
  for (const { name, paths } of routes) {
    const times = (await ask(load, paths)).toSorted((a, b) => a - b);
    const [half = 0, most = 0] = [0.5, 0.99].map((share) => times[Math.floor(times.length * share)] ?? 0);
    rows.push(
      `| ${name}: p50, p99, slowest of ${times.length} | ${[half, most, times.at(-1) ?? 0].map((ms) => ms.toFixed(1)).join(', ')} ms |`,
    );
    world.figure({
      target: 'service',
      name: `${name} at ${PER_SECOND} a second, p99`,
      value: most,
      atLeast: false,
      goal: 25,
      floor: { quick: 250, small: 100, full: 100 },
      unit: ' ms',
    });
  }
  const { now, peak } = memoryOf(service);
  world.print([
    '',
    '### The API',
    '',
    '| what | figure |',
    '|---|---|',
    `| databases, backups, schedules | ${DATABASES[size]}, ${DATABASES[size] * BACKUPS}, ${SCHEDULES} |`,
    ...rows,
    `| resident memory after it, at its highest | ${now.toFixed(0)}, ${peak.toFixed(0)} MiB |`,
    `| second start to its line "running" | ${startSeconds.toFixed(2)} s |`,
  ]);
  world.figure({
    target: 'service',
    name: 'resident memory with 10,000 schedules, under load',
    value: peak,
    atLeast: false,
    goal: 250,
    floor: { quick: 350, small: 350, full: 350 },
    unit: ' MiB',
  });
  world.figure({
    target: 'service',
    name: 'second start to ready',
    value: startSeconds,
    atLeast: false,
    goal: 3,
    floor: { quick: 8, small: 8, full: 8 },
    unit: ' s',
  });
}

const DATABASE = JSON.stringify(
  DatabaseSettings.parse({
    ...{ host: 'db.example.org', port: 5432, databaseName: 'shop', user: 'backup', environment: 'development' },
    credential: { kind: 'env', name: 'PASSWORD' },
  }),
);

/** Of the service's own tenant; what is due comes long after the measurement. */
async function plant({ sql }: TestCatalog, databases: number): Promise<void> {
  const facts = JSON.stringify(backupFacts('b'.repeat(64)));
  const manifest = JSON.stringify(manifestOf('backup-0001'));
  await sql(`INSERT INTO databases (tenant_id, id, name, engine, settings, state)
    SELECT t.tenant_id, gen_random_uuid(), 'database ' || n, 'postgres', '${DATABASE}', 'verified'
    FROM tenants t CROSS JOIN generate_series(1, ${databases}) n`);
  await sql(`INSERT INTO destinations (tenant_id, id, kind, name, labels, place, state)
    SELECT tenant_id, gen_random_uuid(), 'filesystem', 'disk', '{}', '{"path": "/nowhere"}', 'verified' FROM tenants`);
  await sql(`INSERT INTO backups (tenant_id, id, manifest_id, database_id, destination_id, key, state, level, identity,
      plain_bytes, stored_bytes, facts, manifest, manifest_sha256, snapshot_at, verified_at, created_at)
    SELECT d.tenant_id, gen_random_uuid(), 'b1', d.id, s.id, d.id || '/' || n, 'good', 2, d.id::text,
      10, 5, '${facts}', '${manifest}', '${'b'.repeat(64)}', at, at, at
    FROM databases d JOIN destinations s USING (tenant_id)
    CROSS JOIN LATERAL (SELECT n, now() - make_interval(hours => n) AS at FROM generate_series(1, ${BACKUPS}) n) b`);
  const settings = JSON.stringify(ScheduleSettings.parse({}));
  await sql(`INSERT INTO schedules (tenant_id, id, database_id, destination_ids, name, cron, zone, settings, next_slot, next_due)
    SELECT d.tenant_id, gen_random_uuid(), d.id, ARRAY[s.id], 's', '0 3 1 1 *', 'UTC', '${settings}', now() + interval '30 days', now() + interval '30 days'
    FROM databases d JOIN destinations s USING (tenant_id) CROSS JOIN generate_series(1, ${SCHEDULES / databases}) n`);
  await sql('VACUUM ANALYZE');
}

interface Asked {
  readonly name: string;
  readonly paths: readonly string[];
}

async function routesOf({ sql }: TestCatalog): Promise<readonly Asked[]> {
  const some = async (table: string) =>
    (await sql(`SELECT id FROM ${table} ORDER BY md5(id::text) LIMIT 500`)).map(({ id }) => String(id));
  const [databases, backups] = [await some('databases'), await some('backups')];
  return [
    { name: 'list of databases', paths: ['/v1/databases?limit=50'] },
    { name: 'list of backups', paths: ['/v1/backups?limit=50'] },
    { name: 'backups of one database', paths: databases.map((id) => `/v1/backups?limit=50&databaseId=${id}`) },
    { name: 'one database', paths: databases.map((id) => `/v1/databases/${id}`) },
    { name: 'one backup', paths: backups.map((id) => `/v1/backups/${id}`) },
  ];
}

interface Load {
  readonly port: number;
  readonly askers: readonly string[];
  readonly seconds: number;
}

/** Asks at an even pace, whether or not what was asked before is answered; milliseconds from when each was due. */
async function ask({ port, askers, seconds }: Load, paths: readonly string[]): Promise<number[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });
  const started = performance.now();
  const answers: Promise<number>[] = [];
  for (let n = 0; n < seconds * PER_SECOND; n += 1) {
    const due = started + (n * 1000) / PER_SECOND;
    const early = due - performance.now();
    if (early > 0) await sleep(early);
    const authorization = `Bearer ${askers[n % askers.length]}`;
    const path = paths[n % paths.length] ?? '/';
    // A timer of this process that was late is not the service's.
    const sent = Math.max(due, performance.now() - 1);
    const answer = one({ agent, port, path, authorization }).then((at) => at - sent);
    // Told of below, with all the others.
    answer.catch(() => undefined);
    answers.push(answer);
  }
  const times = await Promise.all(answers);
  agent.destroy();
  return times;
}

function one(wish: { agent: Agent; port: number; path: string; authorization: string }): Promise<number> {
  const { agent, port, path, authorization } = wish;
  return new Promise((resolve, reject) => {
    const call = get({ agent, host: '127.0.0.1', port, path, headers: { authorization } }, (answer) => {
      answer.resume();
      answer.once('error', reject);
      answer.once('end', () => {
        if (answer.statusCode === 200) resolve(performance.now());
        else reject(new Error(`${path}: ${answer.statusCode}`));
      });
    });
    call.once('error', reject);
  });
}

function memoryOf(service: RunningService): { readonly now: number; readonly peak: number } {
  const status = readFileSync(`/proc/${service.pid()}/status`, 'utf8');
  const of = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) / 1024;
  return { now: of('VmRSS'), peak: of('VmHWM') };
}
