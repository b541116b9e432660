import type { BackupRow, BackupSummaryRow } from '../catalog/repositories/backups.ts';
import { BackupFacts } from '../contract/resources/stored.ts';
import { BackupState } from '../contract/resources/work.ts';
import type { ManifestBody } from '../domain/manifest.ts';
import { instant, maybeInstant } from './instant.ts';

export function backupResource(row: BackupSummaryRow) {
  return {
    ...BackupFacts.parse(row.facts),
    id: row.id,
    name: row.name ?? undefined,
    databaseId: row.database_id ?? undefined,
    destinationId: row.destination_id,
    runId: row.run_id ?? undefined,
    state: BackupState.parse(row.state),
    level: row.level,
    plainBytes: Number(row.plain_bytes),
    storedBytes: Number(row.stored_bytes),
    snapshotAt: instant(row.snapshot_at),
    verifiedAt: maybeInstant(row.verified_at),
    pin: row.pin ?? undefined,
    tags: row.tags,
    lockedUntil: maybeInstant(row.locked_until),
    deleteAfter: maybeInstant(row.delete_after),
    createdAt: instant(row.created_at),
    version: row.version,
  };
}

/** Rows of each table that anybody has counted: the dump's own session, or whoever read the stored bytes. */
export function tableCounts(
  { table_rows: counted }: Pick<BackupRow, 'table_rows'>,
  { inventory }: Pick<ManifestBody, 'inventory'>,
): { name: string; rows: number }[] {
  const sealed = Object.entries(inventory.tables).map(([name, { rows }]) => [name, rows] as const);
  const all = new Map([...sealed, ...Object.entries(counted)]);
  return [...all].map(([name, rows]) => ({ name, rows }));
}
