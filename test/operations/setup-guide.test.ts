import { chmodSync, chownSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Secret } from '../../src/domain/secret.ts';
import type { Connection } from '../../src/engines/engine.ts';
import { engineById } from '../../src/engines/registry.ts';
import { makeCertificate } from '../support/certificate.ts';
import { describeWithMysql, makeHostile, startTestServer, type TestServer } from '../support/mysql-server.ts';
import { FIXTURE_ROLES, fixtureSql } from '../support/postgres-fixture.ts';
import { childUser, ownedFolder, type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { backUp, compareDatabases, openTrial, restoreAs, type Trial } from '../support/trial.ts';

// The statements that people copy: whatever they leave out is missing from backups, whatever they grant too much is a risk.

const PASSWORD = 'a long random password';

function guideOf(engine: string, database: string): string {
  return engineById(engine)
    .registration.guide.replaceAll('your database', database)
    .replaceAll("'...'", `'${PASSWORD}'`);
}

let trial: Trial;

beforeAll(async () => {
  trial = await openTrial({ belowFloor: true });
});

afterAll(() => trial.close());

/** A whole backup by that user, restored by an administrator and compared with what the administrator sees. */
async function differencesAfter(engine: string, source: Connection, admin: (database: string) => Connection) {
  const own = engineById(engine);
  const manifest = await backUp(trial, own, source);
  await restoreAs(trial, own, { manifest, target: admin(source.database), name: 'shop_copy' });
  const found = await compareDatabases(trial, own, { source: admin(source.database), copy: admin('shop_copy') });
  return { found, warnings: manifest.body.warnings.join(' ') };
}

describe('the guide for PostgreSQL', () => {
  let server: PostgresServer;
  const postgres = engineById('postgres');
  const asBackup = () => server.connection('shop', { user: 'backup', password: PASSWORD });

  beforeAll(async () => {
    server = await startPostgres();
    await server.sql('postgres', FIXTURE_ROLES);
    await server.sql('postgres', 'create database shop');
    await server.sql('shop', fixtureSql('hstore'));
    await server.sql('shop', "select lo_from_bytea(0, 'large object'); revoke connect on database shop from public");
    // The fixture takes this right from everybody, which no guide can foresee.
    await server.sql('shop', 'grant execute on function pg_relation_size(regclass, text) to public');
    await server.sql('postgres', guideOf('postgres', 'shop'));
  });

  afterAll(() => server.stop());

  it('makes a user that reads everything and writes nothing', async () => {
    const session = await server.client(asBackup());
    try {
      for (const statement of [
        'create table app.x ()',
        'delete from app.plain',
        'create schema x',
        'create role x',
        'create database x',
        "copy (select 1) to program 'id'",
        "select pg_read_file('/etc/passwd')",
      ])
        await expect(session.query(statement)).rejects.toMatchObject({ code: '42501' });
    } finally {
      await session.end();
    }
  });

  it('says, by the probe, that rows behind row-level security would be missing, and the guide’s last line ends that', async () => {
    const before = await postgres.probe(trial.needs(postgres).bench, asBackup());
    expect(before.obstacles.join(' ')).toMatch(/row/i);

    const line = guideOf('postgres', 'shop').match(/^-- (ALTER ROLE backup BYPASSRLS;)$/m)?.[1] ?? '';
    await server.sql('postgres', line);

    const after = await postgres.probe(trial.needs(postgres).bench, asBackup());
    expect(after.obstacles).toEqual([]);
    expect(after.privileges.filter(({ granted }) => !granted)).toEqual([]);
  });

  it('makes a user whose backup is whole', async () => {
    const { found, warnings } = await differencesAfter('postgres', asBackup(), (database) =>
      server.connection(database),
    );

    // Servers show subscriptions, with their passwords, to superusers alone.
    expect(found.map(({ kind, what }) => `${kind} ${what}`)).toEqual(['missing subscription sub']);
    expect(warnings).toMatch(/subscription/);
  });
});

describeWithMysql('the guide for MySQL', (family) => {
  let server: TestServer;
  const mysql = engineById('mysql');
  const asBackup = () =>
    server.at('shop', { user: 'backup', password: new Secret(PASSWORD), tls: { mode: 'require' } });

  beforeAll(async () => {
    const folder = ownedFolder('guide-tls-');
    chmodSync(folder, 0o755);
    const { file } = await makeCertificate(folder, ['DNS:localhost']);
    const key = file.replace('cert.pem', 'key.pem');
    const user = childUser();
    for (const path of [file, key]) if (user !== undefined) chownSync(path, user.uid, user.gid);
    server = await startTestServer(family, { extra: [`--ssl-cert=${file}`, `--ssl-key=${key}`, `--ssl-ca=${file}`] });
    await makeHostile(server, 'shop');
    await server.sql('', ...statementsFor(family));
  });

  afterAll(() => server.stop());

  it('makes a user that comes by TLS alone, reads everything of its databases and writes nothing', async () => {
    await expect(mysql.query(server.bench, { ...asBackup(), tls: { mode: 'disable' } }, 'select 1')).rejects.toThrow();
    for (const statement of [
      'CREATE TABLE x (a INT)',
      'DELETE FROM every_type',
      'DROP TABLE every_type',
      'CREATE DATABASE x',
      "CREATE USER x@'%'",
      "SELECT LOAD_FILE('/etc/passwd') IS NOT NULL AND 1 / 0 FROM mysql.user",
    ])
      await expect(mysql.query(server.bench, asBackup(), statement)).rejects.toThrow(/denied/);
  });

  it('makes a user that the probe finds fault with in nothing', async () => {
    const probe = await mysql.probe(trial.needs(mysql).bench, asBackup());

    expect(probe.obstacles).toEqual([]);
    expect(probe.privileges.filter(({ granted }) => !granted)).toEqual([]);
  });

  it('makes a user whose backup is whole', async () => {
    expect((await differencesAfter('mysql', asBackup(), (database) => server.at(database))).found).toEqual([]);
  });
});

/** The guide's statements with the one line about routines that is for this server. */
function statementsFor(family: 'MariaDB' | 'MySQL'): string[] {
  const routines = { MySQL: /^GRANT SHOW_ROUTINE.*$/m, MariaDB: /^-- (GRANT SELECT ON mysql\.proc.*)$/m }[family];
  const guide = guideOf('mysql', 'shop');
  const chosen = routines.exec(guide);
  const common = guide.split('\n').filter((line) => /^(CREATE|GRANT) /.test(line) && !line.includes('SHOW_ROUTINE'));
  return [...common, chosen?.[1] ?? chosen?.[0] ?? 'no line for routines'];
}
