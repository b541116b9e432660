import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { postgres } from '../../../src/engines/postgres/index.ts';
import { describeWith } from '../../support/need-programs.ts';
import { FULL, POSTGRES_PROGRAMS } from '../../support/postgres-dumps.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';

const LIMIT_MS = 250;
/** How long after the limit a client may still wait: the next look at the locks, and the end of two sessions. */
const GRACE_MS = 3_000;

const TABLES = `create table public.s (a integer primary key, b text, c integer not null default 1);
  create index s_b on public.s (b);
  create table public.parts (n integer) partition by range (n);
  create table public.part_1 partition of public.parts for values from (0) to (10);
  create function public.nothing() returns trigger language plpgsql as 'begin return new; end';
  create trigger s_t before insert on public.s for each row execute function public.nothing();
  create schema other;
  insert into public.s select n, n::text from generate_series(1, 100) n`;

/** What clients do to their own tables that no reader may be in the way of. */
const STATEMENTS = [
  'alter table public.s add column d integer',
  'alter table public.s drop column c',
  'alter table public.s alter column c type bigint',
  'alter table public.s alter column c set default 2',
  'alter table public.s alter column b set not null',
  'alter table public.s rename to s2',
  'alter table public.s rename column b to b2',
  'alter table public.s set schema other',
  'alter table public.s set unlogged',
  'alter table public.s enable row level security',
  'alter table public.s add check (a > 0)',
  'alter table public.s add unique (c, a)',
  'alter table public.parts detach partition public.part_1',
  'truncate public.s',
  'drop table public.s',
  'drop index public.s_b',
  'drop trigger s_t on public.s',
  'create rule r as on delete to public.s do instead nothing',
  'vacuum full public.s',
  'lock table public.s in access exclusive mode',
] as const;

describeWith(POSTGRES_PROGRAMS, 'a client that a PostgreSQL dump is in the way of', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres();
    await Promise.all(
      STATEMENTS.map(async (_, n) => {
        await server.sql('postgres', `create database b${n}`);
        await server.sql(`b${n}`, TABLES);
      }),
    );
  }, 120_000);

  afterAll(() => server?.stop());

  it(`T30 F10 waits no longer than the limit for any of ${STATEMENTS.length} statements`, async () => {
    const waited = await Promise.all(
      STATEMENTS.map(async (statement, n) => {
        const source = server.connection(`b${n}`);
        const open = await postgres.openDump(server.bench(`run-${n}`), source, { ...FULL, blockLimitMs: LIMIT_MS });
        const client = await server.client(source);
        try {
          if (statement.startsWith('lock')) await client.query('begin');
          const started = performance.now();
          const done = client.query(statement).then(() => performance.now() - started);
          const ended = open.watch.then(
            () => 'not ended',
            (error: { code: string }) => error.code,
          );
          return [
            statement,
            await ended,
            await Promise.race([done, wait(GRACE_MS * 4, Number.POSITIVE_INFINITY)]),
          ] as const;
        } finally {
          await open.close();
          await client.end();
        }
      }),
    );

    const wrong = waited.filter(([, code, ms]) => code !== 'dump_blocked' || ms > LIMIT_MS + GRACE_MS);
    expect(wrong).toEqual([]);
    // Each of them did wait: a statement that nothing was in the way of would prove nothing.
    expect(waited.filter(([, , ms]) => ms < LIMIT_MS / 2)).toEqual([]);
    console.log(
      `T30: ${waited.length} statements waited ${Math.max(...waited.map(([, , ms]) => ms)).toFixed(0)} ms at most, the limit is ${LIMIT_MS}`,
    );
  }, 120_000);
});
