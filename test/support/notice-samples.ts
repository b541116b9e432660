import type { EventData, EventName } from '../../src/domain/notice/events.ts';

const since = '2026-11-24T10:00:00.000Z';
const database = { databaseId: 'd1', databaseName: 'shop' };

/** Each event with every fact it can have. */
export const WHOLE: { readonly [Event in EventName]: EventData<Event> } = {
  'run.failed': {
    runId: 'r1',
    kind: 'backup',
    state: 'partly',
    ...database,
    scheduleId: 's1',
    slot: since,
    code: 'storage_denied',
    cause: 'The store refuses to write.',
    remedy: 'Give the role its permissions.',
    failing: [{ destinationId: 'x1', name: 'vault', code: 'storage_denied', detail: 'Access denied.' }],
    inARow: 2,
  },
  'run.recovered': { runId: 'r1', ...database, failedRuns: 3, since },
  'run.missed': {
    scheduleId: 's1',
    scheduleName: 'nightly',
    ...database,
    slot: since,
    slots: 4,
    reason: 'outage',
    caughtUp: true,
    detail: 'Told by the clock.',
  },
  'verification.failed': { ...database, backupId: 'b1', state: 'suspect', backups: 2 },
  'level3.overdue': { ...database, lastAt: since, everyDays: 7 },
  'size.dropped': { ...database, backupId: 'b1', bytes: 100_000, bytesBefore: 1_000_000 },
  'retention.blocked': {
    runId: 'r1',
    ...database,
    code: 'storage_locked',
    cause: 'A lock stands.',
    remedy: 'Wait until it ends.',
  },
  'destination.broken': { destinationId: 'x1', destinationName: 'vault', cause: 'It refuses the key.' },
  'database.broken': { ...database, cause: 'It does not answer.' },
  'restore.finished': {
    runId: 'r1',
    ...database,
    state: 'failed',
    seconds: 75,
    code: 'restore_failed',
    cause: 'A table could not be made.',
    remedy: 'Restore into an empty database.',
  },
  'key.expiring': { apiKeyId: 'k1', keyName: 'deploy', prefix: 'ddk_ab12', expiresAt: since },
  'notice.undelivered': { channelId: 'c1', channelName: 'ops', undelivered: 2, lastError: 'It answered 500.' },
  'alarm.ended': { alarm: 'database.broken', about: 'shop', since },
  digest: {
    period: 'daily',
    from: since,
    to: since,
    databases: 3,
    restorable: 2,
    runs: { succeeded: 5, failed: 1, missed: 2 },
    storedBytes: 34_100_000,
    open: [{ event: 'database.broken', about: 'shop', since }],
  },
  test: { channelName: 'ops' },
};
