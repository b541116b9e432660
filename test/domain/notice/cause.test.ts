import { describe, expect, it } from '@jest/globals';
import { FAILURES } from '../../../src/domain/failure.ts';
import { causeClassOf } from '../../../src/domain/notice/cause.ts';
import { type CauseClass, EVENT_NAMES, type EventName } from '../../../src/domain/notice/events.ts';

/** Who can do something about it: an operator of the service, of the database, of the store, or the one who asked. */
const BY_CODE: Readonly<Record<Exclude<CauseClass, 'channel' | 'none'>, readonly string[]>> = {
  service: ['internal', 'not_ready', 'lease_lost', 'clock_skew'],
  access: ['unauthenticated', 'forbidden'],
  limit: ['rate_limited', 'limit_reached', 'size_cap_exceeded'],
  timing: ['already_running', 'stalled'],
  tool: ['tool_missing', 'tool_too_old', 'compressor_failed'],
  request: [
    'usage',
    'method_not_allowed',
    'body_too_large',
    'media_type_unsupported',
    'host_unknown',
    'not_found',
    'confirmation_missing',
    'cancelled',
    'version_conflict',
    'conflict',
    'key_reused',
    'not_verified',
    'version_missing',
  ],
  database: [
    'database_unreachable',
    'authentication_failed',
    'tls_refused',
    'privilege_missing',
    'server_unsupported',
    'dump_failed',
    'dump_incomplete',
    'dump_blocked',
    'schema_changed',
    'standby_conflict',
  ],
  storage: [
    'storage_unreachable',
    'storage_denied',
    'storage_conflict',
    'storage_wrong_owner',
    'storage_wrong_region',
    'storage_key_denied',
    'storage_unsupported',
    'storage_locked',
    'session_expired',
    'disk_full',
  ],
  'stored-bytes': [
    'backup_lost',
    'backup_damaged',
    'backup_archived',
    'manifest_invalid',
    'manifest_version_unknown',
    'signer_unknown',
    'signature_wrong',
    'decryption_failed',
    'differences_found',
    'level_not_reached',
  ],
  restore: ['target_in_use', 'target_not_empty', 'restore_refused', 'restore_failed', 'target_dirty'],
};

const BY_EVENT: Readonly<Record<EventName, CauseClass>> = {
  'run.failed': 'service',
  'run.recovered': 'none',
  'run.missed': 'timing',
  'verification.failed': 'stored-bytes',
  'level3.overdue': 'timing',
  'size.dropped': 'database',
  'retention.blocked': 'storage',
  'destination.broken': 'storage',
  'database.broken': 'database',
  'restore.finished': 'none',
  'key.expiring': 'access',
  'notice.undelivered': 'channel',
  'alarm.ended': 'none',
  digest: 'none',
  test: 'none',
};

describe('the cause of what people are told', () => {
  it.each(Object.entries(BY_CODE))('T28 is %s for its failures, whatever the event', (cause, codes) => {
    for (const code of codes) {
      expect([code, causeClassOf('run.failed', code)]).toEqual([code, cause]);
      expect(causeClassOf('restore.finished', code)).toBe(cause);
    }
  });

  it('T28 is decided for every failure that there is', () => {
    expect(Object.values(BY_CODE).flat().toSorted()).toEqual(Object.keys(FAILURES).toSorted());
  });

  it.each(EVENT_NAMES)('T28 of %s without a failure is that of the event', (event) => {
    expect(causeClassOf(event)).toBe(BY_EVENT[event]);
  });

  it.each(['unheard_of', 'toString', 'constructor', ''])(
    'T28 of the code %p, which nobody knows, is the service',
    (code) => {
      expect(causeClassOf('database.broken', code)).toBe('service');
    },
  );
});
