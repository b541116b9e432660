import { renameSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { describeWith } from '../support/need-programs.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { addPostgres, prepareService, type RunningService } from '../support/running-service.ts';

describeWith(['pg_dump', 'pg_restore', 'psql', 'zstd'], 'two destinations', () => {
  let service: RunningService;
  let server: PostgresServer;
  let databaseId = '';
  const places: string[] = [];
  const told: { text?: string }[] = [];
  const sink = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      told.push(JSON.parse(body));
      response.end();
    });
  });

  beforeAll(async () => {
    [service, server] = await Promise.all([prepareService(), startPostgres()]);
    await service.start();
    await server.sql('postgres', 'create database shop');
    await server.sql('shop', 'create table orders as select n from generate_series(1, 1000) n');
    for (const name of ['first', 'second']) {
      const filesystem = { path: join(service.folder, name) };
      places.push((await service.api('POST', '/v1/destinations', { kind: 'filesystem', name, filesystem })).id);
    }
    databaseId = await addPostgres(service, server, 'shop');
    const looks = [`databases/${databaseId}`, ...places.map((id) => `destinations/${id}`)];
    for (const about of looks) await service.ended((await service.api('POST', `/v1/${about}:verify`)).id);
    await new Promise<void>((resolve) => sink.listen(0, '127.0.0.1', resolve));
    const target = { kind: 'webhook', url: `http://127.0.0.1:${(sink.address() as AddressInfo).port}/` };
    await service.api('POST', '/v1/channels', { name: 'hook', target });
  }, 120_000);

  afterAll(async () => {
    sink.close();
    await service?.remove();
    await server?.stop();
  });

  const backUp = async () => {
    const started = await service.api('POST', '/v1/backups', { databaseId, destinationIds: places });
    return service.ended(started.id);
  };
  const backupsOf = async (runId: string) =>
    (await service.api('GET', '/v1/backups')).items.filter((backup: { runId: string }) => backup.runId === runId);

  it('get one dump, and each a good backup of its own', async () => {
    const run = await backUp();

    expect(run).toMatchObject({
      state: 'succeeded',
      outcomes: places.map((destinationId) => ({ destinationId, ok: true })),
    });
    const backups = await backupsOf(run.id);
    expect(backups.map(({ destinationId }: { destinationId: string }) => destinationId).sort()).toEqual(
      [...places].sort(),
    );
    expect(new Set(backups.map(({ sha256 }: { sha256: string }) => sha256)).size).toBe(1);
    expect(backups.map(({ state }: { state: string }) => state)).toEqual(['good', 'good']);
  });

  it('of which one fails leave a partly good run, a good backup at the other, and an alarm that names the failing one', async () => {
    const store = join(service.folder, 'second');
    renameSync(store, `${store}.away`);
    writeFileSync(store, 'a file where the folder was');
    const run = await backUp();

    expect(run.state).toBe('partly');
    expect(run.outcomes).toMatchObject([
      { destinationId: places[0], ok: true },
      { destinationId: places[1], ok: false },
    ]);
    expect(run.outcomes[1].detail).toMatch(/second/);
    expect(await backupsOf(run.id)).toMatchObject([{ destinationId: places[0], state: 'good' }]);
    await service.until(async () => told.length > 0);
    expect(told).toMatchObject([{ type: 'run.failed', data: { state: 'partly', failing: [{ name: 'second' }] } }]);
    expect(told[0]?.text).toContain('second');
  });
});
