import { z } from 'zod';
import { Bytes, changesOf, Id, Instant, Name, Note, Zone } from './basics.ts';

export const BackupTypeName = z.enum(['full', 'schema', 'data']);

export const Retention = z
  .strictObject({
    keepLast: z.int().min(0).max(10_000).optional(),
    keepDays: z.int().min(0).max(36_500).optional(),
    hourly: z.int().min(0).max(1000).optional(),
    daily: z.int().min(0).max(1000).optional(),
    weekly: z.int().min(0).max(1000).optional(),
    monthly: z.int().min(0).max(1000).optional(),
    yearly: z.int().min(0).max(1000).optional(),
    maxBytes: z.int().min(1).optional(),
  })
  .meta({ id: 'Retention', description: 'A backup stays if any rule keeps it; no rule at all keeps everything.' });

const scheduleFields = {
  name: Name,
  databaseId: Id,
  destinationIds: z.array(Id).min(1).max(8),
  cron: z.string().min(1).max(120),
  zone: Zone,
  jitterMinutes: z.int().min(0).max(720).default(0),
  type: BackupTypeName.default('full'),
  retention: Retention.default({}),
  timeoutMinutes: z.int().min(1).max(10_080).default(1440),
  inactivityMinutes: z.int().min(1).max(1440).default(5),
  retries: z.int().min(0).max(5).default(2),
  level: z.union([z.literal(1), z.literal(2), z.literal(3)]).default(2),
  /** Days between level 3 verifications. */
  level3EveryDays: z.int().min(1).max(365).default(7),
  recipients: z.array(z.string().startsWith('age1').max(2000)).max(16).default([]),
  enabled: z.boolean().default(true),
};
export const ScheduleCreate = z.strictObject(scheduleFields).meta({ id: 'ScheduleCreate' });
const { databaseId: _fixed, ...changeable } = scheduleFields;
export const ScheduleUpdate = changesOf(changeable).meta({ id: 'ScheduleUpdate' });
export const Schedule = z
  .strictObject({
    ...scheduleFields,
    id: Id,
    words: z.string(),
    nextRuns: z.array(Instant),
    lastSlot: Instant.optional(),
    createdAt: Instant,
    version: z.int(),
  })
  .meta({ id: 'Schedule' });
/** What the catalog keeps of a schedule beside its columns. */
export const ScheduleSettings = z.strictObject(scheduleFields).pick({
  jitterMinutes: true,
  type: true,
  retention: true,
  timeoutMinutes: true,
  inactivityMinutes: true,
  retries: true,
  level: true,
  level3EveryDays: true,
  recipients: true,
});
export type ScheduleSettings = z.infer<typeof ScheduleSettings>;
export const SchedulePreviewRequest = z.strictObject({
  cron: z.string().min(1).max(120),
  zone: Zone,
  count: z.int().min(1).max(50).default(5),
});
export const SchedulePreview = z
  .strictObject({ words: z.string(), nextRuns: z.array(Instant) })
  .meta({ id: 'SchedulePreview' });

export const RunKind = z
  .enum(['backup', 'restore', 'verify', 'download', 'retention', 'probe', 'reconcile'])
  .meta({ id: 'RunKind' });
export const RunState = z
  .enum(['queued', 'running', 'succeeded', 'partly', 'failed', 'cancelled', 'interrupted', 'missed'])
  .meta({ id: 'RunState' });
export const RunProgress = z.strictObject({
  phase: z.string(),
  plainBytes: Bytes.optional(),
  storedBytes: Bytes.optional(),
  totalBytes: Bytes.optional(),
  bytesPerSecond: z.number().optional(),
  secondsLeft: z.number().optional(),
});
export const Run = z
  .strictObject({
    id: Id,
    kind: RunKind,
    trigger: z.enum(['manual', 'schedule', 'api', 'system']),
    state: RunState,
    databaseId: Id.optional(),
    scheduleId: Id.optional(),
    slot: Instant.optional(),
    backupId: Id.optional(),
    attempt: z.int(),
    progress: RunProgress.optional(),
    outcomes: z.array(
      z.strictObject({
        destinationId: Id,
        /** Of an entry that stands for all databases of a server; empty: its roles, accounts and settings. */
        databaseName: z.string().optional(),
        ok: z.boolean(),
        backupId: Id.optional(),
        code: z.string().optional(),
        detail: z.string().optional(),
      }),
    ),
    code: z.string().optional(),
    cause: z.string().optional(),
    remedy: z.string().optional(),
    report: z.record(z.string(), z.unknown()).optional(),
    queuedAt: Instant,
    startedAt: Instant.optional(),
    finishedAt: Instant.optional(),
    version: z.int(),
  })
  .meta({ id: 'Run' });
export type RunKind = z.infer<typeof RunKind>;
export const RunFilter = z.strictObject({
  databaseId: Id.optional(),
  kind: RunKind.optional(),
  state: RunState.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(500).optional(),
});
export const RunLog = z
  .strictObject({ lines: z.array(z.strictObject({ at: Instant, text: z.string() })) })
  .meta({ id: 'RunLog' });

export const BackupStart = z
  .strictObject({
    databaseId: Id,
    destinationIds: z.array(Id).min(1).max(8),
    type: BackupTypeName.default('full'),
    name: Name.optional(),
    level: z.union([z.literal(1), z.literal(2), z.literal(3)]).default(2),
    recipients: z.array(z.string().startsWith('age1').max(2000)).max(16).default([]),
    /** For a database whose credential is one-off: used by this run, gone after it. */
    password: z.string().max(1024).optional(),
  })
  .meta({ id: 'BackupStart' });
export const BackupState = z
  .enum(['sealed', 'stored', 'good', 'suspect', 'lost', 'archived', 'deleting', 'deleted'])
  .meta({ id: 'BackupState' });
export const TableCount = z.strictObject({ name: z.string(), rows: z.int() });
export const Backup = z
  .strictObject({
    id: Id,
    name: z.string().optional(),
    databaseId: Id.optional(),
    databaseName: z.string(),
    engine: z.string(),
    destinationId: Id,
    runId: Id.optional(),
    type: z.enum(['full', 'schema', 'data', 'globals']),
    state: BackupState,
    level: z.int().min(0).max(3),
    consistency: z.enum(['snapshot', 'partial', 'fuzzy']),
    plainBytes: Bytes,
    storedBytes: Bytes,
    sha256: z.string(),
    encrypted: z.boolean(),
    serverVersion: z.string(),
    toolVersion: z.string(),
    tables: z.int(),
    rows: z.int(),
    snapshotAt: Instant,
    verifiedAt: Instant.optional(),
    pin: z.string().optional(),
    tags: z.array(z.string()),
    lockedUntil: Instant.optional(),
    deleteAfter: Instant.optional(),
    warnings: z.array(z.string()),
    createdAt: Instant,
    version: z.int(),
  })
  .meta({ id: 'Backup' });
export const BackupDetail = Backup.extend({
  key: z.string(),
  manifest: z.record(z.string(), z.unknown()),
  reports: z.array(z.record(z.string(), z.unknown())),
  tableCounts: z.array(TableCount),
}).meta({ id: 'BackupDetail' });
export const BackupFilter = z.strictObject({
  databaseId: Id.optional(),
  destinationId: Id.optional(),
  state: BackupState.optional(),
  tag: z.string().max(64).optional(),
  before: Instant.optional(),
  after: Instant.optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
  cursor: z.string().max(500).optional(),
});
export const BackupUpdate = z.strictObject({
  name: Name.nullable().optional(),
  tags: z.array(z.string().min(1).max(64)).max(32).optional(),
});
export const PinRequest = z.strictObject({ reason: Note.min(1) });
export const VerifyStart = z.strictObject({ level: z.union([z.literal(1), z.literal(2), z.literal(3)]).default(3) });
export const DownloadGrant = z
  .strictObject({
    url: z.string(),
    expiresAt: Instant,
    fileName: z.string(),
    bytes: Bytes,
    sha256: z.string(),
    sha256sum: z.string(),
    volumes: z.array(z.strictObject({ url: z.string(), fileName: z.string(), bytes: Bytes, sha256: z.string() })),
  })
  .meta({ id: 'DownloadGrant' });

export const RestoreTarget = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('new'), databaseId: Id, name: z.string().min(1).max(63) }),
  z.strictObject({
    kind: z.literal('swap'),
    databaseId: Id,
    confirm: z.string().max(63),
    disconnect: z.boolean().default(false),
  }),
  z.strictObject({ kind: z.literal('in-place'), databaseId: Id, confirm: z.string().max(63) }),
]);
export const RestoreStart = z
  .strictObject({
    backupId: Id,
    target: RestoreTarget,
    type: BackupTypeName.default('full'),
    only: z.array(z.string().min(1).max(300)).max(500).default([]),
    owners: z.boolean().default(true),
    acls: z.boolean().default(true),
    roles: z.record(z.string().max(128), z.string().max(128)).default({}),
    password: z.string().max(1024).optional(),
  })
  .meta({ id: 'RestoreStart' });
export const RestorePlanResource = z
  .strictObject({
    sourceDatabase: z.string(),
    targetDatabase: z.string(),
    finalDatabase: z.string(),
    plainBytes: Bytes.optional(),
    secondsEstimated: z.number().optional(),
    items: z.array(z.strictObject({ name: z.string(), ok: z.boolean(), detail: z.string(), blocks: z.boolean() })),
    replaces: z.array(z.string()),
  })
  .meta({ id: 'RestorePlan' });
export const Restore = z
  .strictObject({
    id: Id,
    runId: Id,
    backupId: Id,
    databaseId: Id,
    state: RunState,
    finalDatabase: z.string().optional(),
    keptDatabase: z.string().optional(),
    tables: z.array(
      z.strictObject({ name: z.string(), expected: z.int().optional(), found: z.int().optional(), ok: z.boolean() }),
    ),
    notices: z.array(z.string()),
    createdAt: Instant,
    finishedAt: Instant.optional(),
  })
  .meta({ id: 'Restore' });

export const RetentionPreviewRequest = z.strictObject({
  databaseId: Id,
  retention: Retention,
  zone: Zone.default('UTC'),
});
export const RetentionPreview = z
  .strictObject({
    keeps: z.int(),
    deletes: z.int(),
    freesBytes: Bytes,
    verdicts: z.array(
      z.strictObject({ backupId: Id, keep: z.boolean(), reason: z.string(), snapshotAt: Instant, storedBytes: Bytes }),
    ),
  })
  .meta({ id: 'RetentionPreview' });
