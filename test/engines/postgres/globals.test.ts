import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { Connection, GlobalsItem } from '../../../src/engines/engine.ts';
import { postgres } from '../../../src/engines/postgres/index.ts';
import { openSession } from '../../../src/engines/postgres/session.ts';
import { describeWith } from '../../support/need-programs.ts';
import { type Dump, dumpOf, POSTGRES_PROGRAMS, plainOf } from '../../support/postgres-dumps.ts';
import { type PostgresServer, startPostgres } from '../../support/postgres-server.ts';

const ROLES = `
create role "odd ""; drop role admin; --" login password 'p''w' connection limit 3 valid until '2030-01-01';
create role readers;
create role boss superuser;
create role "Ünï\\ 表" login createdb noinherit;
comment on role readers is 'a; ''b'' \\ "c"
two lines';
alter role readers set search_path to 'x;y', public;
alter role readers set statement_timeout to '7s';
grant readers to "odd ""; drop role admin; --" with admin option;
grant pg_read_all_data to readers;
grant set on parameter work_mem to readers;
`;
const ODD = 'odd "; drop role admin; --';

describeWith(POSTGRES_PROGRAMS, 'roles and globals of PostgreSQL', () => {
  let source: PostgresServer;
  let target: PostgresServer;

  beforeAll(async () => {
    [source, target] = await Promise.all([startPostgres(), startPostgres()]);
    await source.sql('postgres', ROLES);
  }, 60_000);

  afterAll(async () => {
    await source?.stop();
    await target?.stop();
  });

  const save = (passwordHashes = false) =>
    dumpOf(source.bench(), source.connection(''), { type: 'globals', passwordHashes });

  function bring(dump: Dump, to: Connection, apply: boolean): Promise<readonly GlobalsItem[]> {
    const bench = target.bench();
    return postgres.restoreGlobals(bench, plainOf(bench, dump.bytes, 100), { origin: dump.origin, target: to, apply });
  }

  const here = async () => (await dumpOf(target.bench(), target.connection(''), { type: 'globals' })).bytes.toString();
  const without = (script: string) => script.replace(/\\(?:un)?restrict \w+/g, '');
  const outcomes = (items: readonly GlobalsItem[]) =>
    Object.fromEntries(items.map((item) => [item.name, item.outcome]));

  async function clear(): Promise<void> {
    const rows = await target.sql(
      'postgres',
      "select rolname from pg_roles where rolname !~ '^pg_' and rolname <> 'admin'",
    );
    for (const { rolname } of rows) {
      const name = `"${rolname?.replaceAll('"', '""')}"`;
      await target.sql('postgres', `drop owned by ${name}; drop role ${name}`);
    }
  }

  it('a plan names what is missing and leaves the server as it was', async () => {
    const before = without(await here());

    const plan = await bring(await save(), target.connection(''), false);

    expect(without(await here())).toBe(before);
    expect(outcomes(plan)).toEqual({
      'role admin': 'exists',
      'role boss': 'missing',
      [`role ${ODD}`]: 'missing',
      'role readers': 'missing',
      'role Ünï\\ 表': 'missing',
      [`member ${ODD} of readers`]: 'missing',
      'member readers of pg_read_all_data': 'missing',
      'parameter work_mem for readers': 'missing',
    });
  });

  it('brings back every role, attribute, setting, comment, membership and parameter right of a server', async () => {
    const dump = await save(true);

    const items = await bring(dump, target.connection(''), true);

    const again = await dumpOf(target.bench(), target.connection(''), { type: 'globals', passwordHashes: true });
    const theirs = (script: string) =>
      without(script)
        .split('\n')
        .filter((line) => !/ROLE admin\b/.test(line));
    expect(items.filter(({ outcome }) => outcome === 'refused')).toEqual([]);
    expect(theirs(again.bytes.toString())).toEqual(theirs(dump.bytes.toString()));
    const login = target.connection('postgres', { user: ODD, password: "p'w" });
    await (await openSession(login, { applicationName: 't' })).end();
    const second = await bring(dump, target.connection(''), true);
    expect(new Set(second.map(({ outcome }) => outcome))).toEqual(new Set(['exists']));
    await clear();
  });

  it('says of each role that may log in that it has no password, and never writes a hash unasked', async () => {
    const dump = await save();

    const items = await bring(dump, target.connection(''), true);

    expect(dump.bytes.toString()).not.toContain('SCRAM-SHA-256');
    expect(items.find(({ name }) => name === `role ${ODD}`)).toMatchObject({
      outcome: 'restored',
      detail: expect.stringContaining('ALTER ROLE "odd ""; drop role admin; --" PASSWORD'),
    });
    expect(items.find(({ name }) => name === 'role readers')?.detail).toBe('');
    await clear();
  });

  it('neither changes nor endows a role that was there before', async () => {
    await target.sql('postgres', `create role readers login; create role "odd ""; drop role admin; --" nologin`);
    const before = (await target.sql('postgres', "select oid, * from pg_roles where rolname ~ '^(odd|readers)'")).map(
      (row) => ({ ...row }),
    );

    const items = await bring(await save(), target.connection(''), true);

    const after = (await target.sql('postgres', "select oid, * from pg_roles where rolname ~ '^(odd|readers)'")).map(
      (row) => ({ ...row }),
    );
    expect(after).toEqual(before);
    expect(
      await target.sql('postgres', 'select 1 from pg_auth_members where roleid::regrole::text = $$readers$$'),
    ).toEqual([]);
    expect(outcomes(items)).toMatchObject({
      'role readers': 'exists',
      [`role ${ODD}`]: 'exists',
      'role boss': 'restored',
      [`member ${ODD} of readers`]: 'refused',
      'member readers of pg_read_all_data': 'refused',
      'parameter work_mem for readers': 'refused',
    });
    expect(items.find(({ name }) => name === 'role readers')?.detail).toContain('not as in the backup');
    expect(items.find(({ name }) => name === `member ${ODD} of readers`)?.detail).toContain('GRANT "readers" TO');
    await clear();
  });

  it('as a role that may not make superusers, makes all others and says what the server refused', async () => {
    await target.sql('postgres', "create role manager login createrole password 'm'");
    const manager = target.connection('postgres', { user: 'manager', password: 'm' });

    const plan = await bring(await save(), manager, false);
    const items = await bring(await save(), manager, true);

    expect(items.find(({ name }) => name === 'role boss')).toMatchObject({
      outcome: 'refused',
      detail: expect.stringContaining('superuser'),
    });
    expect(outcomes(items)).toMatchObject({ 'role readers': 'restored', [`role ${ODD}`]: 'restored' });
    const refused = (list: readonly GlobalsItem[]) => list.filter(({ outcome }) => outcome === 'refused');
    expect(refused(plan)).toEqual(refused(items));
    await clear();
  });

  it('F71 runs no statement that pg_dumpall does not write', async () => {
    const dump = await save();
    const end = '--\n-- PostgreSQL database cluster dump complete\n--';
    const evil = [
      "ALTER ROLE admin WITH PASSWORD 'stolen';",
      'CREATE ROLE fine; DROP ROLE admin;',
      'ALTER ROLE admin SET search_path TO evil;',
      "COPY (select 1) TO PROGRAM 'touch /tmp/database-dump-f71';",
      'CREATE ROLE thief SUPERUSER;',
      'GRANT admin TO thief, manager;',
      '\\! touch /tmp/database-dump-f71',
    ];
    const bytes = Buffer.from(dump.bytes.toString().replace(end, `${evil.join('\n')}\n\n${end}`));

    const items = await bring({ ...dump, bytes }, target.connection(''), true);

    const roles = await target.sql('postgres', "select rolname from pg_roles where rolname in ('thief', 'admin')");
    expect(roles).toEqual([{ rolname: 'admin' }]);
    expect(items.filter(({ detail }) => detail.includes('was not run')).length).toBeGreaterThanOrEqual(6);
    await (await openSession(target.connection('postgres'), { applicationName: 't' })).end();
    await clear();
  });

  it('F4 level 2 reads the script to its end mark and misses what the server named', async () => {
    const dump = await save();
    const parse = (bytes: Buffer) => postgres.parse(source.bench(), plainOf(source.bench(), bytes, 50), dump.origin);
    const text = dump.bytes.toString();

    expect(await parse(dump.bytes)).toEqual({ tables: {}, values: {}, warnings: [] });
    for (const at of [0, 100, text.length - 60, text.length - 8]) {
      await expect(parse(dump.bytes.subarray(0, at))).rejects.toMatchObject({ code: 'dump_incomplete' });
    }
    const lacking = Buffer.from(text.replace(/CREATE ROLE readers;\n/, ''));
    await expect(parse(lacking)).rejects.toMatchObject({
      code: 'schema_changed',
      message: expect.stringContaining('role readers'),
    });
    const more = await parse(
      Buffer.from(text.replace('CREATE ROLE readers;', 'DROP ROLE admin;\nCREATE ROLE readers;')),
    );
    expect(more.warnings).toEqual([expect.stringContaining('DROP ROLE admin')]);
  });
});
