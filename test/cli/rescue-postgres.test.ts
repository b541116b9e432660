import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { cliFolder, dbdump, urlOf } from '../support/cli.ts';
import { describeWith } from '../support/need-programs.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';

const SHOP = `
create table customers (id int generated always as identity primary key, name text not null);
create table orders (id int generated always as identity primary key, customer_id int not null references customers, note text);
create index on orders (customer_id);
create view busy as select customer_id, count(*) from orders group by 1;
insert into customers (name) select 'customer ' || i from generate_series(1, 500) as i;
insert into orders (customer_id, note) select 1 + i % 500, md5(i::text) from generate_series(1, 5000) as i;
`;
const PASSWORD = "p'w@%/x ü";
const OWNER = { user: 'shop_owner', password: PASSWORD };

const PROGRAMS = ['postgres', 'initdb', 'pg_dump', 'pg_restore', 'zstd'];

describeWith(PROGRAMS, 'dbdump rescue against PostgreSQL', () => {
  const folder = cliFolder();
  const common = [...folder.data];
  let server: PostgresServer;
  let source = '';
  let first: Record<string, unknown> = {};

  beforeAll(async () => {
    server = await startPostgres();
    await server.sql('postgres', `create role shop_owner login createdb password '${PASSWORD.replaceAll("'", "''")}'`);
    await server.sql('postgres', 'create database shop owner shop_owner');
    const client = await server.client(server.connection('shop', OWNER));
    await client.query(SHOP);
    await client.end();
    source = folder.urlFile('shop.url', server.connection('shop', OWNER));
  });
  afterAll(async () => {
    await server?.stop();
    folder.remove();
  });

  const rows = async (database: string) => {
    const [row] = await server.sql(
      database,
      'select (select count(*) from customers) as c, (select count(*) from orders) as o',
    );
    return row;
  };
  const json = (text: string) => JSON.parse(text) as Record<string, unknown>;

  it('backs up: one JSON document, the key and the recovery kit made on the way', async () => {
    const { code, stdout, stderr } = await dbdump([
      'rescue',
      'backup',
      source,
      '--to',
      folder.store,
      '--json',
      ...common,
    ]);

    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(stdout.trim().split('\n')).toHaveLength(1);
    first = json(stdout);
    expect(first).toMatchObject({
      status: 'good',
      level: 2,
      bytes: { plain: expect.any(Number), stored: expect.any(Number) },
      seconds: expect.any(Number),
    });
    expect(first.tables).toEqual(
      expect.arrayContaining([
        { name: 'public.customers', rows: 500 },
        { name: 'public.orders', rows: 5000 },
      ]),
    );
    expect(stderr).toMatch(/signing key in .*; its fingerprint is ([0-9a-f]{4} ){15}[0-9a-f]{4}\./);
    const [kit = ''] = readdirSync(join(folder.path, 'data')).filter((name) => name.startsWith('recovery-kit'));
    expect(readFileSync(join(folder.path, 'data', kit), 'utf8')).toContain('PUBLIC KEY');
  });

  it('lists it for people and for programs', async () => {
    const people = await dbdump(['rescue', 'list', '--from', folder.store, ...common]);
    const program = await dbdump(['rescue', 'list', '--from', folder.store, '--json', ...common]);

    expect(people.stdout).toMatch(/BACKUP +DATABASE +TYPE +SNAPSHOT/);
    expect(people.stdout).toMatch(new RegExp(`${first.backup} +shop +full .*good, level 2`));
    expect(json(program.stdout).backups).toMatchObject([
      { backup: first.backup, status: 'good', level: 2, database: 'shop' },
    ]);
    expect(json(program.stdout).problems).toEqual([]);
  });

  it('verifies to level 3 in a private throwaway server, with assertions', async () => {
    const holds = ['--assert', 'orders=select count(*) = 5000 from orders'];

    const good = await dbdump([
      'rescue',
      'verify',
      '--from',
      folder.store,
      '--level',
      '3',
      ...holds,
      '--json',
      ...common,
    ]);
    const bad = await dbdump([
      ...['rescue', 'verify', 'latest:shop', '--from', folder.store, '--level', '3', '--json', ...common],
      ...['--assert', 'none=select count(*) = 1 from orders'],
    ]);

    expect({ code: good.code, stderr: good.stderr }).toMatchObject({ code: 0 });
    expect(json(good.stdout)).toMatchObject({
      status: 'good',
      level: 3,
      differences: [],
      restoreSeconds: expect.any(Number),
    });
    expect(bad.code).toBe(68);
    expect(json(bad.stdout)).toMatchObject({
      status: 'suspect',
      differences: [expect.stringContaining('assertion none')],
    });
    const again = await dbdump([
      'rescue',
      'verify',
      String(first.backup),
      '--from',
      folder.store,
      '--level',
      '3',
      ...common,
    ]);
    expect(again.code).toBe(0);
  });

  it('downloads with a checksum line, under its name only when complete', async () => {
    const output = join(folder.path, 'out.zst');

    const { code, stdout } = await dbdump([
      'rescue',
      'download',
      '--from',
      folder.store,
      '--output',
      output,
      ...common,
    ]);

    const sha256 = createHash('sha256').update(readFileSync(output)).digest('hex');
    expect(code).toBe(0);
    expect(stdout.split('\n')[0]).toBe(`${sha256}  out.zst`);
    expect(sha256).toBe(first.sha256);
    const plain = join(folder.path, 'out.pgc');
    await dbdump(['rescue', 'download', '--from', folder.store, '--output', plain, '--decompress', ...common]);
    expect(readFileSync(plain).subarray(0, 5).toString()).toBe('PGDMP');
    const refused = await dbdump([
      'rescue',
      'download',
      '--from',
      folder.store,
      '--output',
      '/does/not/exist/x',
      ...common,
    ]);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(readdirSync(folder.path).filter((name) => name.includes('.part'))).toEqual([]);
  });

  it('writes a backup to standard output and nothing else', async () => {
    const { code, stdout, stderr } = await dbdump([
      'rescue',
      'download',
      '--from',
      folder.store,
      '--output',
      '-',
      '--decompress',
      ...common,
    ]);

    expect(code).toBe(0);
    expect(stdout.startsWith('PGDMP')).toBe(true);
    expect(stderr).toMatch(/[0-9a-f]{64} {2}-/);
  });

  it('plans a restore and changes nothing', async () => {
    const before = await server.sql('postgres', 'select datname from pg_database order by 1');

    const { code, stdout } = await dbdump([
      'rescue',
      'restore',
      '--from',
      folder.store,
      '--into',
      source,
      '--plan',
      ...common,
    ]);

    expect({ code, stdout }).toMatchObject({ code: 0 });
    expect(stdout).toMatch(/^Plan: shop .* → shop_restored_\d{14}\n/);
    expect(stdout).toContain('Nothing was changed.');
    expect(await server.sql('postgres', 'select datname from pg_database order by 1')).toEqual(before);
  });

  it('restores into a new database next to the target', async () => {
    const { code, stdout } = await dbdump([
      'rescue',
      'restore',
      '--from',
      folder.store,
      '--into',
      source,
      '--json',
      ...common,
    ]);

    const outcome = json(stdout);
    expect(code).toBe(0);
    expect(outcome).toMatchObject({
      database: expect.stringMatching(/^shop_restored_\d{14}$/),
      kept: null,
      differences: [],
    });
    expect(await rows(String(outcome.database))).toEqual({ c: '500', o: '5000' });
    expect(await rows('shop')).toEqual({ c: '500', o: '5000' });
  });

  it('refuses a swap without the typed name, and one while sessions are open, which it lists', async () => {
    const swap = ['rescue', 'restore', '--from', folder.store, '--into', source, '--swap', ...common];
    const session = await server.client(server.connection('shop', OWNER));

    const unconfirmed = await dbdump(swap);
    const busy = await dbdump([...swap, '--confirm', 'shop', '--json']);
    await session.end();

    expect(unconfirmed).toMatchObject({ code: 12, stdout: '' });
    expect(unconfirmed.stderr).toContain('→ Type its name exactly to confirm: shop.');
    expect(busy.code).toBe(13);
    expect(json(busy.stdout)).toMatchObject({
      code: 'target_in_use',
      details: { sessions: [expect.stringContaining('shop_owner')] },
    });
  });

  it('swaps on confirmation and keeps the old database under another name', async () => {
    await server.sql('shop', "insert into customers (name) values ('only in the old one')");

    const { code, stdout } = await dbdump([
      ...[
        'rescue',
        'restore',
        '--from',
        folder.store,
        '--into',
        source,
        '--swap',
        '--confirm',
        'shop',
        '--json',
        ...common,
      ],
    ]);

    const { kept } = json(stdout);
    expect({ code, kept }).toEqual({ code: 0, kept: expect.stringMatching(/^shop_before_\d{14}$/) });
    expect(await rows('shop')).toEqual({ c: '500', o: '5000' });
    expect(await rows(String(kept))).toEqual({ c: '501', o: '5000' });
  });

  it('restores in place after a safety backup, and names it', async () => {
    await server.sql('shop', 'delete from orders where id <= 10');
    const place = [
      'rescue',
      'restore',
      String(first.backup),
      '--from',
      folder.store,
      '--into',
      source,
      '--in-place',
      ...common,
    ];

    const wrong = await dbdump([...place, '--confirm', 'shopp']);
    const { code, stdout } = await dbdump([...place, '--confirm', 'shop', '--json']);

    expect(wrong.code).toBe(12);
    expect(code).toBe(0);
    expect(json(stdout).notices).toEqual([expect.stringMatching(/^What was there before is backup \S+\.$/)]);
    expect(await rows('shop')).toEqual({ c: '500', o: '5000' });
  });

  it('restores a dump that is not ours', async () => {
    const plain = join(folder.path, 'out.pgc');

    const foreign = await dbdump([
      ...[
        'rescue',
        'restore',
        '--file',
        plain,
        '--engine',
        'postgres',
        '--into',
        source,
        '--new-name',
        'foreign',
        ...common,
      ],
    ]);

    expect({ code: foreign.code, stderr: foreign.stderr }).toMatchObject({ code: 0 });
    expect(await rows('foreign')).toEqual({ c: '500', o: '5000' });
  });

  it('restores only some tables', async () => {
    const only = ['--only', 'public.customers', '--new-name', 'some'];

    const { code, stderr } = await dbdump([
      'rescue',
      'restore',
      String(first.backup),
      '--from',
      folder.store,
      '--into',
      source,
      ...only,
      ...common,
    ]);

    expect({ code, stderr }).toMatchObject({ code: 0 });
    const tables = await server.sql('some', "select tablename from pg_tables where schemaname = 'public'");
    expect(tables).toEqual([{ tablename: 'customers' }]);
  });

  it('backs up every database of the server and its roles', async () => {
    const admin = folder.urlFile('admin.url', server.connection('postgres'));
    const store = `file://${join(folder.path, 'all')}`;

    const { code, stdout } = await dbdump([
      'rescue',
      'backup',
      admin,
      '--to',
      store,
      '--all-databases',
      '--level',
      '1',
      '--json',
      ...common,
    ]);

    const { backups } = json(stdout) as { backups: Record<string, unknown>[] };
    expect(code).toBe(0);
    expect(backups.map(({ database, type }) => `${type} ${database}`)).toEqual(
      expect.arrayContaining(['full shop', 'full foreign', expect.stringMatching(/^globals /)]),
    );
    expect(JSON.stringify(backups)).not.toContain('SCRAM-SHA-256');
  });

  it('cancels at Ctrl-C, leaves nothing behind and says so', async () => {
    const store = join(folder.path, 'cancelled');
    const slow = ['--rate-limit', '40000'];

    const result = await dbdump(['rescue', 'backup', source, '--to', `file://${store}`, ...slow, ...common], {
      onStart: (pid) => setTimeout(() => process.kill(pid, 'SIGINT'), 2_500),
    });

    expect(result.code).toBe(15);
    expect(result.stderr).toContain('cancelled by SIGINT');
    const left = existsSync(store) ? readdirSync(store, { recursive: true, withFileTypes: true }) : [];
    expect(left.filter((entry) => entry.isFile()).map((entry) => entry.name)).toEqual([]);
    const sessions = await server.sql(
      'postgres',
      "select 1 from pg_stat_activity where application_name like 'database-dump%'",
    );
    expect(sessions).toEqual([]);
  });

  it('warns of a password typed on the command line and names env: and file:', async () => {
    const { code, stderr } = await dbdump([
      ...['rescue', 'backup', urlOf(server.connection('shop', OWNER)), '--to', folder.store, ...common],
    ]);

    expect(code).toBe(0);
    expect(stderr).toMatch(/history and npx still show it: give env:NAME or file:PATH/);
    expect(stderr).not.toContain(encodeURIComponent(PASSWORD));
  });

  it('takes $DATABASE_URL where no database is given', async () => {
    const env = { DATABASE_URL: urlOf(server.connection('shop', OWNER)) };

    const { code } = await dbdump(['rescue', 'backup', '--to', folder.store, '--level', '1', '--quiet', ...common], {
      env,
    });

    expect(code).toBe(0);
  });

  it('F41 a backup whose object is gone is lost, whatever was found before', async () => {
    const key = String(first.key);
    const object = join(folder.path, 'store', key, '..', 'dump.pgc.zst');
    const bytes = readFileSync(object);
    writeFileSync(object, bytes.subarray(0, bytes.length - 1));

    const { code, stdout } = await dbdump([
      'rescue',
      'verify',
      String(first.backup),
      '--from',
      folder.store,
      '--level',
      '1',
      '--json',
      ...common,
    ]);

    expect(code).toBe(61);
    expect(json(stdout)).toMatchObject({ status: 'suspect', level: 0 });
  });
});
