import { Kysely, PostgresDialect, sql, type Transaction } from 'kysely';
import { Pool } from 'pg';
import type { Secret } from '../domain/secret.ts';
import { requireHarmlessRole } from './roles.ts';
import type { CatalogTables } from './schema.ts';
import { unavailable } from './unavailable.ts';

/** One tenant's transaction: every statement in it sees that tenant and nobody else. */
export type TenantTransaction = Transaction<CatalogTables>;

export interface TenantId {
  readonly tenantId: string;
}

export interface OwnedId extends TenantId {
  readonly id: string;
}

/** Questions asked before a tenant is known. They answer with ids only. */
export interface Finder {
  memberships(subject: string): Promise<readonly OwnedId[]>;
  apiKey(hash: Buffer): Promise<OwnedId | undefined>;
  session(hash: Buffer): Promise<OwnedId | undefined>;
  signInLink(hash: Buffer): Promise<OwnedId | undefined>;
  invitation(hash: Buffer): Promise<OwnedId | undefined>;
  dueSchedules(at: Date, most: number): Promise<readonly OwnedId[]>;
  deadRuns(at: Date, most: number): Promise<readonly OwnedId[]>;
  queuedRuns(most: number): Promise<readonly OwnedId[]>;
  dueNotices(at: Date, most: number): Promise<readonly OwnedId[]>;
  tenants(): Promise<readonly string[]>;
}

/** The control database. There is no way to its rows but `withTenant`. */
export interface Catalog {
  /** Opens a transaction, sets the tenant for it alone, commits when `work` resolves and rolls back when it throws (F93). */
  withTenant<T>(tenantId: string, work: (trx: TenantTransaction) => Promise<T>): Promise<T>;
  readonly find: Finder;
  /** The database's clock: leases, slots and retention go by it (F34, F67). */
  now(): Promise<Date>;
  close(): Promise<void>;
}

export interface CatalogOptions {
  /** Connection string of the role `app`. */
  readonly url: Secret;
  readonly connections?: number;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Opens the catalog as `app`, or refuses a role that could see more than one tenant (F92). */
export async function openCatalog({ url, connections = 10 }: CatalogOptions): Promise<Catalog> {
  const pool = new Pool({ connectionString: url.reveal(), max: connections, application_name: 'database-dump' });
  // A connection that dies while idle, or between two statements, is found out at the next one; without listeners it would end
  // the process.
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  try {
    await requireHarmlessRole(pool);
  } catch (error) {
    await pool.end();
    throw error;
  }
  const db = new Kysely<CatalogTables>({ dialect: new PostgresDialect({ pool }) });
  return {
    withTenant: (tenantId, work) => withTenant(db, tenantId, work).catch(unavailable),
    find: finderOf(pool),
    now: () => clockOf(pool).catch(unavailable),
    close: () => db.destroy(),
  };
}

function withTenant<T>(
  db: Kysely<CatalogTables>,
  tenantId: string,
  work: (trx: TenantTransaction) => Promise<T>,
): Promise<T> {
  if (!UUID.test(tenantId)) throw new TypeError('a tenant id is a UUID');
  return db.transaction().execute(async (trx) => {
    // Local to the transaction: the next borrower of the connection sees nothing of it (M18).
    await sql`select set_config('app.tenant_id', ${tenantId}, true)`.execute(trx);
    return work(trx);
  });
}

async function clockOf(pool: Pool): Promise<Date> {
  const { rows } = await pool.query<{ now: Date }>('select clock_timestamp() as now');
  return rows[0]?.now ?? new Date(Number.NaN);
}

function finderOf(pool: Pool): Finder {
  const ask = async (call: string, values: readonly unknown[]): Promise<OwnedId[]> => {
    const { rows } = await pool.query<{ tenant_id: string; id: string }>(`select tenant_id, id from ${call}`, [
      ...values,
    ]);
    return rows.map((row) => ({ tenantId: row.tenant_id, id: row.id }));
  };
  const one = async (call: string, hash: Buffer) => (await ask(call, [hash]))[0];
  return {
    memberships: (subject) => ask('find_memberships($1)', [subject]),
    apiKey: (hash) => one('find_api_key($1)', hash),
    session: (hash) => one('find_session($1)', hash),
    signInLink: (hash) => one('find_sign_in_link($1)', hash),
    invitation: (hash) => one('find_invitation($1)', hash),
    dueSchedules: (at, most) => ask('find_due_schedules($1, $2)', [at, most]),
    deadRuns: (at, most) => ask('find_dead_runs($1, $2)', [at, most]),
    queuedRuns: (most) => ask('find_queued_runs($1)', [most]),
    dueNotices: (at, most) => ask('find_due_notices($1, $2)', [at, most]),
    tenants: async () => {
      const { rows } = await pool.query<{ tenant_id: string }>('select tenant_id from find_tenants()');
      return rows.map((row) => row.tenant_id);
    },
  };
}
