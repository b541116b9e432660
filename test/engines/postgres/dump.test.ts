import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import type { Workbench } from '../../../src/engines/engine.ts';
import { postgres } from '../../../src/engines/postgres/index.ts';
import { describeExit, run } from '../../../src/process/run.ts';
import { describeWith } from '../../support/need-programs.ts';
import { dumpOf, FULL, POSTGRES_PROGRAMS, plainOf, restored, restoreRequest } from '../../support/postgres-dumps.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';

const ROWS = 'create table public.t as select n, repeat(md5(n::text), 20) as text from generate_series(1, 5000) n';

describeWith(POSTGRES_PROGRAMS, 'what a dump of PostgreSQL holds', () => {
  let server: PostgresServer;
  let bench: Workbench;
  let number = 0;
  let database = '';

  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);

  afterAll(() => server?.stop());

  beforeEach(async () => {
    number += 1;
    database = `d${number}`;
    bench = server.bench();
    await server.sql('postgres', `create database ${database}`);
    await server.sql(database, ROWS);
  });

  const source = () => server.connection(database);

  const ours = async () =>
    server.sql(
      'postgres',
      "select application_name as name from pg_stat_activity where application_name like 'database-dump%'",
    );

  it('keeps counts and dump in one snapshot while others write', async () => {
    await server.sql(
      database,
      'create table public.busy (n integer); insert into public.busy select generate_series(1, 100)',
    );
    const open = await postgres.openDump(bench, source(), FULL);
    await server.sql(
      database,
      'insert into public.busy select generate_series(1, 50); delete from public.busy where n < 10',
    );
    const chunks: Buffer[] = [];
    const exit = await run(bench.runner, open.command, { onOutput: (chunk) => chunks.push(chunk) });
    await open.close();
    const { serverVersion, toolVersion, inventory, flavour } = open;
    const parsed = await postgres.parse(bench, plainOf(bench, Buffer.concat(chunks)), {
      type: 'full',
      flavour,
      serverVersion,
      toolVersion,
      inventory,
      database,
    });

    expect(describeExit(exit)).toBe('pg_dump exited with status 0');
    expect(inventory.tables['public.busy']?.rows).toBe(100);
    expect(parsed.tables['public.busy']?.rows).toBe(100);
    expect(await ours()).toEqual([]);
  });

  it('dumps only what is included, without what is excluded, and refuses a name that matches nothing', async () => {
    await server.sql(
      database,
      'create schema "S.x"; create table "S.x"."odd * name" (id serial primary key); insert into "S.x"."odd * name" default values; create table public.other (a integer); create view public.v as select 1 as one',
    );

    const some = await dumpOf(bench, source(), { include: ['S.x.odd * name'], sourceDigest: true });
    const without = await dumpOf(bench, source(), { exclude: ['public.ot*', 'S.x.*'], sourceDigest: true });
    const nothing = dumpOf(bench, source(), { include: ['no.such'] });

    await expect(nothing).rejects.toMatchObject({ code: 'usage' });
    const parsedSome = await postgres.parse(bench, plainOf(bench, some.bytes), some.origin);
    const parsedWithout = await postgres.parse(bench, plainOf(bench, without.bytes), without.origin);
    expect(Object.keys(parsedSome.tables)).toEqual(['"S.x"."odd * name"']);
    expect(parsedSome.tables).toEqual(some.session.inventory.tables);
    expect(parsedSome.values).toEqual(some.session.inventory.values);
    expect(Object.keys(parsedWithout.tables)).toEqual(['public.t']);
    expect(parsedWithout.tables).toEqual(without.session.inventory.tables);
    expect(parsedWithout.values).toEqual({});
    expect(Object.keys(without.session.inventory.objects)).toContain('view public.v');
  });

  it('dumps schema or data alone', async () => {
    const schema = await dumpOf(bench, source(), { type: 'schema' });
    const data = await dumpOf(bench, source(), { type: 'data' });
    const target = server.connection(`${database}_copy`);
    await postgres.admin(bench).create(target, target.database, {});

    const { inventory } = await restored(bench, schema, restoreRequest(target, { type: 'schema' }));
    expect(inventory.objects).toEqual(schema.session.inventory.objects);
    expect(inventory.tables['public.t']?.rows).toBe(0);

    const after = await restored(bench, data, restoreRequest(target, { type: 'data' }));
    expect(after.inventory.tables['public.t']?.rows).toBe(5_000);
    const again = await restored(bench, data, restoreRequest(target, { type: 'data', inPlace: true }));
    expect(again.inventory.tables['public.t']?.rows).toBe(5_000);
  });
});
