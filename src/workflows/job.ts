import type { TenantTransaction } from '../catalog/catalog.ts';
import { type BackupRow, getBackup } from '../catalog/repositories/backups.ts';
import { found } from '../catalog/repositories/changing.ts';
import { getDatabase } from '../catalog/repositories/databases.ts';
import type { RunRow } from '../catalog/repositories/runs.ts';
import { getTenant } from '../catalog/repositories/tenants.ts';
import { DatabaseSettings } from '../contract/resources/places.ts';
import { ManifestBody } from '../domain/manifest.ts';
import type { TrustedManifest } from '../pipeline/pipeline.ts';
import type { DatabaseLook } from '../runtime/runtime.ts';

/** All that a task needs to know of its run. */
export interface RunJob {
  readonly tenantId: string;
  readonly runId: string;
  readonly kind: string;
  readonly attempt: number;
  /** As the contract's shape of that kind. */
  readonly request: Readonly<Record<string, unknown>>;
  readonly database: JobDatabase | undefined;
  readonly backup: JobBackup | undefined;
}

export interface JobDatabase {
  readonly id: string;
  readonly look: DatabaseLook;
}

export interface JobBackup {
  readonly id: string;
  readonly destinationId: string;
  readonly engine: string;
  readonly manifest: TrustedManifest;
}

/** The job of a run as the catalog has it now. */
export async function jobOf(trx: TenantTransaction, run: RunRow): Promise<RunJob> {
  const { tenant_id: tenantId, id: runId, kind, attempt, request } = run;
  const backup = run.backup_id === null ? undefined : found(await getBackup(trx, run.backup_id), 'backup');
  return {
    tenantId,
    runId,
    kind,
    attempt,
    request,
    database: run.database_id === null ? undefined : await databaseOf(trx, { tenantId, id: run.database_id }),
    backup: backup === undefined ? undefined : backupOf(backup),
  };
}

async function databaseOf(
  trx: TenantTransaction,
  { tenantId, id }: { readonly tenantId: string; readonly id: string },
): Promise<JobDatabase> {
  const row = found(await getDatabase(trx, id), 'database');
  const { external_id: externalId } = await getTenant(trx);
  const sealed = row.sealed_secret === null ? undefined : { databaseId: id, secret: row.sealed_secret };
  const settings = DatabaseSettings.parse(row.settings);
  return { id, look: { tenantId, externalId, engine: row.engine, settings, password: undefined, sealed } };
}

/** The manifest as it was recorded: what lies in the store must still be it. */
function backupOf(row: BackupRow): JobBackup {
  const body = ManifestBody.parse(row.manifest);
  return {
    id: row.id,
    destinationId: row.destination_id,
    engine: body.database.engine,
    manifest: { body, key: row.key, sha256: row.manifest_sha256, signed: true },
  };
}
