import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import pg from 'pg';
import { openCatalog } from '../../src/catalog/catalog.ts';
import { migrateCatalog } from '../../src/catalog/migrate.ts';
import { TENANT_TABLES } from '../../src/catalog/migrations/0001-foundation.ts';
import { ALARM_TABLES } from '../../src/catalog/migrations/0002-alarms.ts';
import { DEFINER_FUNCTIONS } from '../../src/catalog/migrations/functions.ts';
import { Secret } from '../../src/domain/secret.ts';
import { startCatalog, type TestCatalog } from '../support/catalog.ts';
import { sized } from '../support/size.ts';

let world: TestCatalog;
let one: string;
let two: string;

const addKey = (tenantId: string, hash: Buffer) =>
  world.catalog.withTenant(tenantId, (trx) =>
    trx
      .insertInto('api_keys')
      .values({
        tenant_id: tenantId,
        id: randomUUID(),
        name: 'k',
        prefix: 'p',
        key_hash: hash,
        role: 'viewer',
        created_by: 'test',
      })
      .execute(),
  );

beforeAll(async () => {
  world = await startCatalog();
  one = await world.tenant();
  two = await world.tenant();
});

afterAll(() => world.stop());

describe('the catalog keeps tenants apart', () => {
  it('shows a tenant its own rows and nobody else’s', async () => {
    const seen = await world.catalog.withTenant(one, (trx) => trx.selectFrom('tenants').select('tenant_id').execute());

    expect(seen).toEqual([{ tenant_id: one }]);
    expect(Number((await world.sql('SELECT count(*) AS n FROM tenants'))[0]?.n)).toBeGreaterThanOrEqual(2);
  });

  it('F91 refuses to write into, change or delete another tenant’s rows', async () => {
    const foreign = world.catalog.withTenant(one, (trx) =>
      trx
        .insertInto('members')
        .values({ tenant_id: two, id: randomUUID(), email: 'a@b.c', name: 'x', role: 'viewer' })
        .execute(),
    );
    await expect(foreign).rejects.toThrow('row-level security');

    const changed = await world.catalog.withTenant(one, (trx) =>
      trx.updateTable('tenants').set({ name: 'taken' }).where('tenant_id', '=', two).executeTakeFirst(),
    );
    const deleted = await world.catalog.withTenant(one, (trx) =>
      trx.deleteFrom('tenants').where('tenant_id', '=', two).executeTakeFirst(),
    );

    expect([changed.numUpdatedRows, deleted.numDeletedRows]).toEqual([0n, 0n]);
  });

  it('M20 F94 refuses a reference to another tenant’s row, so that it cannot be guessed', async () => {
    const memberId = randomUUID();
    await world.catalog.withTenant(two, (trx) =>
      trx
        .insertInto('members')
        .values({ tenant_id: two, id: memberId, email: 'm@x.y', name: 'x', role: 'viewer' })
        .execute(),
    );

    const pointing = world.catalog.withTenant(one, (trx) =>
      trx
        .insertInto('sessions')
        .values({
          tenant_id: one,
          id: randomUUID(),
          member_id: memberId,
          token_hash: createHash('sha256').update(memberId).digest(),
          expires_at: new Date(),
        })
        .execute(),
    );

    await expect(pointing).rejects.toThrow('foreign key');
  });

  it('M17 M18 F93 leaves no tenant behind on a connection, and shows nothing without one', async () => {
    const single = await openCatalog({ url: world.appUrl, connections: 1 });
    await single.withTenant(one, (trx) => trx.selectFrom('tenants').selectAll().execute());
    const client = new pg.Client({ connectionString: world.appUrl.reveal() });
    await client.connect();
    await client.query('begin');
    await client.query(`select set_config('app.tenant_id', '${one}', true)`);
    await client.query('commit');

    const after = await client.query('select count(*)::int as n from tenants');

    expect(after.rows[0].n).toBe(0);
    await client.end();
    await single.close();
  });

  it('rolls back everything when the work throws', async () => {
    const name = `gone-${randomUUID()}`;
    const work = world.catalog.withTenant(one, async (trx) => {
      await trx.updateTable('tenants').set({ name }).execute();
      throw new Error('changed my mind');
    });

    await expect(work).rejects.toThrow('changed my mind');
    expect(await world.sql(`SELECT count(*) AS n FROM tenants WHERE name = '${name}'`)).toEqual([{ n: '0' }]);
  });

  it('refuses a tenant id that is none', async () => {
    expect(() => world.catalog.withTenant("x'; drop table tenants", async () => undefined)).toThrow(TypeError);
  });

  it('T13 F93 shows no foreign row to interleaved requests over few connections', async () => {
    const tenants = [one, two, await world.tenant(), await world.tenant()];
    const small = await openCatalog({ url: world.appUrl, connections: 4 });
    let foreign = 0;
    const total = sized(50_000, 1_000_000);

    await Promise.all(
      Array.from({ length: 16 }, async (_, worker) => {
        for (let n = worker; n < total; n += 16) {
          const tenant = tenants[n % tenants.length] ?? one;
          const rows = await small.withTenant(tenant, (trx) => trx.selectFrom('tenants').select('tenant_id').execute());
          if (rows.length !== 1 || rows[0]?.tenant_id !== tenant) foreign += 1;
        }
      }),
    );

    expect(foreign).toBe(0);
    await small.close();
  });

  it('finds by hash, across tenants, and answers with ids only', async () => {
    const hash = createHash('sha256').update('a key').digest();
    await addKey(two, hash);

    const found = await world.catalog.find.apiKey(hash);

    expect(found?.tenantId).toBe(two);
    expect(Object.keys(found ?? {}).sort()).toEqual(['id', 'tenantId']);
    expect(await world.catalog.find.apiKey(Buffer.from('nothing'))).toBeUndefined();
  });
});

describe('the catalog’s own protection', () => {
  it('M16 F92 refuses to start as a superuser, the owner, or a role that bypasses row security', async () => {
    await world.sql(
      `CREATE ROLE strong LOGIN BYPASSRLS PASSWORD 'x'; CREATE ROLE maker LOGIN CREATEROLE PASSWORD 'x'; CREATE ROLE joined LOGIN PASSWORD 'x'; GRANT migrator TO joined`,
    );
    await world.sql('GRANT CONNECT ON DATABASE catalog TO strong, maker, joined');
    const as = (role: string) =>
      openCatalog({ url: new Secret(`postgres://${role}:x@127.0.0.1:${world.server.port}/catalog`) });

    await expect(as('strong')).rejects.toThrow('bypasses row security');
    await expect(as('maker')).rejects.toThrow('may create roles');
    await expect(as('joined')).rejects.toThrow('is a member of another role');
    await expect(openCatalog({ url: world.ownerUrl })).rejects.toThrow('owns tables');
    const admin = world.server.connection('catalog');
    const url = new Secret(`postgres://${admin.user}:${admin.password?.reveal()}@127.0.0.1:${admin.port}/catalog`);
    await expect(openCatalog({ url })).rejects.toThrow('is a superuser');
  });

  it('F92 refuses to start when a table lies open', async () => {
    await world.sql('CREATE TABLE forgotten (id int)');

    await expect(openCatalog({ url: world.appUrl })).rejects.toThrow('table forgotten is not under row security');

    await world.sql('DROP TABLE forgotten');
  });

  it('F94 has no table without a forced policy and no unknown function with another role’s rights', async () => {
    const tables = await world.sql(
      `SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'public' AND relkind = 'r' AND relrowsecurity AND relforcerowsecurity ORDER BY 1`,
    );
    const definers = await world.sql(
      `SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace WHERE nspname = 'public' AND prosecdef ORDER BY 1`,
    );
    const views = await world.sql(
      `SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = 'public' AND relkind IN ('v', 'm')`,
    );

    expect(tables.map((row) => row.relname)).toEqual([...TENANT_TABLES, ...ALARM_TABLES].sort());
    expect(definers.map((row) => row.proname)).toEqual([...DEFINER_FUNCTIONS].sort());
    expect(views).toEqual([]);
  });

  it('F94 puts the tenant into every primary and foreign key', async () => {
    const keys = await world.sql(`
      SELECT conrelid::regclass::text AS t, contype, (SELECT array_agg(attname::text) FROM pg_attribute WHERE attrelid = conrelid AND attnum = ANY (conkey))::text AS columns
      FROM pg_constraint c JOIN pg_namespace n ON n.oid = connamespace WHERE nspname = 'public' AND contype IN ('p', 'f') AND conrelid::regclass::text NOT LIKE 'kysely%'`);

    expect(keys.length).toBeGreaterThan(40);
    for (const key of keys) expect(key.columns).toContain('tenant_id');
  });

  it('gives the job library’s role no right on any tenant table', async () => {
    const rights = await world.sql(
      `SELECT grantee, table_name FROM information_schema.role_table_grants WHERE table_schema = 'public' AND grantee IN ('queue', 'PUBLIC')`,
    );
    const schemas = await world.sql(`SELECT nspname FROM pg_namespace WHERE pg_get_userbyid(nspowner) = 'queue'`);

    expect(rights).toEqual([]);
    expect(schemas).toEqual([{ nspname: 'queue' }]);
  });

  it('F101 adds to the audit chain and never changes it, not even as its owner', async () => {
    const columns = `tenant_id, sequence, at, actor, action, object, request_id, previous_hash, hash`;
    await world.sql(`INSERT INTO audit_events (${columns}) VALUES ('${one}', 1, now(), 'a', 'b', 'c', 'r', '', 'h')`);

    for (const statement of [
      'UPDATE audit_events SET actor = $$x$$',
      'DELETE FROM audit_events',
      'TRUNCATE audit_events',
    ]) {
      await expect(world.sql(statement)).rejects.toThrow('only ever added');
    }
  });

  it('is migrated once, however often and by however many it is asked', async () => {
    expect(await Promise.all([migrateCatalog(world.ownerUrl), migrateCatalog(world.ownerUrl)])).toEqual([[], []]);
  });

  it('tells the database’s time', async () => {
    expect(Math.abs((await world.catalog.now()).getTime() - Date.now())).toBeLessThan(60_000);
    expect(
      await world.catalog.withTenant(
        one,
        async (trx) => (await sql<{ t: string }>`select current_setting('app.tenant_id') as t`.execute(trx)).rows[0]?.t,
      ),
    ).toBe(one);
  });
});
