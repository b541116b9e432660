import { type Catalog, openCatalog } from '../catalog/catalog.ts';
import { migrateCatalog } from '../catalog/migrate.ts';
import { roleStatements } from '../catalog/roles.ts';
import { Secret } from '../domain/secret.ts';
import type { EmbeddedServer } from '../platform/local/embedded-postgres.ts';
import type { ServiceConfig } from './config.ts';
import type { Local } from './local.ts';

const DATABASE = 'catalog';

export interface LocalCatalog {
  readonly catalog: Catalog;
  /** Connection string of the role that owns the job library's schema and sees no tenant's table. */
  readonly queueUrl: Secret;
}

/** The catalog at its present release: the operator's where one is configured, else one in the embedded server. */
export async function openLocalCatalog(
  config: Pick<ServiceConfig, 'catalog'>,
  local: Pick<Local, 'secret'>,
  server: EmbeddedServer,
): Promise<LocalCatalog> {
  const { app, owner, queue } = config.catalog ?? (await prepareEmbedded(local, server));
  await migrateCatalog(owner);
  return { catalog: await openCatalog({ url: app }), queueUrl: queue };
}

/** A task's own way to the catalog that the service has prepared: as `app`, with few connections. */
export async function joinLocalCatalog(
  config: Pick<ServiceConfig, 'catalog'>,
  { secret, port }: { secret(name: string): Secret; readonly port: number },
): Promise<Catalog> {
  const url = config.catalog?.app ?? embeddedUrl('app', { port, password: secret('catalog-app') });
  return openCatalog({ url, connections: 2 });
}

type Login = 'app' | 'migrator' | 'queue';

function embeddedUrl(role: Login, { port, password }: { readonly port: number; readonly password: Secret }): Secret {
  return new Secret(`postgres://${role}:${password.reveal()}@127.0.0.1:${port}/${DATABASE}?sslmode=disable`);
}

/** Makes the database and its roles where they are missing, and gives the roles this machine's passwords. */
async function prepareEmbedded({ secret }: Pick<Local, 'secret'>, server: EmbeddedServer) {
  const passwords = {
    app: await secret('catalog-app'),
    migrator: await secret('catalog-migrator'),
    queue: await secret('catalog-queue'),
  };
  const there = await server.script(`select 1 from pg_database where datname = '${DATABASE}'`, {
    database: 'postgres',
  });
  if (there === '') await server.script(`create database ${DATABASE}`, { database: 'postgres' });
  // `queue` is the last role to be made; all of them are made in one transaction.
  const roles = await server.script(`select 1 from pg_roles where rolname = 'queue'`, { database: DATABASE });
  const make = roles === '' ? `begin;\n${roleStatements(DATABASE).join(';\n')};\ncommit;\n` : '';
  await server.script(`${make}${PASSWORDS}`, {
    database: DATABASE,
    secrets: { APP_PASSWORD: passwords.app, MIGRATOR_PASSWORD: passwords.migrator, QUEUE_PASSWORD: passwords.queue },
  });
  const url = (role: Login) => embeddedUrl(role, { port: server.port, password: passwords[role] });
  return { app: url('app'), owner: url('migrator'), queue: url('queue') };
}

// psql quotes them; they are in no argument and in no text of ours.
const PASSWORDS = `
\\getenv app APP_PASSWORD
\\getenv migrator MIGRATOR_PASSWORD
\\getenv queue QUEUE_PASSWORD
alter role app password :'app';
alter role migrator password :'migrator';
alter role queue password :'queue';
`;
