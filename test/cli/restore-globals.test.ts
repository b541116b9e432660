import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { cliFolder, dbdump } from '../support/cli.ts';
import { describeWith } from '../support/need-programs.ts';
import { POSTGRES_PROGRAMS } from '../support/postgres-dumps.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';

describeWith([...POSTGRES_PROGRAMS, 'zstd'], 'dbdump rescue restore --globals', () => {
  const folder = cliFolder();
  let source: PostgresServer;
  let target: PostgresServer;
  let into = '';

  beforeAll(async () => {
    [source, target] = await Promise.all([startPostgres(), startPostgres()]);
    await source.sql(
      'postgres',
      "create role app login password 'canary-password'; create role readers; grant readers to app",
    );
    await source.sql('postgres', 'create database shop owner app');
    into = folder.urlFile('target.url', target.connection('postgres'));
    const server = folder.urlFile('source.url', source.connection('postgres'));
    const all = ['--all-databases', '--password-hashes', '--json', ...folder.data];
    const { code, stderr } = await dbdump(['rescue', 'backup', server, '--to', folder.store, ...all]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
  }, 120_000);

  afterAll(async () => {
    await source?.stop();
    await target?.stop();
    folder.remove();
  });

  const restore = (...more: string[]) =>
    dbdump(['rescue', 'restore', ...more, '--from', folder.store, '--into', into, ...folder.data]);
  const roles = async () =>
    (await target.sql('postgres', "select rolname from pg_roles where rolname !~ '^pg_' order by 1")).map(
      ({ rolname }) => rolname,
    );

  it('shows in a plan what it would make, makes it, and finds all of it there the next time', async () => {
    const plan = await restore('--globals', '--plan');
    const before = await roles();
    const done = await restore('--globals', '--json');
    const again = await restore('--globals');

    expect(plan).toMatchObject({ code: 0 });
    expect(plan.stdout).toContain('+ role app: missing');
    expect(plan.stdout).toContain('= role admin: exists');
    expect(plan.stdout).toMatch(/4 things: 3 would be restored, 1 there before, 0 refused. Nothing was changed./);
    expect(before).toEqual(['admin']);
    expect(done.code).toBe(0);
    expect(JSON.parse(done.stdout)).toMatchObject({ plan: false, restored: 3, exists: 1, refused: 0 });
    expect(done.stdout).not.toContain('SCRAM');
    expect(await roles()).toEqual(['admin', 'app', 'readers']);
    expect(again.stdout).toContain('4 things: 0 restored, 4 there before, 0 refused');
    await target
      .client(target.connection('postgres', { user: 'app', password: 'canary-password' }))
      .then((c) => c.end());
  }, 120_000);

  it('ends with 80 where something of the backup is not there afterwards, and says what', async () => {
    await target.sql('postgres', 'revoke readers from app');

    const refused = await restore('--globals');

    expect(refused.code).toBe(80);
    expect(refused.stdout).toContain('✘ member app of readers: refused. app was there before');
  }, 60_000);

  it('keeps roles out of databases and databases out of roles', async () => {
    const list = await dbdump(['rescue', 'list', '--from', folder.store, '--json', ...folder.data]);
    const { backups } = JSON.parse(list.stdout) as { backups: { backup: string; type: string }[] };
    const idOf = (type: string) => backups.find((backup) => backup.type === type)?.backup ?? '';

    const intoDatabase = await restore(idOf('globals'));
    const ofDatabase = await restore(idOf('full'), '--globals');

    expect(intoDatabase.code).toBe(2);
    expect(intoDatabase.stderr).toContain('--globals');
    expect(ofDatabase.code).toBe(80);
    expect(ofDatabase.stderr).toContain('not of roles and globals');
  }, 60_000);
});
