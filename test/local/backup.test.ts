import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeWith } from '../support/need-programs.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { addPostgres, prepareService, type RunningService } from '../support/running-service.ts';

describeWith(['pg_dump', 'pg_restore', 'psql', 'zstd'], 'a backup by the service', () => {
  let service: RunningService;
  let server: PostgresServer;
  let databaseId = '';
  let destinationId = '';
  // biome-ignore lint/suspicious/noExplicitAny: as the service answered
  let goodRun: any;

  let sink: Sink;

  beforeAll(async () => {
    sink = await openSink();
    [service, server] = await Promise.all([prepareService(), startPostgres()]);
    await service.start();
    await server.sql('postgres', 'create database shop');
    await server.sql('shop', 'create table orders (id int primary key, what text)');
    await server.sql('shop', "insert into orders select n, 'order ' || n from generate_series(1, 1000) n");
    const place = await service.api('POST', '/v1/destinations', {
      kind: 'filesystem',
      name: 'disk',
      filesystem: { path: join(service.folder, 'store') },
    });
    destinationId = place.id;
    databaseId = await addPostgres(service, server, 'shop');
  }, 120_000);

  afterAll(async () => {
    await service?.remove();
    await server?.stop();
    sink?.close();
  });

  it('verifies the destination and the database by looking at them', async () => {
    const looks = [
      await service.api('POST', `/v1/destinations/${destinationId}:verify`),
      await service.api('POST', `/v1/databases/${databaseId}:verify`),
    ];
    for (const look of looks) expect(await service.ended(look.id)).toMatchObject({ state: 'succeeded' });
    expect(await service.api('GET', `/v1/databases/${databaseId}`)).toMatchObject({ state: 'verified' });
    expect(await service.api('GET', `/v1/destinations/${destinationId}`)).toMatchObject({ state: 'verified' });
  });

  it('goes from the API through the queue and a task to a good backup', async () => {
    const started = await service.api('POST', '/v1/backups', { databaseId, destinationIds: [destinationId] });
    const run = await service.ended(started.id);
    expect(run).toMatchObject({ state: 'succeeded', attempt: 1, outcomes: [{ destinationId, ok: true }] });
    const backup = await service.api('GET', `/v1/backups/${run.backupId}`);
    expect(backup).toMatchObject({
      state: 'good',
      level: 2,
      tables: 1,
      rows: 1000,
      databaseName: 'shop',
      runId: run.id,
    });
    goodRun = run;
  });

  it('T21 restores and compares the first backup of a database by itself, in a run of its own', async () => {
    const { items } = await service.api('GET', '/v1/runs?kind=verify');
    expect(items).toMatchObject([{ trigger: 'system', backupId: goodRun.backupId }]);
    const run = await service.ended(items[0].id);
    expect(run).toMatchObject({
      state: 'succeeded',
      report: { asked: 3, reached: 3, tables: 1, rows: 1000, differences: [] },
    });
    const backup = await service.api('GET', `/v1/backups/${goodRun.backupId}`);
    expect(backup).toMatchObject({ state: 'good', level: 3, reports: [{ runId: run.id, reached: 3 }] });

    const second = await service.api('POST', '/v1/backups', { databaseId, destinationIds: [destinationId] });
    expect(await service.ended(second.id)).toMatchObject({ state: 'succeeded' });
    expect((await service.api('GET', '/v1/runs?kind=verify')).items).toHaveLength(1);
  });

  it('restores into a new database beside the target, table by table', async () => {
    const target = { kind: 'new', databaseId, name: 'shop_restored' };
    const restore = await service.api('POST', '/v1/restores', { backupId: goodRun.backupId, target });
    expect(await service.ended(restore.runId)).toMatchObject({ state: 'succeeded' });
    expect(await service.api('GET', `/v1/restores/${restore.id}`)).toMatchObject({
      state: 'succeeded',
      finalDatabase: 'shop_restored',
      tables: [{ name: 'public.orders', expected: 1000, found: 1000, ok: true }],
    });
    expect(await server.sql('shop_restored', 'select count(*) as n from orders')).toEqual([{ n: '1000' }]);
  });

  it('restores with a swap and keeps what was there', async () => {
    await server.sql('shop', 'delete from orders where id > 10');
    const target = { kind: 'swap', databaseId, confirm: 'shop' };
    const restore = await service.api('POST', '/v1/restores', { backupId: goodRun.backupId, target });
    expect(await service.ended(restore.runId)).toMatchObject({ state: 'succeeded' });
    const { keptDatabase } = await service.api('GET', `/v1/restores/${restore.id}`);
    expect(await server.sql('shop', 'select count(*) as n from orders')).toEqual([{ n: '1000' }]);
    expect(await server.sql(keptDatabase, 'select count(*) as n from orders')).toEqual([{ n: '10' }]);
  });

  it('ends a run that cannot work as failed, with its cause, and tries what may pass again first', async () => {
    const { items } = await service.api('GET', '/v1/databases');
    expect(items).toHaveLength(1);
    const file = join(service.folder, 'password');
    const before = readFileSync(file, 'utf8');
    const target = { kind: 'webhook', url: `http://127.0.0.1:${sink.port}/alarms` };
    await service.api('POST', '/v1/channels', { name: 'alarms', target });
    writeFileSync(file, 'wrong\n');
    const started = await service.api('POST', '/v1/backups', { databaseId, destinationIds: [destinationId] });
    const run = await service.ended(started.id);
    writeFileSync(file, before);
    expect(run).toMatchObject({ state: 'failed', attempt: 1, code: 'authentication_failed' });
    expect(run.cause).toMatch(/password/);
    await service.until(async () => sink.bodies.length > 0);
    const [alarm] = sink.bodies.map((body) => JSON.parse(body));
    expect(alarm).toMatchObject({ type: 'run.failed', severity: 'critical', cause: 'database' });
    expect(alarm.data).toMatchObject({ runId: run.id, code: 'authentication_failed', inARow: 1 });
  });

  it('tells that backups work again, and takes no day off: schedules fire in their minute', async () => {
    const schedule = await service.api('POST', '/v1/schedules', {
      ...{ name: 'minutely', databaseId, destinationIds: [destinationId], cron: '* * * * *', zone: 'UTC' },
      retention: { keepLast: 3 },
    });
    let run: { id: string; trigger: string } | undefined;
    await service.until(async () => {
      const { items } = await service.api('GET', '/v1/runs?kind=backup');
      run = items.find(({ scheduleId }: { scheduleId: string }) => scheduleId === schedule.id);
      return run !== undefined;
    }, 75_000);
    await service.api('POST', `/v1/schedules/${schedule.id}:pause`);
    expect(await service.ended(run?.id ?? '')).toMatchObject({ state: 'succeeded', trigger: 'schedule' });
    await service.until(async () => sink.bodies.some((body) => JSON.parse(body).type === 'run.recovered'));
  }, 120_000);

  it('cancels a run that is at work, and leaves nothing behind', async () => {
    await server.sql(
      'shop',
      'create table if not exists big as select n, repeat(md5(n::text), 20) as what from generate_series(1, 20000) n',
    );
    const { version } = await service.api('GET', `/v1/databases/${databaseId}`);
    await service.api(
      'PATCH',
      `/v1/databases/${databaseId}`,
      { rateLimitBytesPerSecond: 100_000 },
      { 'if-match': `"${version}"` },
    );
    const started = await service.api('POST', '/v1/backups', { databaseId, destinationIds: [destinationId] });
    await service.until(async () => (await service.api('GET', `/v1/runs/${started.id}`)).progress?.phase === 'dump');
    await service.api('POST', `/v1/runs/${started.id}:cancel`);
    expect(await service.ended(started.id)).toMatchObject({ state: 'cancelled', code: 'cancelled' });
    const names = readdirSync(join(service.folder, 'store'), { recursive: true }).map(String);
    expect(names.filter((name) => name.includes(started.id) && /\.(zst|json|part)/.test(name))).toEqual([]);
    const sessions = await server.sql(
      'postgres',
      "select 1 from pg_stat_activity where application_name like 'database-dump%'",
    );
    expect(sessions).toEqual([]);
  });

  it('leaves an audit chain that holds, with every run in it', async () => {
    expect(await service.api('GET', '/v1/audit:verify')).toMatchObject({ intact: true });
    const { items } = await service.api('GET', '/v1/audit?limit=200');
    const actions = items.map(({ action }: { action: string }) => action);
    expect(actions).toEqual(expect.arrayContaining(['runs.succeeded', 'runs.failed', 'runs.cancelled']));
  });
});

interface Sink {
  readonly port: number;
  readonly bodies: readonly string[];
  close(): void;
}

/** Takes every webhook and says so. */
async function openSink(): Promise<Sink> {
  const bodies: string[] = [];
  const server = createServer(async (request, response) => {
    bodies.push(await text(request));
    response.writeHead(204).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: (server.address() as AddressInfo).port, bodies, close: () => server.close() };
}
