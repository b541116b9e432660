import { type Catalog, openCatalog } from '../catalog/catalog.ts';
import { migrateCatalog } from '../catalog/migrate.ts';
import { roleStatements } from '../catalog/roles.ts';
import { Secret } from '../domain/secret.ts';
import type { EmbeddedServer } from '../platform/local/embedded-postgres.ts';
import type { ServiceConfig } from './config.ts';
import type { Local } from './local.ts';

const DATABASE = 'catalog';

/** The catalog at its present release: the operator's where one is configured, else one in the embedded server. */
export async function openLocalCatalog(
  config: Pick<ServiceConfig, 'catalog'>,
  local: Pick<Local, 'secret'>,
  server: EmbeddedServer,
): Promise<Catalog> {
  const { app, owner } = config.catalog ?? (await prepareEmbedded(local, server));
  await migrateCatalog(owner);
  return openCatalog({ url: app });
}

/** Makes the database and its roles where they are missing, and gives the roles this machine's passwords. */
async function prepareEmbedded({ secret }: Pick<Local, 'secret'>, server: EmbeddedServer) {
  const passwords = { app: await secret('catalog-app'), migrator: await secret('catalog-migrator') };
  const there = await server.script(`select 1 from pg_database where datname = '${DATABASE}'`, {
    database: 'postgres',
  });
  if (there === '') await server.script(`create database ${DATABASE}`, { database: 'postgres' });
  // `queue` is the last role to be made; all of them are made in one transaction.
  const roles = await server.script(`select 1 from pg_roles where rolname = 'queue'`, { database: DATABASE });
  const make = roles === '' ? `begin;\n${roleStatements(DATABASE).join(';\n')};\ncommit;\n` : '';
  await server.script(`${make}${PASSWORDS}`, {
    database: DATABASE,
    secrets: { APP_PASSWORD: passwords.app, MIGRATOR_PASSWORD: passwords.migrator },
  });
  const url = (role: keyof typeof passwords) =>
    new Secret(`postgres://${role}:${passwords[role].reveal()}@127.0.0.1:${server.port}/${DATABASE}?sslmode=disable`);
  return { app: url('app'), owner: url('migrator') };
}

// psql quotes them; they are in no argument and in no text of ours.
const PASSWORDS = `
\\getenv app APP_PASSWORD
\\getenv migrator MIGRATOR_PASSWORD
alter role app password :'app';
alter role migrator password :'migrator';
`;
