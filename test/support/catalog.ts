import { randomBytes, randomUUID } from 'node:crypto';
import { type Catalog, openCatalog } from '../../src/catalog/catalog.ts';
import { migrateCatalog } from '../../src/catalog/migrate.ts';
import { roleStatements } from '../../src/catalog/roles.ts';
import { Secret } from '../../src/domain/secret.ts';
import { type PostgresServer, startPostgres } from './postgres-server.ts';

/** A control database on a private server, migrated, with its three roles. */
export interface TestCatalog {
  readonly server: PostgresServer;
  readonly catalog: Catalog;
  readonly appUrl: Secret;
  readonly ownerUrl: Secret;
  /** Makes a tenant with nothing in it; returns its id. */
  tenant(): Promise<string>;
  /** As the superuser: what the rows really are. */
  sql(statements: string): Promise<Record<string, string | null>[]>;
  stop(): Promise<void>;
}

export async function startCatalog(): Promise<TestCatalog> {
  const server = await startPostgres();
  await server.sql('postgres', 'CREATE DATABASE catalog');
  for (const statement of roleStatements('catalog')) await server.sql('catalog', statement);
  const passwords = { migrator: randomBytes(9).toString('hex'), app: randomBytes(9).toString('hex') };
  for (const [role, password] of Object.entries(passwords))
    await server.sql('catalog', `ALTER ROLE ${role} PASSWORD '${password}'`);
  const url = (role: keyof typeof passwords) =>
    new Secret(`postgres://${role}:${passwords[role]}@127.0.0.1:${server.port}/catalog`);
  await migrateCatalog(url('migrator'));
  const catalog = await openCatalog({ url: url('app') });
  return {
    server,
    catalog,
    appUrl: url('app'),
    ownerUrl: url('migrator'),
    sql: (statements) => server.sql('catalog', statements),
    tenant: async () => {
      const tenantId = randomUUID();
      await catalog.withTenant(tenantId, (trx) =>
        trx
          .insertInto('tenants')
          .values({ tenant_id: tenantId, name: 'T', external_id: randomUUID(), limits: '{}' })
          .execute(),
      );
      return tenantId;
    },
    stop: async () => {
      await catalog.close();
      await server.stop();
    },
  };
}
