import { describe, expect, it } from '@jest/globals';
import {
  type Alarm,
  changesOf,
  digestMoment,
  endsSilently,
  familyOf,
  judgeAlarms,
  KEY_NOTICE_MS,
  NO_RUN_MS,
  subjectOf,
  type TenantFacts,
} from '../../src/domain/alarms.ts';
import { EVENT_NAMES, EVENTS } from '../../src/domain/notice/events.ts';
import { WHOLE } from '../support/notice-samples.ts';

const NOW = new Date('2026-11-24T12:00:00.000Z');
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const ago = (ms: number) => new Date(NOW.getTime() - ms);
const database = { databaseId: 'd1', databaseName: 'shop' };
const schedule = { scheduleId: 's1', scheduleName: 'nightly', ...database };
const CALM: TenantFacts = {
  lateSlots: [],
  missedSlots: [],
  lateRuns: [],
  waitingRuns: [],
  moving: false,
  level3: [],
  sizes: [],
  badBackups: [],
  brokenDatabases: [],
  brokenDestinations: [],
  keys: [],
  undelivered: [],
};
const judged = (facts: Partial<TenantFacts>) => judgeAlarms({ ...CALM, ...facts }, NOW);
/** The facts of the only alarm, undefined for none. */
const data = (facts: Partial<TenantFacts>) => {
  const alarms = judged(facts);
  expect(alarms.length).toBeLessThan(2);
  for (const { event, data: told } of alarms) expect(EVENTS[event].parse(told)).toEqual(told);
  return alarms[0]?.data;
};

describe('a schedule that did not run', () => {
  it('T8 is told ninety seconds after its slot was due, not before', () => {
    const late = (ms: number) => data({ lateSlots: [{ ...schedule, slot: ago(HOUR), due: ago(ms) }] });

    expect(NO_RUN_MS).toBe(90_000);
    expect(late(NO_RUN_MS)).toBeUndefined();
    expect(late(NO_RUN_MS + 1)).toEqual({
      ...schedule,
      slot: '2026-11-24T11:00:00.000Z',
      slots: 1,
      reason: 'outage',
      caughtUp: false,
    });
  });

  it('is told when it is on and has no next slot at all', () => {
    expect(data({ lateSlots: [{ ...schedule, slot: undefined, due: undefined }] })).toEqual({
      ...schedule,
      slot: NOW.toISOString(),
      slots: 1,
      reason: 'no-slot',
      caughtUp: false,
    });
  });

  it('F68 is told with the number of its missed slots, the newest of them, why, and whether it was made up for', () => {
    const missed = (code: string | undefined, caughtUp: boolean) =>
      data({ missedSlots: [{ ...schedule, newest: ago(DAY), slots: 3, code, caughtUp }] });

    expect(missed(undefined, true)).toEqual({
      ...schedule,
      slot: '2026-11-23T12:00:00.000Z',
      slots: 3,
      reason: 'outage',
      caughtUp: true,
    });
    expect(missed('limit_reached', false)).toMatchObject({ reason: 'limit', caughtUp: false });
    expect(missed('already_running', false)).toMatchObject({ reason: 'not-started' });
    expect(missed('internal', false)).toMatchObject({ reason: 'outage' });
  });

  it('is told when its run was queued long after its slot, and is made up for then', () => {
    expect(data({ lateRuns: [{ ...schedule, slot: ago(HOUR) }] })).toEqual({
      ...schedule,
      slot: '2026-11-24T11:00:00.000Z',
      slots: 1,
      reason: 'outage',
      caughtUp: true,
    });
  });

  it.each([
    [false, 15 * MINUTE],
    [true, 4 * HOUR],
  ])('is told when its run waits and does not begin; others at work: %p, for longer than %i ms', (moving, wait) => {
    const waiting = (ms: number) => data({ moving, waitingRuns: [{ ...schedule, slot: ago(DAY), queuedAt: ago(ms) }] });

    expect(waiting(wait)).toBeUndefined();
    expect(waiting(wait + 1)).toEqual({
      ...schedule,
      slot: '2026-11-23T12:00:00.000Z',
      slots: 1,
      reason: 'not-started',
      caughtUp: false,
    });
  });

  it('is told once: what nobody does now before what was not done then', () => {
    const newest = ago(DAY);
    const missedSlots = [{ ...schedule, newest, slots: 3, code: 'limit_reached', caughtUp: false }];
    const lateRuns = [{ ...schedule, slot: ago(HOUR) }];
    const lateSlots = [{ ...schedule, slot: ago(HOUR), due: ago(HOUR) }];
    const waitingRuns = [{ ...schedule, slot: ago(DAY), queuedAt: ago(DAY) }];

    expect(data({ lateSlots, missedSlots, lateRuns, waitingRuns })).toMatchObject({ reason: 'outage', slots: 1 });
    expect(data({ missedSlots, lateRuns, waitingRuns })).toMatchObject({ reason: 'limit' });
    expect(data({ lateRuns, waitingRuns })).toMatchObject({ reason: 'outage', caughtUp: true });
    const others = { ...schedule, scheduleId: 's2' };
    expect(judged({ lateRuns: [...lateRuns, { ...others, slot: ago(HOUR) }] }).map(({ subject }) => subject)).toEqual([
      'schedule s1',
      'schedule s2',
    ]);
  });
});

describe('a restore test', () => {
  const overdue = (everyDays: number, { first, last }: { first: number; last?: number }) =>
    data({
      level3: [{ ...database, everyDays, firstAt: ago(first), lastAt: last === undefined ? undefined : ago(last) }],
    });

  it('T21 is overdue a day after the first backup, and then a day after its days are over', () => {
    expect(overdue(7, { first: DAY })).toBeUndefined();
    expect(overdue(7, { first: DAY + 1 })).toEqual({ ...database, everyDays: 7 });
    expect(overdue(7, { first: 90 * DAY, last: 8 * DAY })).toBeUndefined();
    expect(overdue(7, { first: 90 * DAY, last: 8 * DAY + 1 })).toEqual({
      ...database,
      everyDays: 7,
      lastAt: '2026-11-16T11:59:59.999Z',
    });
  });
});

describe('a backup', () => {
  it('of less than half the size of the one before is told, with both sizes', () => {
    const sizes = (bytes: number) => data({ sizes: [{ ...database, backupId: 'b1', bytes, bytesBefore: 1000 }] });

    expect(sizes(500)).toBeUndefined();
    expect(sizes(499)).toEqual({ ...database, backupId: 'b1', bytes: 499, bytesBefore: 1000 });
  });

  it('that is bad is told with its state, also of a database that nobody knows any more', () => {
    const bad = { databaseName: 'shop', state: 'lost', backupId: 'b1', backups: 3 } as const;

    expect(data({ badBackups: [{ ...bad, databaseId: 'd1' }] })).toEqual({ ...bad, databaseId: 'd1' });
    expect(data({ badBackups: [{ ...bad, databaseId: undefined }] })).toEqual(bad);
  });

  it('that is bad is a condition of its own, one of the family of its database and state', () => {
    const bad = { ...database, state: 'lost', backupId: 'b1', backups: 2 } as const;
    const of = (change: object) => judged({ badBackups: [{ ...bad, ...change }] })[0]?.subject ?? '';

    const same = familyOf(of({}));
    expect(of({ backupId: 'b2' })).not.toBe(of({}));
    expect(familyOf(of({ backupId: 'b2' }))).toBe(same);
    const others = [{ databaseId: 'd2' }, { state: 'suspect' }, { databaseId: undefined }];
    for (const change of others) expect(familyOf(of(change))).not.toBe(same);
    const named = (databaseName: string) => familyOf(of({ databaseId: undefined, databaseName }));
    expect(named('a: b')).not.toBe(named('a: c'));
    expect(familyOf('schedule s1')).toBe('schedule s1');
  });
});

describe('everything else that lasts', () => {
  it('is told with its facts while it holds', () => {
    const { 'database.broken': one, 'destination.broken': two, 'notice.undelivered': three } = WHOLE;

    expect(judged({ brokenDatabases: [one], brokenDestinations: [two], undelivered: [three] })).toEqual([
      { event: 'database.broken', subject: 'database d1', data: one },
      { event: 'destination.broken', subject: 'destination x1', data: two },
      { event: 'notice.undelivered', subject: 'channel c1', data: three },
    ]);
    expect(judged({})).toEqual([]);
  });

  it('is told of a key in its last week, and no longer once it is over', () => {
    const key = { apiKeyId: 'k1', keyName: 'deploy', prefix: 'ddk_ab12' };
    const ends = (ms: number) => data({ keys: [{ ...key, expiresAt: new Date(NOW.getTime() + ms) }] });

    expect(KEY_NOTICE_MS).toBe(7 * DAY);
    expect(ends(KEY_NOTICE_MS + 1)).toBeUndefined();
    expect(ends(KEY_NOTICE_MS)).toEqual({ ...key, expiresAt: '2026-12-01T12:00:00.000Z' });
    expect(ends(1)).toBeDefined();
    expect(ends(0)).toBeUndefined();
    expect(ends(-1)).toBeUndefined();
  });

  it('is known by what it is about; what happens and is over is about nothing', () => {
    const subjects = EVENT_NAMES.map((event) => [event, subjectOf(event, WHOLE[event])]);

    expect(Object.fromEntries(subjects)).toEqual({
      'run.missed': 'schedule s1',
      'verification.failed': 'backups of d1, suspect: b1',
      'level3.overdue': 'database d1',
      'size.dropped': 'database d1',
      'destination.broken': 'destination x1',
      'database.broken': 'database d1',
      'key.expiring': 'key k1',
      'notice.undelivered': 'channel c1',
    });
  });
});

describe('what changes', () => {
  const holding = judged({ brokenDatabases: [WHOLE['database.broken']], undelivered: [WHOLE['notice.undelivered']] });
  const opened = ({ event, subject }: Alarm, id: string) => ({ id, event, subject });

  it('is told when it begins and when it is over, and not in between', () => {
    const [broken, undelivered] = holding;
    if (broken === undefined || undelivered === undefined) throw new Error('no alarm');
    const other = { id: '2', event: 'destination.broken', subject: 'destination x9' };

    expect(changesOf([], holding)).toEqual({ begin: holding, end: [] });
    expect(changesOf([opened(broken, '1'), other], holding)).toEqual({ begin: [undelivered], end: [other] });
    expect(changesOf([opened(broken, '1')], [])).toEqual({ begin: [], end: [opened(broken, '1')] });
    // One event about another thing, and another event about this one, are other conditions.
    const near = [
      { ...opened(broken, '3'), subject: 'database d2' },
      { ...opened(broken, '4'), event: 'size.dropped' },
    ];
    expect(changesOf(near, [broken])).toEqual({ begin: [broken], end: near });
  });

  it('ends in silence where nothing was put right', () => {
    expect(EVENT_NAMES.filter(endsSilently)).toEqual(['size.dropped', 'key.expiring']);
  });
});

describe('the moment of a digest', () => {
  const moment = (period: 'daily' | 'weekly', now: string) => digestMoment(period, new Date(now)).toISOString();

  it('is seven in the morning, UTC, the last one there was', () => {
    expect(moment('daily', '2026-11-24T07:00:00.000Z')).toBe('2026-11-24T07:00:00.000Z');
    expect(moment('daily', '2026-11-24T06:59:59.999Z')).toBe('2026-11-23T07:00:00.000Z');
    expect(moment('daily', '2026-12-01T00:00:00.000Z')).toBe('2026-11-30T07:00:00.000Z');
    expect(moment('daily', '2026-11-24T23:59:59.999Z')).toBe('2026-11-24T07:00:00.000Z');
  });

  it.each([
    ['2026-11-23T07:00:00.000Z', '2026-11-23'],
    ['2026-11-23T06:59:59.999Z', '2026-11-16'],
    ['2026-11-24T07:30:00.000Z', '2026-11-23'],
    ['2026-11-28T12:00:00.000Z', '2026-11-23'],
    ['2026-11-29T23:00:00.000Z', '2026-11-23'],
    ['2026-11-30T07:00:00.000Z', '2026-11-30'],
  ])('of a week is the Monday before %s: %s', (now, monday) => {
    expect(moment('weekly', now)).toBe(`${monday}T07:00:00.000Z`);
  });

  it('leaves the clock that it was asked with alone', () => {
    const now = new Date(NOW);
    digestMoment('weekly', now);

    expect(now).toEqual(NOW);
  });
});
