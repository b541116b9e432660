import { describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import { FAILURES } from '../../../src/domain/failure.ts';
import { causeClassOf } from '../../../src/domain/notice/cause.ts';
import {
  CAUSE_CLASSES,
  EVENT_NAMES,
  EVENTS,
  type EventData,
  type EventName,
  SEVERITIES,
} from '../../../src/domain/notice/events.ts';
import { chatOf, mailOf } from '../../../src/domain/notice/letters.ts';
import {
  channelFilterOf,
  NoticePayload,
  noticeOf,
  oneLine,
  stableId,
  wants,
} from '../../../src/domain/notice/notice.ts';
import { isSigned, signedHeaders } from '../../../src/domain/notice/signature.ts';
import { MOST_TRIES, secondsToNextTry } from '../../../src/domain/notice/tries.ts';

const AT = new Date('2026-11-24T02:00:00Z');
const since = AT.toISOString();
const database = { databaseId: 'd1', databaseName: 'shop' };
const why = { code: 'storage_denied', cause: 'The store refused it.', remedy: 'Give it the right.' };
const run = { runId: 'r1', kind: 'backup', ...database, ...why, failing: [], inARow: 1 };

const SAMPLES: { readonly [Event in EventName]: readonly EventData<Event>[] } = {
  'run.failed': [
    { ...run, state: 'failed' },
    { ...run, state: 'interrupted', inARow: 2 },
    { ...run, state: 'partly', failing: [{ destinationId: 'x', name: 'far', detail: 'refused' }], inARow: 11 },
    { ...run, state: 'partly', failing: [{ destinationId: 'x', name: 'far' }], inARow: 3 },
    { runId: 'r', kind: 'verify', state: 'cancelled', code: 'cancelled', cause: 'c', failing: [], inARow: 24 },
  ],
  'run.recovered': [{ runId: 'r', ...database, failedRuns: 3, since }],
  'run.missed': (['outage', 'not-started', 'no-slot', 'limit', 'refused'] as const).map((reason, n) => ({
    scheduleId: 's',
    scheduleName: 'nightly',
    ...database,
    slot: since,
    slots: 1 + n,
    reason,
    caughtUp: n % 2 === 0,
    ...(n === 4 ? { detail: 'more' } : {}),
  })),
  'verification.failed': (['suspect', 'lost', 'archived'] as const).map((state, n) => ({
    ...database,
    backupId: 'b',
    state,
    backups: 1 + n,
  })),
  'level3.overdue': [
    { ...database, everyDays: 7 },
    { ...database, everyDays: 1, lastAt: since },
  ],
  'size.dropped': [{ ...database, backupId: 'b', bytes: 10, bytesBefore: 100 }],
  'retention.blocked': [
    { runId: 'r', ...database, ...why },
    { runId: 'r', code: 'internal', cause: 'c' },
  ],
  'destination.broken': [{ destinationId: 'x', destinationName: 'far', cause: 'gone' }],
  'database.broken': [{ ...database, cause: 'gone' }],
  'restore.finished': [
    { runId: 'r', ...database, state: 'succeeded', seconds: 12 },
    { runId: 'r', ...database, state: 'failed', ...why },
    { runId: 'r', ...database, state: 'cancelled' },
  ],
  'key.expiring': [{ apiKeyId: 'k', keyName: 'ci', prefix: 'dd_1', expiresAt: since }],
  'notice.undelivered': [1, 2].map((undelivered) => ({
    channelId: 'c',
    channelName: 'ops',
    undelivered,
    lastError: 'answered 500',
  })),
  'alarm.ended': [{ alarm: 'run.missed', about: 'Backup did not run: shop', since }],
  digest: (['daily', 'weekly'] as const).map((period, n) => ({
    period,
    from: since,
    to: since,
    databases: 2,
    restorable: 1,
    runs: { succeeded: 3, failed: 1, missed: 0 },
    storedBytes: 1e9,
    open: n === 0 ? [] : [{ event: 'run.missed', about: 'Backup did not run', since }],
  })),
  test: [{ channelName: 'ops' }],
};

function noticesOf<Event extends EventName>(event: Event) {
  return SAMPLES[event].map((data, n) => noticeOf({ event, tenantId: 't', key: `${n}`, at: AT, data }));
}

describe('a notice', () => {
  it.each(EVENT_NAMES)('T28 of %s has a title of one line, words, a severity and a cause class', (event) => {
    const notices = noticesOf(event);

    expect(notices.length).toBeGreaterThan(0);
    for (const [n, { payload }] of notices.entries()) {
      expect(NoticePayload.safeParse(payload).error).toBeUndefined();
      expect(EVENTS[event].safeParse(SAMPLES[event][n]).error).toBeUndefined();
      expect(payload.title).toMatch(/^[^\n]{5,200}$/);
      expect(payload.text.length).toBeGreaterThan(5);
      expect(payload.text).not.toMatch(/undefined|\[object|NaN/);
      expect(CAUSE_CLASSES).toContain(payload.cause);
      expect(SEVERITIES).toContain(payload.severity);
    }
  });

  it('T28 names who has to act by the code of the failure, for every code there is', () => {
    for (const code of Object.keys(FAILURES)) expect(CAUSE_CLASSES).toContain(causeClassOf('run.failed', code));
    expect(causeClassOf('run.failed', 'storage_denied')).toBe('storage');
    expect(causeClassOf('run.failed', 'authentication_failed')).toBe('database');
    expect(causeClassOf('run.failed', 'toString')).toBe('service');
    expect(causeClassOf('run.missed')).toBe('timing');
  });

  it('is worse or less bad by how it ended', () => {
    const of = (event: EventName) => noticesOf(event).map(({ payload }) => payload.severity);

    expect(of('run.failed')).toEqual(['critical', 'critical', 'critical', 'critical', 'info']);
    expect(of('verification.failed')).toEqual(['critical', 'critical', 'warning']);
    expect(of('restore.finished')).toEqual(['info', 'critical', 'info']);
  });

  it('names the destination that failed, and how often in a row', () => {
    const [, , partly, again, verify] = noticesOf('run.failed').map(({ payload }) => payload);

    expect(partly?.title).toBe('Backup partly failed: shop, not in far');
    expect(partly?.text).toContain('Destination far: refused');
    expect(partly?.text).toContain('11th failure in a row');
    expect(again?.text).toContain('3rd failure in a row');
    expect(verify?.text).toContain('24th failure in a row');
    expect(verify?.title).toBe('Verify was cancelled: no database');
  });

  it('has the same id for the same happening, and another one for any other', () => {
    const id = (tenantId: string, key: string) =>
      noticeOf({ event: 'test', tenantId, key, at: new Date(), data: { channelName: 'c' } }).payload.id;

    expect(id('t', 'k')).toBe(id('t', 'k'));
    expect(new Set([id('t', 'k'), id('t', 'l'), id('u', 'k'), stableId('t', 'test', 'k', '')]).size).toBe(4);
    // Parts are not merely put one behind the other.
    expect(stableId('a', 'bc')).not.toBe(stableId('ab', 'c'));
  });

  it('F98 keeps a title in one line, whatever a name holds', () => {
    expect(oneLine('a\r\nBcc: x\u2028y\u202ez\u0000')).toBe('a Bcc: x y z');
    expect(oneLine('x'.repeat(500))).toHaveLength(200);
    expect(oneLine('\uD800 lone')).toBe('lone');
  });
});

describe('a channel', () => {
  const filter = (settings: object) => channelFilterOf({ target: {}, ...settings });
  const [failed] = noticesOf('run.failed');
  const [dropped] = noticesOf('size.dropped');
  const [digest, weekly] = noticesOf('digest');
  const [test] = noticesOf('test');
  const ended = { ...noticesOf('alarm.ended')[0]!, ends: { event: 'run.missed', severity: 'critical' } as const };

  it('hears what is as bad as it asks for, and of the events that it names', () => {
    expect(wants(filter({}), failed!)).toBe(true);
    expect(wants(filter({ minimumSeverity: 'critical' }), dropped!)).toBe(false);
    expect(wants(filter({ events: ['size.dropped'] }), failed!)).toBe(false);
    expect(wants(filter({ events: ['size.dropped'] }), dropped!)).toBe(true);
  });

  it('hears the end of what it heard the beginning of', () => {
    expect(wants(filter({ minimumSeverity: 'critical' }), ended)).toBe(true);
    expect(wants(filter({ events: ['run.missed'] }), ended)).toBe(true);
    expect(wants(filter({ events: ['size.dropped'] }), ended)).toBe(false);
  });

  it('gets the digest that it asks for, and a test by itself alone', () => {
    expect([wants(filter({ digest: 'daily' }), digest!), wants(filter({ digest: 'daily' }), weekly!)]).toEqual([
      true,
      false,
    ]);
    expect(wants(filter({ minimumSeverity: 'info' }), digest!)).toBe(false);
    expect(wants(filter({ minimumSeverity: 'info' }), test!)).toBe(false);
  });
});

describe('letters', () => {
  it('are plain text by mail, and marked up by nobody but us in a chat', () => {
    const data = { ...database, databaseName: 'a <b> & *c*', cause: 'x\u0007y\nz' };
    const { payload } = noticeOf({ event: 'database.broken', tenantId: 't', key: 'k', at: AT, data });

    const mail = mailOf(payload, 'https://console.example.org');
    const chat = JSON.parse(chatOf(payload, 'https://console.example.org')).text as string;

    expect(mail.subject).toBe('[Database Dump] critical: The database a <b> & *c* cannot be backed up');
    expect(mail.text).toContain('x y\nz');
    expect(mail.text).toContain('Console: https://console.example.org');
    expect(chat).toContain('a &lt;b&gt; &amp; *c*');
  });
});

describe('signatures', () => {
  const secret = `whsec_${Buffer.from('0123456789abcdef0123456789abcdef').toString('base64')}`;
  const old = `whsec_${Buffer.from('another secret of 32 bytes......').toString('base64')}`;
  const call = { id: 'm1', at: new Date(), body: '{"a":1}' };

  it('are those of the standard, with the secret before the present one as long as it is given', () => {
    const headers = signedHeaders(call, [secret, old]);

    for (const one of [secret, old]) {
      expect(new Webhook(one).verify(call.body, { ...headers })).toEqual({ a: 1 });
      expect(isSigned(headers, call, one)).toBe(true);
    }
    expect(headers['webhook-signature'].split(' ')).toHaveLength(2);
    expect(headers['webhook-signature']).toContain(new Webhook(secret).sign(call.id, call.at, call.body));
  });

  it('are refused for another body, id, secret or time', () => {
    const headers = signedHeaders(call, [secret]);

    expect(isSigned(headers, { ...call, body: '{"a":2}' }, secret)).toBe(false);
    expect(isSigned({ ...headers, 'webhook-id': 'm2' }, call, secret)).toBe(false);
    expect(isSigned(headers, call, old)).toBe(false);
    for (const seconds of [301, -301])
      expect(isSigned(headers, { ...call, at: new Date(call.at.getTime() + seconds * 1000) }, secret)).toBe(false);
    expect(isSigned({ ...headers, 'webhook-timestamp': 'now' }, call, secret)).toBe(false);
    expect(isSigned({ ...headers, 'webhook-signature': 'v1,x' }, call, secret)).toBe(false);
  });
});

describe('tries', () => {
  it('F69 are put off longer and longer, never by more than a quarter of chance, and end', () => {
    const waits = Array.from({ length: MOST_TRIES }, (_, n) => secondsToNextTry(n + 1, 0));

    expect(waits.at(-1)).toBeUndefined();
    expect(waits.slice(0, -1)).toEqual([...waits.slice(0, -1)].sort((a, b) => (a ?? 0) - (b ?? 0)));
    expect(secondsToNextTry(1, 0.999)).toBeLessThan(5 * 1.25);
    expect(waits.slice(0, -1).reduce<number>((sum, one) => sum + (one ?? 0), 0)).toBeGreaterThan(24 * 3600);
  });
});
