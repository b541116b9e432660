import { z } from 'zod';

/** Everything that people are told of, and the facts that travel with it: docs/webhooks.md is made from these. */

const Id = z.string();
const Instant = z.iso.datetime();
const database = { databaseId: Id, databaseName: z.string() };
/** Why it happened: a failure's code, one sentence, and what the reader can do. */
const why = { code: z.string(), cause: z.string(), remedy: z.string().optional() };

/** One destination of a run that did not get its copy. */
const FailingDestination = z.strictObject({
  destinationId: Id,
  name: z.string(),
  code: z.string().optional(),
  detail: z.string().optional(),
});

export const EVENTS = {
  'run.failed': z.strictObject({
    runId: Id,
    kind: z.string(),
    /** `partly`: some destinations have their copy. */
    state: z.enum(['failed', 'partly', 'interrupted', 'cancelled']),
    databaseId: Id.optional(),
    databaseName: z.string().optional(),
    scheduleId: Id.optional(),
    slot: Instant.optional(),
    ...why,
    failing: z.array(FailingDestination),
    /** Backups of the database that failed one after the other, this one among them. */
    inARow: z.int(),
  }),
  'run.recovered': z.strictObject({ runId: Id, ...database, failedRuns: z.int(), since: Instant }),
  'run.missed': z.strictObject({
    scheduleId: Id,
    scheduleName: z.string(),
    ...database,
    /** The newest slot that it is about, and how many there are. */
    slot: Instant,
    slots: z.int(),
    reason: z.enum(['outage', 'not-started', 'no-slot', 'limit', 'refused']),
    /** One run makes up for all of them. */
    caughtUp: z.boolean(),
    detail: z.string().optional(),
  }),
  /** About the newest of `backups` that are in this state. */
  'verification.failed': z.strictObject({
    databaseId: Id.optional(),
    databaseName: z.string(),
    backupId: Id,
    state: z.enum(['suspect', 'lost', 'archived']),
    backups: z.int().default(1),
  }),
  'level3.overdue': z.strictObject({ ...database, lastAt: Instant.optional(), everyDays: z.int() }),
  'size.dropped': z.strictObject({ ...database, backupId: Id, bytes: z.int(), bytesBefore: z.int() }),
  'retention.blocked': z.strictObject({
    runId: Id,
    databaseId: Id.optional(),
    databaseName: z.string().optional(),
    ...why,
  }),
  'destination.broken': z.strictObject({ destinationId: Id, destinationName: z.string(), cause: z.string() }),
  'database.broken': z.strictObject({ ...database, cause: z.string() }),
  'restore.finished': z.strictObject({
    runId: Id,
    ...database,
    state: z.enum(['succeeded', 'failed', 'partly', 'interrupted', 'cancelled']),
    seconds: z.number().optional(),
    code: z.string().optional(),
    cause: z.string().optional(),
    remedy: z.string().optional(),
  }),
  'key.expiring': z.strictObject({ apiKeyId: Id, keyName: z.string(), prefix: z.string(), expiresAt: Instant }),
  'notice.undelivered': z.strictObject({
    channelId: Id,
    channelName: z.string(),
    undelivered: z.int(),
    lastError: z.string(),
  }),
  /** A lasting alarm is over; a run's is told as `run.recovered`. */
  'alarm.ended': z.strictObject({ alarm: z.string(), about: z.string(), since: Instant }),
  digest: z.strictObject({
    period: z.enum(['daily', 'weekly']),
    from: Instant,
    to: Instant,
    databases: z.int(),
    /** With a verified backup that is younger than their RPO. */
    restorable: z.int(),
    runs: z.strictObject({ succeeded: z.int(), failed: z.int(), missed: z.int() }),
    storedBytes: z.int(),
    /** Alarms that are open, worst first. */
    open: z.array(z.strictObject({ event: z.string(), about: z.string(), since: Instant })),
  }),
  test: z.strictObject({ channelName: z.string() }),
} as const satisfies Record<string, z.ZodType>;

export type EventName = keyof typeof EVENTS;
export const EVENT_NAMES = Object.keys(EVENTS) as [EventName, ...EventName[]];
export type EventData<Event extends EventName> = z.infer<(typeof EVENTS)[Event]>;

export const SEVERITIES = ['info', 'warning', 'critical'] as const;
export type Severity = (typeof SEVERITIES)[number];

/** Who has to act, in one word (T28). */
export const CAUSE_CLASSES = [
  'database',
  'tool',
  'storage',
  'stored-bytes',
  'restore',
  'timing',
  'limit',
  'request',
  'service',
  'channel',
  'access',
  'none',
] as const;
export type CauseClass = (typeof CAUSE_CLASSES)[number];
