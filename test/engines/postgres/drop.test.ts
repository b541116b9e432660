import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { postgres } from '../../../src/engines/postgres/index.ts';
import { describeWith } from '../../support/need-programs.ts';
import { POSTGRES_PROGRAMS } from '../../support/postgres-dumps.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';

describeWith(POSTGRES_PROGRAMS, 'dropping a PostgreSQL database', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres({ settings: ['wal_level=logical'] });
  }, 60_000);
  afterAll(() => server?.stop());

  it('lets its subscriptions go and leaves the slot on the publishing server', async () => {
    await server.sql('postgres', 'create database origin');
    await server.sql('origin', "select pg_create_logical_replication_slot('feed', 'pgoutput')");
    await server.sql('postgres', 'create database "the ""copy"""');
    const subscribe = `create subscription "odd ""sub""" connection 'host=127.0.0.1 port=1' publication p`;
    await server.sql('the "copy"', `${subscribe} with (connect = false, slot_name = 'feed')`);

    await postgres.admin(server.bench()).drop(server.connection('postgres'), 'the "copy"');

    expect(await postgres.admin(server.bench()).list(server.connection('postgres'))).not.toContain('the "copy"');
    expect(await server.sql('postgres', 'select subname from pg_subscription')).toEqual([]);
    expect(await server.sql('postgres', 'select slot_name from pg_replication_slots')).toEqual([{ slot_name: 'feed' }]);
  });

  it('that is not there is no error', async () => {
    await expect(postgres.admin(server.bench()).drop(server.connection('postgres'), 'absent')).resolves.toBeUndefined();
  });
});
