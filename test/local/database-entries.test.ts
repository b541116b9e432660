import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeWith } from '../support/need-programs.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { addPostgres, prepareService, type RunningService } from '../support/running-service.ts';

interface Backup {
  readonly id: string;
  readonly runId: string;
  readonly databaseName: string;
  readonly type: string;
  readonly state: string;
}

describeWith(['pg_dump', 'pg_restore', 'psql', 'pg_dumpall', 'zstd'], 'what an entry says of its database', () => {
  let service: RunningService;
  let server: PostgresServer;
  let place = '';

  beforeAll(async () => {
    [service, server] = await Promise.all([
      prepareService({ environment: () => ({ SAVER_PASSWORD: 'p' }) }),
      startPostgres(),
    ]);
    await service.start();
    for (const name of ['shop', '"Stock room"']) await server.sql('postgres', `create database ${name}`);
    await server.sql('postgres', "create role saver login password 'p'; grant pg_read_all_data to saver");
    for (const [table, rows] of [
      ['orders', 1000],
      ['log_2025', 10],
      ['log_2026', 20],
    ])
      await server.sql('shop', `create table ${table} as select n from generate_series(1, ${rows}) n`);
    await server.sql('Stock room', 'create table shelves as select n from generate_series(1, 30) n');
    const filesystem = { path: join(service.folder, 'store') };
    place = (await service.api('POST', '/v1/destinations', { kind: 'filesystem', name: 'disk', filesystem })).id;
    await service.ended((await service.api('POST', `/v1/destinations/${place}:verify`)).id);
  }, 120_000);

  afterAll(async () => {
    await service?.remove();
    await server?.stop();
  });

  const register = async (name: string, more: Readonly<Record<string, unknown>> = {}) => {
    const id = await addPostgres(service, server, name, more);
    await service.ended((await service.api('POST', `/v1/databases/${id}:verify`)).id);
    return id;
  };
  const backUp = async (databaseId: string) => {
    const started = await service.api('POST', '/v1/backups', { databaseId, destinationIds: [place] });
    return service.ended(started.id);
  };
  const backupsOf = async (runId: string): Promise<readonly Backup[]> =>
    (await service.api('GET', '/v1/backups?limit=200')).items.filter((backup: Backup) => backup.runId === runId);
  const testedOf = async (databaseId: string) => {
    const runs = async () => (await service.api('GET', `/v1/runs?databaseId=${databaseId}&kind=verify`)).items;
    await service.until(async () => (await runs()).length > 0);
    return Promise.all((await runs()).map(({ id }: { id: string }) => service.ended(id, 120_000)));
  };

  it('"all databases" finds a new database by itself, and saves roles and settings beside them', async () => {
    const id = await register('the whole server', { databaseName: undefined, allDatabases: true });
    const first = await backUp(id);
    await server.sql('postgres', 'create database "stock-room"');
    await server.sql('stock-room', 'create table other as select 1 as n');
    const second = await backUp(id);

    expect([first.state, second.state]).toEqual(['succeeded', 'succeeded']);
    const names = async (runId: string) =>
      (await backupsOf(runId)).map(({ databaseName, type }) => `${type} ${databaseName}`).sort();
    const before = ['full Stock room', 'full postgres', 'full shop', 'globals '];
    expect(await names(first.id)).toEqual(before.toSorted());
    // Both names are the same where they stand in a key, and neither takes the other's place.
    expect(await names(second.id)).toEqual([...before, 'full stock-room'].toSorted());
    expect((await backupsOf(second.id)).map(({ state }) => state)).toEqual(Array(5).fill('good'));
    expect(second.outcomes.map(({ databaseName }: { databaseName: string }) => databaseName).sort()).toEqual(
      ['', 'Stock room', 'postgres', 'shop', 'stock-room'].toSorted(),
    );
    // Each of them is restored and compared once, the new one too.
    await service.until(async () => (await testedOf(id)).length === 4, 120_000);
    expect((await testedOf(id)).map(({ state }) => state)).toEqual(Array(4).fill('succeeded'));
  }, 240_000);

  it('"all databases" loses none for one that cannot be saved, and says which one it was', async () => {
    await server.sql('postgres', 'create database hidden');
    await server.sql('hidden', 'create table t (n int); alter table t enable row level security');
    const login = { user: 'saver', credential: { kind: 'env', name: 'SAVER_PASSWORD' } };
    const id = await register('the server again', { databaseName: undefined, allDatabases: true, ...login });
    const run = await backUp(id);

    const bad = run.outcomes.filter(({ ok }: { ok: boolean }) => !ok);
    expect(run).toMatchObject({ state: 'partly', code: 'server_unsupported' });
    expect(bad).toMatchObject([{ databaseName: 'hidden', code: 'server_unsupported' }]);
    expect((await backupsOf(run.id)).map(({ databaseName }) => databaseName)).not.toContain('hidden');
    expect(await backupsOf(run.id)).toHaveLength(run.outcomes.length - 1);
    await server.sql('postgres', 'drop database hidden');
  }, 120_000);

  it('include and exclude decide which tables a backup holds', async () => {
    const id = await register('shop', { include: ['public.*'], exclude: ['public.log_2025'] });
    const run = await backUp(id);

    expect(run.state).toBe('succeeded');
    const [backup] = await backupsOf(run.id);
    const { tableCounts } = await service.api('GET', `/v1/backups/${backup?.id}`);
    expect(tableCounts.map(({ name, rows }: { name: string; rows: number }) => [name, rows]).sort()).toEqual([
      ['public.log_2026', 20],
      ['public.orders', 1000],
    ]);
  }, 120_000);

  it('an assertion that its user wrote fails a level 3 though every byte and row is there', async () => {
    const id = await register('shop', {
      assertions: {
        'there are orders': 'select count(*) > 0 from orders',
        'orders are recent': 'select max(n) > 5000 from orders',
      },
    });
    const run = await backUp(id);
    const [tested] = await testedOf(id);

    expect(run.state).toBe('succeeded');
    expect(tested).toMatchObject({ state: 'failed', code: 'backup_damaged' });
    expect(tested.cause).toContain('orders are recent');
    expect(tested.cause).not.toContain('there are orders');
    expect(await backupsOf(run.id)).toMatchObject([{ state: 'suspect' }]);
  }, 120_000);

  it('the time a restore took stands against its RTO in the report', async () => {
    const id = await register('shop', { rtoMinutes: 30 });
    await backUp(id);
    const [{ report }] = await testedOf(id);

    expect(report).toMatchObject({ reached: 3, rtoMinutes: 30, withinRto: true });
    expect(report.restoreSeconds).toBeGreaterThan(0);
    expect(report.restoreSeconds).toBeLessThan(30 * 60);
  }, 120_000);

  it('a database that was deleted with its backups kept is restored from them', async () => {
    const id = await register('shop');
    const run = await backUp(id);
    await testedOf(id);
    const target = await register('postgres');
    const left = await service.api('DELETE', `/v1/databases/${id}?backups=keep`);
    const [backup] = await backupsOf(run.id);

    expect(left).toMatchObject({ backups: 1, willKeep: true });
    expect(backup).toMatchObject({ state: 'good' });
    const restore = { backupId: backup?.id, target: { kind: 'new', databaseId: target, name: 'shop_again' } };
    const started = await service.api('POST', '/v1/restores', restore);
    expect((await service.ended(started.runId, 120_000)).state).toBe('succeeded');
    expect(await server.sql('shop_again', 'select count(*) as n from orders')).toMatchObject([{ n: '1000' }]);
  }, 120_000);
});
