import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { DatabaseSettings } from '../../src/contract/resources/places.ts';
import { Secret } from '../../src/domain/secret.ts';
import { engineById } from '../../src/engines/registry.ts';
import { checkDatabase } from '../../src/operations/database-rules.ts';
import { openClientDatabase } from '../../src/runtime/client-database.ts';
import type { DatabaseLook, OpenDatabase } from '../../src/runtime/runtime.ts';
import { describeWithMysql, startTestServer, type TestServer } from '../support/mysql-server.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { type SshServer, startSshServer } from '../support/ssh-server.ts';
import { backUp, openTrial, type Trial, verifyFully } from '../support/trial.ts';

let bastion: SshServer;
let trial: Trial;

beforeAll(async () => {
  trial = await openTrial({ belowFloor: true });
});

afterAll(() => trial.close());

beforeEach(async () => {
  bastion = await startSshServer({ 'db.internal': '127.0.0.1' });
});

afterEach(() => bastion.close());

function settings(engine: string, more: object): DatabaseSettings {
  const parsed = DatabaseSettings.parse({
    host: 'db.internal',
    databaseName: 'shop',
    credential: { kind: 'env', name: 'X' },
    environment: 'development',
    tunnel: {
      host: 'bastion.example.org',
      port: bastion.port,
      user: 'tunnel',
      hostKey: bastion.hostKey,
      privateKey: { kind: 'file', path: '/key' },
    },
    ...more,
  });
  const rules = { engine: engineById(engine), installation: { kind: 'one-machine' }, sealedAllowed: false } as const;
  checkDatabase(parsed, rules);
  return parsed;
}

function open(engine: string, wanted: DatabaseSettings, password: Secret | undefined): Promise<OpenDatabase> {
  const { bench } = trial.needs(engineById(engine));
  const look: DatabaseLook = {
    tenantId: 'tenant',
    externalId: 'external',
    engine,
    settings: wanted,
    password,
    sealed: undefined,
  };
  return openClientDatabase({
    allowed: ['127.0.0.0/8'],
    resolver: { addresses: async () => ['127.0.0.1'] },
    vault: { open: async ({ source }) => new Secret(source.kind === 'file' ? bastion.userKey : '') },
  })(look, { runId: 'run-1', bench });
}

describe('a backup through a bastion', () => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres();
    await server.sql('postgres', 'create database shop');
    await server.sql('shop', 'create table t as select generate_series(1, 20000) as i');
  });

  afterAll(() => server.stop());

  it('F63 is taken by PostgreSQL’s own programs, proves itself and names the server', async () => {
    const { user, password } = server.connection('shop');
    const wanted = settings('postgres', { port: server.port, user, tls: { mode: 'disable' } });
    const opened = await open('postgres', wanted, password);

    const manifest = await backUp(trial, engineById('postgres'), opened.connection);
    await opened.close();

    const verified = await verifyFully(trial, engineById('postgres'), {
      manifest,
      scratch: server.connection('postgres'),
    });
    expect(verified).toMatchObject({ status: 'good', reached: 3, differences: [] });
    // The manifest names the server, not the end of a tunnel that is another one at each run (F63).
    expect(manifest.body.database).toMatchObject({ host: 'db.internal', port: server.port });
    expect(new Set(bastion.forwarded)).toEqual(new Set([`db.internal:${server.port}`]));
    // pg_dump came through it too, not only our own sessions.
    expect(bastion.forwarded.length).toBeGreaterThan(2);
  });

  it('is not begun in a mode that the programs of an engine cannot keep on the way', () => {
    for (const engine of ['mysql', 'mongodb']) {
      const wish = { port: 1, user: 'u', tls: { mode: 'verify-full' } };
      expect(() => settings(engine, wish)).toThrow('cannot keep the TLS mode verify-full through a tunnel');
      expect(() => settings(engine, { ...wish, tls: { mode: 'require' } })).not.toThrow();
    }
    expect(() => settings('postgres', { port: 1, user: 'u' })).not.toThrow();
  });
});

describeWithMysql(
  'a backup through a bastion',
  (family) => {
    let server: TestServer;

    beforeAll(async () => {
      server = await startTestServer(family);
      await server.sql('', 'CREATE DATABASE shop', 'CREATE TABLE shop.t (a INT PRIMARY KEY)');
      await server.sql('shop', 'INSERT INTO t VALUES (1), (2), (3)');
    });

    afterAll(() => server.stop());

    it('is taken by its own programs', async () => {
      const { user, password, port } = server.at('shop');
      const opened = await open('mysql', settings('mysql', { port, user, tls: { mode: 'disable' } }), password);

      const manifest = await backUp(trial, engineById('mysql'), opened.connection);
      await opened.close();

      const { status, tables } = await verifyFully(trial, engineById('mysql'), { manifest, scratch: server.at('') });
      expect([status, tables.t?.rows]).toEqual(['good', 3]);
      expect(new Set(bastion.forwarded)).toEqual(new Set([`db.internal:${port}`]));
    });
  },
  ['MariaDB'],
);
