import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { differences, type Inventory } from '../../../src/domain/inventory.ts';
import type { Connection, Scratch, Workbench } from '../../../src/engines/engine.ts';
import { postgres } from '../../../src/engines/postgres/index.ts';
import { readObjects } from '../../../src/engines/postgres/inventory/inventory.ts';
import { openSession } from '../../../src/engines/postgres/session.ts';
import { describeWith } from '../../support/need-programs.ts';
import {
  type Dump,
  dumpOf,
  POSTGRES_PROGRAMS,
  plainOf,
  restored,
  restoreRequest,
  unaccounted,
} from '../../support/postgres-dumps.ts';
import { FIXTURE_KINDS, FIXTURE_ROLES, fixtureSql } from '../../support/postgres-fixture.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';

/** What takes one object of a kind out of a copy; kinds that need no statement of their own go with another. */
const REMOVALS: Readonly<Record<string, string>> = {
  schema: 'drop schema "Odd Schema.""x" cascade',
  table: 'drop table public.booking',
  'foreign table': 'drop foreign table app.distant',
  view: 'drop view app.circular',
  'materialized view': 'drop materialized view app.empty_mv',
  sequence: 'drop sequence app.odd',
  index: 'drop index app.plain_expr',
  constraint: 'alter table public.a drop constraint a_b',
  trigger: 'drop trigger touch on app.plain',
  rule: 'drop rule no_delete on app.plain',
  policy: 'drop policy own on app.plain',
  statistics: 'drop statistics app.plain_stats',
  function: 'drop function app.rows(integer)',
  procedure: 'drop procedure app.proc(integer)',
  'window function': 'drop function app.window_like()',
  aggregate: 'drop aggregate app.total(integer)',
  operator: 'drop operator app.<<<%(app.pair, app.pair)',
  'operator class': 'drop operator class app.int_rev using btree cascade',
  'operator family': 'drop operator family app.fam using btree cascade',
  cast: 'drop cast (integer as app.mood)',
  conversion: 'drop conversion app.conv',
  transform: 'drop transform for app.mood language plmine',
  enum: 'drop type app.mood cascade',
  domain: 'drop domain app.positive cascade',
  range: 'drop type app.span cascade',
  'composite type': 'drop type app.pair cascade',
  'base type': 'drop type app.shell cascade',
  collation: 'drop collation app.nondet',
  extension: 'drop extension hstore',
  language: 'drop language plmine cascade',
  'access method': 'drop access method heap2 cascade',
  'event trigger': 'drop event trigger on_ddl',
  'foreign data wrapper': 'drop foreign data wrapper wrapper cascade',
  'foreign server': 'drop server remote cascade',
  'user mapping': 'drop user mapping for fixture_reader server remote',
  publication: 'drop publication pub_all',
  'publication table': 'alter publication pub drop table public.b',
  'publication schema': 'alter publication pub_schema drop tables in schema app',
  subscription: 'drop subscription sub',
  'text search parser': 'drop text search parser app.parser',
  'text search template': 'drop text search template app.template',
  'text search dictionary': 'drop text search dictionary app.dict cascade',
  'text search configuration': 'drop text search configuration app.conf',
  'default acl':
    'alter default privileges for role fixture_owner in schema app revoke select on tables from fixture_reader',
  'owner table': 'alter table public.a owner to fixture_owner',
  'owner large objects': 'alter large object 424242 owner to current_user',
  'acl table': 'revoke all on public.a from "Odd Role "";\'"',
  'acl column': 'revoke update (a) on public.b from fixture_reader',
  'acl function': 'grant execute on function app.add(integer, integer) to public',
  'acl large objects': 'revoke all on large object 424242 from fixture_reader',
  'acl schema': 'revoke usage on schema app from fixture_reader',
  'acl enum': 'grant usage on type app.mood to public',
  'acl language': 'revoke usage on language plmine from fixture_reader',
  'acl sequence': 'revoke all on sequence app.odd from fixture_reader',
  'comment table': 'comment on table app.plain is null',
  'comment column': 'comment on column app.plain."Odd Column"" " is null',
  'comment constraint': 'comment on constraint is_positive on domain app.positive is null',
  'comment schema': 'comment on schema app is null',
  'comment large objects': 'comment on large object 424243 is null',
  'query view': 'create or replace view app.circular as select 2 as one',
  'query policy': 'alter policy everyone on app.plain with check (amount < 6)',
  'query rule': 'create or replace rule no_delete as on delete to app.plain where old.amount > 101 do instead nothing',
  'query function':
    'create or replace function app.body(a integer) returns integer language sql begin atomic select a + 2; end',
  'query materialized view': 'drop materialized view app.mv',
  'version of extension': 'drop extension hstore',
};

describeWith(POSTGRES_PROGRAMS, 'a PostgreSQL database with every kind of object', () => {
  let server: PostgresServer;
  let bench: Workbench;
  let dump: Dump;
  let scratch: Scratch;
  let copy: Connection;
  let found: Inventory;
  let notices: readonly string[];

  beforeAll(async () => {
    server = await startPostgres();
    bench = server.bench();
    await server.sql('postgres', FIXTURE_ROLES);
    await server.sql('postgres', 'create database fixture');
    await server.sql('fixture', fixtureSql('hstore'));
    dump = await dumpOf(bench, server.connection('fixture'), { sourceDigest: true });
    scratch = await postgres.scratch(bench, dump.origin);
    copy = { ...scratch.connection, database: 'fixture' };
    await postgres.admin(bench).create(scratch.connection, 'fixture', dump.origin.inventory?.facts ?? {});
    const result = await restored(bench, dump, restoreRequest(copy));
    found = result.inventory;
    notices = result.report.notices;
  }, 120_000);

  afterAll(async () => {
    await scratch?.stop();
    await server?.stop();
  });

  it('has at least one of every kind', () => {
    const names = Object.keys(dump.session.inventory.objects);

    expect(FIXTURE_KINDS.filter((kind) => !names.some((name) => name === kind || name.startsWith(`${kind} `)))).toEqual(
      [],
    );
    expect(FIXTURE_KINDS.filter((kind) => !Object.hasOwn(REMOVALS, kind))).toEqual([]);
  });

  it('is restored identically, schema and content, values and facts, with nothing to report', () => {
    expect(notices).toEqual([]);
    expect(differences(dump.session.inventory, found)).toEqual([]);
    expect(differences(found, dump.session.inventory)).toEqual([]);
  });

  it('F5 counts the same rows in the snapshot, in the decoded dump and in the copy, and digests the same content', async () => {
    const parsed = await postgres.parse(bench, plainOf(bench, dump.bytes), dump.origin);

    expect(parsed.tables).toEqual(dump.session.inventory.tables);
    expect(parsed.tables).toEqual(found.tables);
    expect(parsed.values).toEqual(found.values);
    expect(Object.keys(parsed.tables)).toContain('"Odd Schema.""x"."new\nline; drop table"');
    expect(parsed.tables['large objects']?.rows).toBe(2);
  });

  it('keeps database-level facts', () => {
    expect(found.facts).toMatchObject({
      encoding: 'UTF8',
      owner: 'fixture_owner',
      comment: 'the fixture',
      'connection limit': '55',
      'setting work_mem': '7MB',
      'role setting fixture_reader statement_timeout': '9s',
    });
  });

  it('carries no password of a user mapping or subscription into an inventory', () => {
    expect(JSON.stringify(dump.session.inventory)).not.toContain('canary');
  });

  it.each(FIXTURE_KINDS.map((kind) => [kind]))('reports a copy that lacks the %s', async (kind) => {
    const objects = await objectsAfter(REMOVALS[kind] ?? '');

    const reported = differences(found, { ...found, objects }).map(({ what }) => what);

    expect(reported.some((what) => what.startsWith(kind))).toBe(true);
  });

  it('reports exactly one changed row, one dropped index and one moved sequence', async () => {
    const row = await inventoryAfter(copy, "update public.measure set v = 'other' where id = 0");
    const index = await inventoryAfter(copy, 'drop index app.plain_expr');
    const value = await inventoryAfter(copy, "select setval('public.owned', 77)");

    expect(differences(found, row)).toEqual([
      expect.objectContaining({ kind: 'changed', what: 'content public.measure_2024' }),
    ]);
    expect(differences(found, index)).toEqual([
      expect.objectContaining({ kind: 'missing', what: 'index app.plain_expr' }),
    ]);
    expect(differences(found, value)).toEqual([
      { kind: 'changed', what: 'value sequence public.owned', expected: '2,true', found: '77,true' },
    ]);
  });

  it('is restored in place in one transaction: what was there is gone, what was saved is back', async () => {
    const target = server.connection('replaced');
    await server.sql('postgres', 'create database replaced');
    await server.sql('replaced', fixtureSql('hstore'));
    await server.sql(
      'replaced',
      "drop table public.booking; create table public.stranger (a integer); create schema strange; create table strange.t (b integer); insert into public.base values (9, null); create type public.base_type_name as enum ('x')",
    );

    const { report, inventory } = await restored(bench, dump, restoreRequest(target, { inPlace: true }));

    expect(unaccounted(dump.session.inventory, inventory, report)).toEqual([]);
  });

  /** The objects that there would be after a statement; it is rolled back. */
  async function objectsAfter(statement: string): Promise<Inventory['objects']> {
    const session = await openSession(copy, { applicationName: 'test' });
    try {
      await session.rows(`begin; ${statement}`);
      return await readObjects(session);
    } finally {
      await session.end();
    }
  }

  /** The inventory that a statement would lead to: it is undone again by a copy of the database. */
  async function inventoryAfter(original: Connection, statement: string): Promise<Inventory> {
    const admin = postgres.admin(bench);
    await clone(original, 'changed', statement);
    const changed = await postgres.inventory(bench, { ...original, database: 'changed' }, 'digests');
    await admin.drop(original, 'changed');
    // A template's subscriptions and facts are not copied.
    const { 'subscription sub': subscription = '' } = found.objects;
    return { ...changed, objects: { ...changed.objects, 'subscription sub': subscription }, facts: found.facts };
  }

  async function clone(original: Connection, name: string, statement: string): Promise<void> {
    const session = await server.client({ ...original, database: 'postgres' });
    await session.query(`create database ${name} template fixture`);
    await session.end();
    const inside = await server.client({ ...original, database: name });
    await inside.query(statement);
    await inside.end();
  }
});
