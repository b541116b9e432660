import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { differences } from '../../../src/domain/inventory.ts';
import type { Connection, Workbench } from '../../../src/engines/engine.ts';
import { postgres } from '../../../src/engines/postgres/index.ts';
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
import { FIXTURE_ROLES, fixtureSql } from '../../support/postgres-fixture.ts';
import { BASE_TYPE, ORDINARY } from '../../support/postgres-ordinary.ts';
import { installedMajors, type PostgresServer, startPostgres } from '../../support/postgres-server.ts';

const MANAGED = { user: 'managed', password: 'managed' };

describeWith(POSTGRES_PROGRAMS, 'restoring into PostgreSQL', () => {
  let server: PostgresServer;
  let other: PostgresServer;
  let bench: Workbench;
  let dump: Dump;
  let ordinary: Dump;
  let number = 0;
  let target: Connection;

  beforeAll(async () => {
    server = await startPostgres();
    other = await startPostgres();
    bench = server.bench();
    await server.sql('postgres', FIXTURE_ROLES);
    await server.sql('postgres', 'create database fixture');
    await server.sql('fixture', fixtureSql('hstore'));
    await server.sql('postgres', 'create database ordinary');
    await server.sql('ordinary', ORDINARY);
    dump = await dumpOf(bench, server.connection('fixture'), { sourceDigest: true });
    ordinary = await dumpOf(bench, server.connection('ordinary'), { sourceDigest: true });
    await other.sql(
      'postgres',
      `create role managed login createdb password '${MANAGED.password}'; create role twin; grant twin to managed`,
    );
  }, 120_000);

  afterAll(async () => {
    await server?.stop();
    await other?.stop();
  });

  beforeEach(async () => {
    number += 1;
    target = other.connection(`r${number}`, MANAGED);
    await postgres.admin(bench).create(target, target.database, {});
  });

  it('F74 restores as a role that is no superuser: every loss is reported and nothing else differs', async () => {
    const { report, inventory } = await restored(bench, ordinary, restoreRequest(target));

    expect(unaccounted(ordinary.session.inventory, inventory, report)).toEqual([]);
    const said = report.notices.join('\n');
    for (const word of [
      'fixture_owner',
      'event trigger',
      'publication all_tables',
      'operator class',
      'fixture_reader',
      'belongs to managed',
    ]) {
      expect(said.toLowerCase()).toContain(word.toLowerCase());
    }
    // What a managed server does allow is there and is not excused.
    for (const kept of [
      'extension hstore',
      'publication chosen',
      'function app.f()',
      'table app.t',
      'comment table app.t',
    ]) {
      expect(Object.keys(inventory.objects)).toContain(kept);
      expect(report.accounted).not.toContain(kept);
    }
    expect(report.accounted.filter((name) => /^(?:table|index|function|rows|content) \*$/.test(name))).toEqual([]);
    // The account covers what is missing and not more: a further loss is seen.
    const { 'view app.v': _, ...objects } = inventory.objects;
    expect(unaccounted(ordinary.session.inventory, { ...inventory, objects }, report).map(({ what }) => what)).toEqual([
      'view app.v',
    ]);
  });

  it('F74 restores every kind of object as far as a role that is no superuser may, and accounts for all the rest', async () => {
    const report = await postgres.restore(bench, plainOf(bench, dump.bytes), {
      origin: dump.origin,
      request: restoreRequest(target),
    });
    const inventory = await postgres.inventory(bench, other.connection(target.database), 'digests');

    expect(unaccounted(dump.session.inventory, inventory, report)).toEqual([]);
    expect(report.notices).toContain(
      'The language plmine is not restored: only a superuser may create languages.'.replace(
        'language',
        'procedural language',
      ),
    );
    expect(report.accounted.filter((name) => name.endsWith(' *'))).toEqual([
      'acl function *',
      'acl relation *',
      'default acl *',
      'acl column *',
    ]);
    expect(inventory.tables).toEqual(dump.session.inventory.tables);
  });

  it('F74 refuses, and changes nothing, where a table could not be restored', async () => {
    await server.sql('postgres', 'create database based');
    await server.sql('based', BASE_TYPE);
    const based = await dumpOf(bench, server.connection('based'));

    const attempt = postgres.restore(bench, plainOf(bench, based.bytes), {
      origin: based.origin,
      request: restoreRequest(target),
    });

    await expect(attempt).rejects.toMatchObject({
      code: 'restore_refused',
      message: expect.stringContaining('table public.uses'),
    });
    expect(await postgres.admin(bench).isEmpty(target, target.database)).toBe(true);
  });

  it('F74 plans for free: extensions, roles, objects for superusers, versions', async () => {
    const items = await postgres.plan(
      bench,
      dump.origin,
      restoreRequest(target, { roles: { fixture_owner: 'nobody_here' } }),
    );
    const older = await postgres.plan(bench, { ...dump.origin, serverVersion: '99.1' }, restoreRequest(target));

    expect(items.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual([
      'role nobody_here',
      'objects for superusers',
      'role map fixture_owner',
    ]);
    expect(older.find(({ name }) => name === 'server version')).toMatchObject({ ok: false, blocks: true });
    await expect(
      postgres.restore(bench, plainOf(bench, dump.bytes), {
        origin: { ...dump.origin, serverVersion: '99.1' },
        request: restoreRequest(target),
      }),
    ).rejects.toMatchObject({ code: 'restore_refused' });
  });

  it('gives owners, grants and policies to other roles where asked', async () => {
    const roles = { fixture_owner: 'managed', fixture_reader: 'twin' };

    const { report, inventory } = await restored(bench, ordinary, restoreRequest(target, { roles }));

    expect(unaccounted(ordinary.session.inventory, inventory, report)).toEqual([]);
    const grants = await other.sql(
      target.database,
      "select grantee::regrole::text as role, privilege_type as what from pg_class c, aclexplode(c.relacl) where relname = 't' and grantee <> relowner order by 2",
    );
    expect(grants).toEqual([
      { role: 'twin', what: 'INSERT' },
      { role: 'twin', what: 'SELECT' },
    ]);
    const policy = await other.sql(
      target.database,
      "select array(select r::regrole::text from unnest(polroles) r)::text as roles from pg_policy where polname = 'own'",
    );
    expect(policy).toEqual([{ roles: '{twin}' }]);
  });

  it('restores without owners and access lists where asked, and says so', async () => {
    const { report, inventory } = await restored(
      bench,
      ordinary,
      restoreRequest(target, { owners: false, acls: false }),
    );

    expect(report.accounted).toEqual(expect.arrayContaining(['owner *', 'acl *']));
    expect(unaccounted(ordinary.session.inventory, inventory, report)).toEqual([]);
  });

  it('restores single tables with what they need, their rows, indexes and sequences', async () => {
    const { report, inventory } = await restored(bench, ordinary, restoreRequest(target, { only: ['app.t'] }));

    expect(Object.keys(inventory.tables)).toEqual(['app.t']);
    expect(inventory.tables['app.t']).toEqual(ordinary.session.inventory.tables['app.t']);
    expect(inventory.values['sequence app.t_id_seq']).toBe('3,true');
    expect(Object.keys(inventory.objects)).toEqual(
      expect.arrayContaining(['enum app.mood', 'index app.t_text', 'constraint t_pkey on app.t']),
    );
    expect(report.notices.join('\n')).toContain('fk constraint app.t t_other_fkey is left out');
    await expect(restored(bench, ordinary, restoreRequest(target, { only: ['no.such'] }))).rejects.toMatchObject({
      code: 'usage',
    });
  });

  it('replaces single tables in place, all or nothing', async () => {
    await restored(bench, ordinary, restoreRequest(target, { only: ['app.alone', 'app.t'] }));
    await other.sql(target.database, "truncate app.alone; insert into app.t (mood, text) values ('sad', 'later')");

    const { inventory } = await restored(
      bench,
      ordinary,
      restoreRequest(target, { only: ['app.alone'], inPlace: true }),
    );

    expect(inventory.tables['app.alone']).toEqual(ordinary.session.inventory.tables['app.alone']);
    expect(inventory.tables['app.t']?.rows).toBe(4);
    await other.sql(target.database, 'create view public.needs as select * from app.alone');
    await expect(
      restored(bench, ordinary, restoreRequest(target, { only: ['app.alone'], inPlace: true })),
    ).rejects.toMatchObject({ code: 'restore_failed' });
    expect((await postgres.inventory(bench, target, 'digests')).tables['app.alone']).toEqual(
      inventory.tables['app.alone'],
    );
  });

  it('F70 T22 a restore that is killed or whose dump ends early leaves the target as it was, or complete', async () => {
    const superuser = { ...target, ...(({ user, password }) => ({ user, password }))(other.connection('x')) };
    const before = await postgres.inventory(bench, superuser, 'digests');
    const cut = dump.bytes.subarray(0, Math.floor(dump.bytes.length * 0.9));

    await expect(
      postgres.restore(bench, plainOf(bench, cut), { origin: dump.origin, request: restoreRequest(superuser) }),
    ).rejects.toMatchObject({ code: 'restore_failed' });
    for (const delay of [20, 80, 160, 320]) {
      const stopping = new AbortController();
      const cancelled = { ...bench, signal: stopping.signal };
      const attempt = postgres.restore(cancelled, plainOf(cancelled, dump.bytes), {
        origin: dump.origin,
        request: restoreRequest(superuser),
      });
      const outcome = attempt.then(
        () => 'done',
        () => 'stopped',
      );
      await wait(delay);
      stopping.abort();
      if ((await outcome) === 'done') break;
      await until(async () => (await postgres.admin(bench).sessions(target, target.database)).length === 0);
      const found = await postgres.inventory(bench, superuser, 'digests');
      // A cancel that came after the commit finds it complete; there is nothing in between.
      if (Object.keys(found.tables).length > 0) {
        expect(found.tables).toEqual(dump.session.inventory.tables);
        break;
      }
      expect(differences(before, found)).toEqual([]);
    }
  });

  it('F74 restores with a newer client into an older server, and a cut script changes nothing', async () => {
    const newer = installedMajors(other.tools).find((major) => major >= 17);
    if (newer === undefined) {
      if (process.env.CI) throw new Error('no client of PostgreSQL 17 or newer: run sh scripts/bootstrap matrix');
      console.log('skipped: a newer client for an older server: run sh scripts/bootstrap matrix');
      return;
    }
    const tools = { all: (name: string) => other.tools.all(name).filter(({ major }) => major >= newer) };
    const withNewer = { ...bench, tools };
    const fromNewer = await dumpOf(withNewer, server.connection('ordinary'), { sourceDigest: true });

    const { report, inventory } = await restored(withNewer, fromNewer, restoreRequest(target));
    const second = other.connection(`second${number}`, MANAGED);
    await postgres.admin(bench).create(second, second.database, {});
    const cut = fromNewer.bytes.subarray(0, fromNewer.bytes.length - 50);
    const attempt = postgres.restore(withNewer, plainOf(withNewer, cut), {
      origin: fromNewer.origin,
      request: restoreRequest(second),
    });

    expect(Number.parseInt(fromNewer.session.toolVersion, 10)).toBe(newer);
    expect(unaccounted(fromNewer.session.inventory, inventory, report)).toEqual([]);
    await expect(attempt).rejects.toMatchObject({ code: 'restore_failed' });
    expect(await postgres.admin(bench).isEmpty(second, second.database)).toBe(true);
  }, 60_000);

  it('refuses to restore roles and globals into a database', async () => {
    const attempt = postgres.restore(bench, plainOf(bench, Buffer.from('-- x')), {
      origin: { ...dump.origin, type: 'globals' },
      request: restoreRequest(target),
    });

    await expect(attempt).rejects.toMatchObject({ code: 'restore_refused' });
  });

  async function until(condition: () => Promise<boolean>): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt += 1) {
      if (await condition()) return;
      await wait(50);
    }
    throw new Error('it did not come to that in time');
  }
});
