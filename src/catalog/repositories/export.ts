import { sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';

/** Tables of an export, each with what is left out of it: hashes of tokens and what is sealed. */
const EXPORTED = {
  tenants: [],
  members: [],
  invitations: ['token_hash'],
  api_keys: ['key_hash'],
  destinations: [],
  databases: ['sealed_secret'],
  schedules: [],
  runs: ['lease_token'],
  backups: [],
  reports: [],
  restores: [],
  channels: ['sealed_secret', 'sealed_previous'],
  alarms: [],
  audit_events: [],
} as const;

type ExportedRows = Readonly<Record<string, readonly Readonly<Record<string, unknown>>[]>>;

/** Every row of the tenant's that is worth keeping, as JSON values; no secret, sealed or hashed, is among them. */
export async function exportRows(trx: TenantTransaction): Promise<ExportedRows> {
  const tables: Record<string, Record<string, unknown>[]> = {};
  for (const [table, hidden] of Object.entries(EXPORTED)) {
    const { rows } = await sql<{ row: Record<string, unknown> }>`
      select to_jsonb(t) - ${[...hidden]}::text[] as row from ${sql.table(table)} t`.execute(trx);
    tables[table] = rows.map(({ row }) => row);
  }
  return tables;
}
