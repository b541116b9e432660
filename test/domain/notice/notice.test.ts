import { describe, expect, it } from '@jest/globals';
import {
  channelFilterOf,
  type Happening,
  NoticePayload,
  noticeOf,
  oneLine,
  stableId,
  wants,
} from '../../../src/domain/notice/notice.ts';

const at = new Date('2026-11-24T10:00:00Z');
const broken: Happening<'destination.broken'> = {
  event: 'destination.broken',
  tenantId: 'tenant-1',
  key: 'alarm 1',
  at,
  data: { destinationId: 'd1', destinationName: 'vault', cause: 'It refuses the key.' },
};
const failed: Happening<'run.failed'> = {
  event: 'run.failed',
  tenantId: 'tenant-1',
  key: 'run 1',
  at,
  data: {
    runId: 'r1',
    kind: 'backup',
    state: 'failed',
    databaseName: 'shop',
    code: 'database_unreachable',
    cause: 'The server does not answer.',
    failing: [],
    inARow: 1,
  },
};
const ended: Happening<'alarm.ended'> = {
  event: 'alarm.ended',
  tenantId: 'tenant-1',
  key: 'alarm 1 ended',
  at,
  data: { alarm: 'destination.broken', about: 'vault', since: at.toISOString() },
};
const digest = (period: 'daily' | 'weekly') =>
  noticeOf({
    event: 'digest',
    tenantId: 'tenant-1',
    key: 'digest 1',
    at,
    data: {
      period,
      from: at.toISOString(),
      to: at.toISOString(),
      databases: 1,
      restorable: 1,
      runs: { succeeded: 1, failed: 0, missed: 0 },
      storedBytes: 1,
      open: [],
    },
  });

describe('a notice', () => {
  it('is what happened, put into words, with who has to act and its facts', () => {
    const { payload, ends } = noticeOf(broken);

    expect(payload).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      type: 'destination.broken',
      version: 1,
      timestamp: '2026-11-24T10:00:00.000Z',
      severity: 'critical',
      cause: 'storage',
      title: 'The destination vault does not work',
      text: 'It refuses the key.\nBackups to it fail until this is put right; verify it again afterwards.',
      data: broken.data,
    });
    expect(ends).toBeUndefined();
    expect(NoticePayload.parse(payload)).toEqual(payload);
  });

  it('T28 names who has to act by the code of the failure, where there is one', () => {
    expect(noticeOf(failed).payload.cause).toBe('database');
    expect(noticeOf({ ...failed, data: { ...failed.data, code: 'storage_denied' } }).payload.cause).toBe('storage');
    const restored = { runId: 'r', databaseId: 'd', databaseName: 'shop', state: 'succeeded' } as const;
    const finished = { event: 'restore.finished', tenantId: 't', key: 'run r', at } as const;
    expect(noticeOf({ ...finished, data: restored }).payload.cause).toBe('none');
    expect(noticeOf({ ...finished, data: { ...restored, code: undefined } }).payload.cause).toBe('none');
  });

  it('is one notice when it is told twice under one key, and another for every other key, event and tenant', () => {
    const id = (changes: Partial<typeof broken>) => noticeOf({ ...broken, ...changes }).payload.id;

    expect(id({ at: new Date(0) })).toBe(id({}));
    expect(
      new Set([id({}), id({ key: 'alarm 2' }), id({ tenantId: 'tenant-2' }), noticeOf(ended).payload.id]).size,
    ).toBe(4);
  });

  it.each([
    ['a field more', { extra: 1 }],
    ['another version', { version: 2 }],
    ['an unknown type', { type: 'run.exploded' }],
    ['an id that is none', { id: 'x' }],
    ['an unknown severity', { severity: 'fatal' }],
    ['an unknown cause', { cause: 'nobody' }],
    ['no time', { timestamp: 'now' }],
    ['no title', { title: undefined }],
    ['no text', { text: undefined }],
    ['no facts', { data: undefined }],
  ])('is not read with %s', (_, change) => {
    expect(NoticePayload.safeParse({ ...noticeOf(broken).payload, ...change }).success).toBe(false);
  });
});

describe('a stable id', () => {
  it('is a UUID of our own making, the same for the same parts', () => {
    // Written out, since receivers know a repetition by it.
    expect(stableId('a', 'b')).toBe('0473ef2d-c0d3-84ab-a59d-3580c1134e9d');
    expect(stableId('a', 'b')).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set([stableId('a', 'b'), stableId('ab'), stableId('b', 'a'), stableId('a,b')]).size).toBe(4);
  });
});

describe('one line', () => {
  it.each([
    ['two\r\nlines', 'two lines'],
    ['\u2028a\u2029b\u2028', 'a b'],
    ['  tab\there ', 'tab here'],
    ['left\u202eright', 'left right'],
    ['half \ud800 letter', 'half   letter'],
    ['plain', 'plain'],
  ])('of %j is %j', (text, line) => {
    expect(oneLine(text)).toBe(line);
  });

  it('is at most 200 characters long, and says where it was cut', () => {
    expect(oneLine('x'.repeat(200))).toBe('x'.repeat(200));
    expect(oneLine('x'.repeat(201))).toBe(`${'x'.repeat(199)}…`);
  });
});

describe('a channel', () => {
  it('hears warnings and worse of everything, and no digest, unless it was asked otherwise', () => {
    expect(channelFilterOf({})).toEqual({ events: [], minimumSeverity: 'warning', digest: 'none' });
    expect(channelFilterOf({ target: 'x', digest: 'weekly', minimumSeverity: 'info', events: ['digest'] })).toEqual({
      events: ['digest'],
      minimumSeverity: 'info',
      digest: 'weekly',
    });
    expect(channelFilterOf({ digest: 'daily' }).digest).toBe('daily');
    expect(channelFilterOf({ digest: 'none' }).digest).toBe('none');
    for (const wrong of [{ digest: 'hourly' }, { minimumSeverity: 'fatal' }, { events: [1] }]) {
      expect(() => channelFilterOf(wrong)).toThrow();
    }
  });

  it('is told what is at least as severe as it asked for', () => {
    const told = (minimumSeverity: 'info' | 'warning' | 'critical') =>
      [noticeOf(broken), noticeOf({ ...failed, data: { ...failed.data, state: 'cancelled' } }), LATE].map((notice) =>
        wants(channelFilterOf({ minimumSeverity }), notice),
      );

    expect(told('critical')).toEqual([true, false, false]);
    expect(told('warning')).toEqual([true, false, true]);
    expect(told('info')).toEqual([true, true, true]);
  });

  it('that names events is told of these alone', () => {
    expect(wants(channelFilterOf({ events: ['destination.broken', 'test'] }), noticeOf(broken))).toBe(true);
    expect(wants(channelFilterOf({ events: ['database.broken'] }), noticeOf(broken))).toBe(false);
  });

  it('that was told of an alarm is told of its end, and no other is', () => {
    const end = noticeOf({ ...ended, ends: { event: 'destination.broken', severity: 'critical' } });

    expect(wants(channelFilterOf({ minimumSeverity: 'critical', events: ['destination.broken'] }), end)).toBe(true);
    expect(wants(channelFilterOf({ events: ['alarm.ended'] }), end)).toBe(true);
    expect(wants(channelFilterOf({ events: ['database.broken'] }), end)).toBe(false);
    const mild = noticeOf({ ...ended, ends: { event: 'size.dropped', severity: 'warning' } });
    expect(wants(channelFilterOf({ minimumSeverity: 'critical' }), mild)).toBe(false);
  });

  it('gets the digest it asked for and no other, whatever else it hears', () => {
    const filter = channelFilterOf({ digest: 'weekly', minimumSeverity: 'critical', events: ['run.failed'] });

    expect([digest('weekly'), digest('daily')].map((notice) => wants(filter, notice))).toEqual([true, false]);
    expect(wants(channelFilterOf({ minimumSeverity: 'info', events: ['digest'] }), digest('daily'))).toBe(false);
  });

  it('is never sent a test of another channel', () => {
    const test = noticeOf({ event: 'test', tenantId: 't', key: 'x', at, data: { channelName: 'other' } });

    expect(wants(channelFilterOf({ minimumSeverity: 'info' }), test)).toBe(false);
    expect(wants(channelFilterOf({ minimumSeverity: 'info', events: ['test'] }), test)).toBe(false);
  });
});

const LATE = noticeOf({
  event: 'level3.overdue',
  tenantId: 't',
  key: 'x',
  at,
  data: { databaseId: 'd', databaseName: 'shop', everyDays: 7 },
});
