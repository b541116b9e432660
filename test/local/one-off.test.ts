import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import pg from 'pg';
import { scanFolders, scanTables, sightingsIn } from '../support/canary.ts';
import { describeWith } from '../support/need-programs.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { prepareService, type RunningService } from '../support/running-service.ts';

const CANARY = `Kanari\\"<&>é 7Z!q${'x'.repeat(9)}Q`;

describeWith(['pg_dump', 'pg_restore', 'psql', 'zstd'], 'a backup whose password is given with the run', () => {
  let service: RunningService;
  let server: PostgresServer;
  // biome-ignore lint/suspicious/noExplicitAny: as the service answered
  let start: any;

  beforeAll(async () => {
    [service, server] = await Promise.all([prepareService(), startPostgres()]);
    await service.start();
    await server.sql('postgres', 'create database shop');
    await server.sql('shop', 'create table orders as select generate_series(1, 1000) as id');
    await server.sql('postgres', `create role backup login superuser password '${CANARY}'`);
    const filesystem = { path: join(service.folder, 'store') };
    const destination = await service.api('POST', '/v1/destinations', { kind: 'filesystem', name: 'disk', filesystem });
    const look = await service.api('POST', `/v1/destinations/${destination.id}:verify`);
    expect(await service.ended(look.id)).toMatchObject({ state: 'succeeded' });
    const database = await service.api('POST', '/v1/databases', {
      ...{
        name: 'shop',
        engine: 'postgres',
        host: '127.0.0.1',
        port: server.port,
        databaseName: 'shop',
        user: 'backup',
      },
      credential: { kind: 'one-off' },
      tls: { mode: 'disable' },
      environment: 'development',
    });
    start = { databaseId: database.id, destinationIds: [destination.id] };
  }, 120_000);

  afterAll(async () => {
    await service?.remove();
    await server?.stop();
  });

  it('succeeds, and asks for the password again the next time', async () => {
    const started = await service.api('POST', '/v1/backups', { ...start, password: CANARY });

    expect(await service.ended(started.id)).toMatchObject({ state: 'succeeded', attempt: 1 });
    await expect(service.api('POST', '/v1/backups', start)).rejects.toThrow('takes its password with each run');
  });

  it('fails with a wrong one, and says which log-in was refused', async () => {
    const started = await service.api('POST', '/v1/backups', { ...start, password: `${CANARY}-wrong` });

    expect(await service.ended(started.id)).toMatchObject({ state: 'failed', code: 'authentication_failed' });
  });

  it('T14 leaves the password in no table of the catalog and the queue, no file, log or output, in any encoding', async () => {
    const secret = (name: string) => readFileSync(join(service.data, 'secrets', name), 'utf8').trim();
    const client = new pg.Client({
      host: '127.0.0.1',
      port: Number(secret('port')),
      user: 'postgres',
      password: secret('catalog-password'),
      database: 'catalog',
    });
    await client.connect();
    const tables = await scanTables(async (statement) => (await client.query(statement)).rows, CANARY);
    const queue = await client.query("select 1 from information_schema.tables where table_name = 'job'");
    await client.end();
    await service.stop();
    const files = scanFolders([service.folder], CANARY);
    const said = sightingsIn(Buffer.from(service.log() + service.printed()), CANARY, 'what the service said');

    expect([...tables.sightings, ...files.sightings, ...said]).toEqual([]);
    expect(queue.rowCount).toBeGreaterThan(0);
    expect(tables.tables).toBeGreaterThan(60);
    expect(files.bytes).toBeGreaterThan(10_000_000);
    expect(service.log().length).toBeGreaterThan(100);
  });
});
