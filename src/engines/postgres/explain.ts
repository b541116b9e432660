import { Failure } from '../../domain/failure.ts';
import type { Connection } from '../engine.ts';
import { explainLibpq } from './connection-failure.ts';

export interface Circumstances {
  readonly source: Connection;
  readonly lockWaitMs: number;
  /** Who was seen to hold the lock that the dump waited for. */
  readonly blocker: string | undefined;
}

/** What pg_dump's last words mean; undefined when they say no more than its exit code. */
export function explainDump(stderr: string, around: Circumstances): Failure | undefined {
  if (/lock timeout/i.test(stderr)) return blocked(stderr, around);
  if (/conflict with recovery/i.test(stderr)) {
    return new Failure('standby_conflict', 'The standby ended the dump, which was in the way of replaying changes.', {
      remedy:
        'Raise max_standby_streaming_delay or set hot_standby_feedback = on on the standby, or dump at a quieter hour.',
    });
  }
  if (/permission denied/i.test(stderr)) {
    const what = /permission denied for (.+)/i.exec(stderr)?.[1]?.trim() ?? 'something';
    return new Failure('privilege_missing', `User ${around.source.user} may not read ${what}.`, {
      remedy: `Run: GRANT pg_read_all_data TO ${around.source.user}`,
    });
  }
  if (/row-level security/i.test(stderr)) {
    return new Failure('privilege_missing', `Row-level security hides rows from user ${around.source.user}.`, {
      remedy: `Dump as the owner, or run: ALTER ROLE ${around.source.user} BYPASSRLS`,
    });
  }
  if (/server version mismatch/i.test(stderr)) {
    return new Failure('tool_too_old', 'pg_dump is older than the server.', {
      remedy: 'Install the client programs of the server’s own major version.',
    });
  }
  if (/cache lookup failed|could not open relation|does not exist/i.test(stderr)) {
    return new Failure('schema_changed', 'Something was dropped or altered while the dump ran.', {
      remedy: 'Run the backup again, best when no migration runs.',
    });
  }
  return explainLibpq(stderr, around.source);
}

function blocked(stderr: string, { lockWaitMs, blocker }: Circumstances): Failure {
  const tables = /LOCK TABLE (.+?) IN ACCESS SHARE MODE/s.exec(stderr)?.[1];
  const on = tables === undefined || tables.length > 200 ? 'a table' : tables;
  const who = blocker === undefined ? 'Another session' : `Session ${blocker}`;
  return lockedFailure(`${who} held a lock on ${on} for more than ${lockWaitMs} ms.`);
}

export function lockedFailure(message: string): Failure {
  return new Failure('dump_blocked', message, {
    remedy: 'Let that session finish or end it, then run the backup again; the wait for locks can be made longer.',
  });
}
