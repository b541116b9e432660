import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeWith } from '../support/need-programs.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { prepareService, type RunningService } from '../support/running-service.ts';

describeWith(['pg_dump', 'pg_restore', 'psql', 'zstd'], 'a backup by the service', () => {
  let service: RunningService;
  let server: PostgresServer;
  let databaseId = '';
  let destinationId = '';

  beforeAll(async () => {
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
    const { user, password, port } = server.connection('shop');
    const passwordFile = join(service.folder, 'password');
    writeFileSync(passwordFile, `${password?.reveal()}\n`, { mode: 0o600 });
    const database = await service.api('POST', '/v1/databases', {
      name: 'shop',
      engine: 'postgres',
      host: '127.0.0.1',
      port,
      databaseName: 'shop',
      user,
      credential: { kind: 'file', path: passwordFile },
      tls: { mode: 'disable' },
      environment: 'development',
    });
    databaseId = database.id;
  }, 120_000);

  afterAll(async () => {
    await service?.remove();
    await server?.stop();
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
    const log = await service.api('GET', `/v1/runs/${run.id}/log`);
    expect(log.lines).toBeDefined();
  });
});
