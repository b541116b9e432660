import type { Selectable } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';

export type ReportRow = Selectable<CatalogTables['reports']>;

export interface NewReport {
  readonly tenantId: string;
  readonly id: string;
  readonly backupId: string;
  readonly body: Readonly<Record<string, unknown>>;
}

/** Keeps a verification's report; the same id again is the same report. */
export async function insertReport(trx: TenantTransaction, report: NewReport): Promise<void> {
  await trx
    .insertInto('reports')
    .values({
      tenant_id: report.tenantId,
      id: report.id,
      backup_id: report.backupId,
      body: JSON.stringify(report.body),
    })
    .onConflict((conflict) => conflict.columns(['tenant_id', 'id']).doNothing())
    .execute();
}

/** Newest first. */
export async function reportsOf(trx: TenantTransaction, backupId: string, most = 50): Promise<readonly ReportRow[]> {
  return trx
    .selectFrom('reports')
    .selectAll()
    .where('backup_id', '=', backupId)
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .limit(most)
    .execute();
}
