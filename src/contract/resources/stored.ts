import { z } from 'zod';
import { Id, Zone } from './basics.ts';
import { Backup, RestoreStart, Retention, ScheduleSettings } from './work.ts';

// What rows keep as JSON. Whoever reads one parses it with these: a row of an earlier release gets today's defaults.

/** A run of kind `backup`. */
export const BackupRun = ScheduleSettings.omit({ jitterMinutes: true, retention: true }).extend({
  destinationIds: z.array(Id).min(1),
  name: z.string().optional(),
  /** Judged at the end of the run; left out for a run by hand of no schedule. */
  retention: Retention.optional(),
  zone: Zone.default('UTC'),
});
export type BackupRun = z.infer<typeof BackupRun>;

/** A run of kind `verify`. */
export const VerifyRun = z.strictObject({ level: z.union([z.literal(1), z.literal(2), z.literal(3)]) });
export type VerifyRun = z.infer<typeof VerifyRun>;

/** A run of kind `restore`; the backup is the run's, the target its database. */
export const RestoreRun = RestoreStart.omit({ password: true, backupId: true }).extend({ restoreId: Id });
export type RestoreRun = z.infer<typeof RestoreRun>;

/** A run of kind `probe`: what was to be looked at, at the version it then had. */
export const ProbeRun = z.discriminatedUnion('what', [
  z.strictObject({ what: z.literal('database'), databaseId: Id, version: z.int() }),
  z.strictObject({ what: z.literal('destination'), destinationId: Id, version: z.int() }),
]);
export type ProbeRun = z.infer<typeof ProbeRun>;

/** A run of kind `retention`: one scope, or what has already been marked for deletion. */
export const RetentionRun = z.strictObject({
  databaseId: Id.optional(),
  destinationId: Id.optional(),
  retention: Retention.optional(),
  zone: Zone.default('UTC'),
});
export type RetentionRun = z.infer<typeof RetentionRun>;

/** A run of kind `reconcile`. */
export const ReconcileRun = z.strictObject({ destinationId: Id });
export type ReconcileRun = z.infer<typeof ReconcileRun>;

/** What lists show of a backup, taken from its manifest once. */
export const BackupFacts = Backup.pick({
  databaseName: true,
  engine: true,
  type: true,
  consistency: true,
  sha256: true,
  encrypted: true,
  serverVersion: true,
  toolVersion: true,
  tables: true,
  rows: true,
  warnings: true,
});
export type BackupFacts = z.infer<typeof BackupFacts>;

/** What a restore leaves in its row. */
export const RestoreResult = z.strictObject({
  finalDatabase: z.string(),
  keptDatabase: z.string().optional(),
  tables: z.array(
    z.strictObject({ name: z.string(), expected: z.int().optional(), found: z.int().optional(), ok: z.boolean() }),
  ),
  notices: z.array(z.string()),
});
export type RestoreResult = z.infer<typeof RestoreResult>;

/** What a schedule's run asks for; `row` is the schedule's. */
export function scheduledBackup(row: {
  readonly destination_ids: readonly string[];
  readonly zone: string;
  readonly settings: Readonly<Record<string, unknown>>;
}): BackupRun {
  const { jitterMinutes: _spread, ...settings } = ScheduleSettings.parse(row.settings);
  return BackupRun.parse({ ...settings, destinationIds: row.destination_ids, zone: row.zone });
}
