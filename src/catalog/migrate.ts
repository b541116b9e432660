import { Kysely, PostgresDialect } from 'kysely';
import { Migrator } from 'kysely/migration';
import { Pool } from 'pg';
import { Failure } from '../domain/failure.ts';
import type { Secret } from '../domain/secret.ts';
import * as foundation from './migrations/0001-foundation.ts';
import * as alarms from './migrations/0002-alarms.ts';
import * as roleArns from './migrations/0003-role-arns.ts';
import * as counts from './migrations/0004-counts.ts';

/** In order; a name never changes once released. */
const MIGRATIONS = {
  '0001-foundation': { up: foundation.up },
  '0002-alarms': { up: alarms.up },
  '0003-role-arns': { up: roleArns.up },
  '0004-counts': { up: counts.up },
};

/** Brings the catalog's tables to this release, as their owner. Safe to run again and by several at once. */
export async function migrateCatalog(ownerUrl: Secret): Promise<readonly string[]> {
  const pool = new Pool({ connectionString: ownerUrl.reveal(), max: 1, application_name: 'database-dump migrations' });
  const db = new Kysely<unknown>({ dialect: new PostgresDialect({ pool }) });
  try {
    const migrator = new Migrator({ db, provider: { getMigrations: () => Promise.resolve(MIGRATIONS) } });
    const { error, results } = await migrator.migrateToLatest();
    if (error !== undefined) {
      throw new Failure('internal', 'The catalog could not be brought to this release.', {
        cause: error,
        remedy: 'Nothing was changed; see the cause in the log.',
      });
    }
    return (results ?? []).map((result) => result.migrationName);
  } finally {
    await db.destroy();
  }
}
