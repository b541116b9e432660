import { describe, expect, it } from '@jest/globals';
import { Failure } from '../../src/domain/failure.ts';
import {
  checkRule,
  dueAt,
  eventBridgeExpressions,
  instantOf,
  inWords,
  jitterMs,
  latestRuns,
  nextRuns,
  wallClock,
} from '../../src/domain/time.ts';

const MINUTE = 60_000;
const at = (text: string) => new Date(`${text}Z`);
const short = (dates: readonly Date[]) => dates.map((date) => date.toISOString().slice(0, 16));
const failureOf = (work: () => unknown): Failure => {
  try {
    work();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('it did not fail');
};

describe('a rule that cannot be used', () => {
  it('has a zone that is named, at most sixty letters of it, and says what to write', () => {
    const { code, message, remedy, cause } = failureOf(() =>
      checkRule({ pattern: '0 0 * * *', zone: `Mars/${'x'.repeat(80)}` }),
    );

    expect(code).toBe('usage');
    expect(message).toBe(`Mars/${'x'.repeat(55)} is not an IANA time zone.`);
    expect(remedy).toBe('Use a name such as Europe/Berlin or UTC.');
    expect(cause).toBeInstanceOf(RangeError);
  });

  it.each(['* * * *', '* * * * * *', `${'1,'.repeat(56)}1 * * * *`])('has not five short fields: %s', (pattern) => {
    expect(failureOf(() => checkRule({ pattern, zone: 'UTC' }))).toMatchObject({
      code: 'usage',
      message: 'A schedule has five fields: minute, hour, day of month, month, day of week.',
      remedy: 'For example 30 2 * * * for every night at half past two.',
    });
  });

  it('has a field that says nothing, and is told whole', () => {
    expect(failureOf(() => checkRule({ pattern: ' 61 * * * * ', zone: 'UTC' }))).toMatchObject({
      code: 'usage',
      message: 'The schedule 61 * * * * cannot be read.',
      remedy: 'For example 30 2 * * * for every night at half past two.',
      cause: expect.any(Error),
    });
  });
});

describe('a rule that can be used', () => {
  it('may be written with more space than needed, and be 120 letters long', () => {
    const spaced = { pattern: '  30   2 *\t* * ', zone: 'UTC' };

    expect(short(nextRuns(spaced, at('2026-11-24T00:00:00'), 1))).toEqual(['2026-11-24T02:30']);
    expect(inWords(spaced)).toBe('At 02:30, every day (UTC)');
    // What runs and has no words is shown as it was written.
    expect(inWords({ pattern: '0 0 * *\t+5', zone: 'UTC' })).toBe('0 0 * * +5 (UTC)');
    const long = `${'1,'.repeat(55)}1 * * * *`.padEnd(120);
    expect(long).toHaveLength(120);
    expect(() => checkRule({ pattern: long, zone: 'UTC' })).not.toThrow();
    expect(() => checkRule({ pattern: `${long} `, zone: 'UTC' })).toThrow(Failure);
  });

  it('next runs after the moment, never at it', () => {
    const rule = { pattern: '0 2 * * *', zone: 'Europe/Berlin' };

    expect(short(nextRuns(rule, at('2026-11-24T01:00:00'), 1))).toEqual(['2026-11-25T01:00']);
    expect(short(nextRuns(rule, at('2026-11-24T00:59:59.999'), 1))).toEqual(['2026-11-24T01:00']);
    expect(nextRuns(rule, at('2026-11-24T00:00:00'), 0)).toEqual([]);
  });

  it('F66 has one run where several of its times fall into the same gap', () => {
    const rule = { pattern: '*/10 2,3 * * *', zone: 'Europe/Berlin' };

    expect(short(nextRuns(rule, at('2026-03-29T00:59:00'), 3))).toEqual([
      '2026-03-29T01:00',
      '2026-03-29T01:10',
      '2026-03-29T01:20',
    ]);
  });

  it('F68 has its newest runs up to a moment, that moment included and the other end not', () => {
    const rule = { pattern: '0 * * * *', zone: 'UTC' };
    const latest = (after: string, until: string, most: number) =>
      short(latestRuns(rule, { after: at(after), until: at(until), most }));

    expect(latest('2026-11-24T01:00:00', '2026-11-24T04:00:00', 9)).toEqual([
      '2026-11-24T02:00',
      '2026-11-24T03:00',
      '2026-11-24T04:00',
    ]);
    expect(latest('2026-11-24T00:59:59', '2026-11-24T03:59:59', 2)).toEqual(['2026-11-24T02:00', '2026-11-24T03:00']);
    expect(latest('2026-11-24T01:00:00', '2026-11-24T01:30:00', 5)).toEqual([]);
    expect(latest('2026-11-01T00:00:00', '2026-11-24T04:00:00', 25)).toHaveLength(25);
    expect(latestRuns(rule, { after: at('2026-01-01T00:00:00'), until: at('2026-11-24T04:00:00'), most: 0 })).toEqual(
      [],
    );
    const never = { pattern: '0 0 30 2 *', zone: 'UTC' };
    expect(latestRuns(never, { after: at('2020-01-01T00:00:00'), until: at('2026-11-24T04:00:00'), most: 3 })).toEqual(
      [],
    );
  });
});

describe('the clock on the wall', () => {
  it.each([
    ['2026-07-01T12:34:56.789', 'UTC', '2026-07-01T12:34:56.000Z'],
    ['2026-07-01T12:34:56', 'Europe/Berlin', '2026-07-01T14:34:56.000Z'],
    ['2026-12-31T23:30:00', 'Asia/Kathmandu', '2027-01-01T05:15:00.000Z'],
    ['2026-01-01T00:00:00', 'America/New_York', '2025-12-31T19:00:00.000Z'],
  ])('of %s in %s shows %s', (moment, zone, wall) => {
    expect(wallClock(at(moment), zone).toISOString()).toBe(wall);
  });

  it.each([
    // Skipped: the first instant after the gap.
    ['2026-03-29T02:30:00', 'Europe/Berlin', '2026-03-29T01:00:00.000Z'],
    ['2026-03-08T02:00:00', 'America/New_York', '2026-03-08T07:00:00.000Z'],
    ['2026-10-04T02:15:00', 'Australia/Lord_Howe', '2026-10-03T15:30:00.000Z'],
    // A whole day that never was.
    ['2011-12-30T12:00:00', 'Pacific/Apia', '2011-12-30T10:00:00.000Z'],
    // Repeated: the first of the two.
    ['2026-10-25T02:30:00', 'Europe/Berlin', '2026-10-25T00:30:00.000Z'],
    ['2026-11-01T01:30:00', 'America/New_York', '2026-11-01T05:30:00.000Z'],
    // Neither, beside a change.
    ['2026-03-29T03:00:00', 'Europe/Berlin', '2026-03-29T01:00:00.000Z'],
    ['2026-03-29T01:59:59', 'Europe/Berlin', '2026-03-29T00:59:59.000Z'],
    ['2026-10-25T03:00:00', 'Europe/Berlin', '2026-10-25T02:00:00.000Z'],
  ])('at %s in %s is %s', (wall, zone, instant) => {
    expect(instantOf(at(wall), zone).toISOString()).toBe(instant);
  });
});

describe('the expressions of another scheduler', () => {
  const of = (pattern: string) => eventBridgeExpressions({ pattern, zone: 'UTC' });

  it.each([
    ['*/5 1-3 1,15 2 *', ['cron(*/5 1-3 1,15 2 ? *)']],
    ['0 0 * * 6', ['cron(0 0 ? * SAT *)']],
    ['0 0 * * 6L', ['cron(0 0 ? * 7L *)']],
    ['0 0 * * 0L', ['cron(0 0 ? * 1L *)']],
    ['0 0 * * 7L', ['cron(0 0 ? * 1L *)']],
    ['0 0 * * 5#2', ['cron(0 0 ? * 6#2 *)']],
    ['0 0 ? * 3', ['cron(0 0 ? * WED *)']],
    ['0 0 ? * ?', ['cron(0 0 * * ? *)']],
    ['0 0 5 * ?', ['cron(0 0 5 * ? *)']],
    ['  0  0 *  * 2,4 ', ['cron(0 0 ? * TUE,THU *)']],
  ])('for %s are %p', (pattern, expected) => {
    expect(of(pattern)).toEqual(expected);
  });

  it('are none for what is no rule', () => {
    expect(() => of('61 * * * *')).toThrow(Failure);
    expect(() => eventBridgeExpressions({ pattern: '0 0 * * *', zone: 'nowhere' })).toThrow(Failure);
    expect(() => inWords({ pattern: '61 * * * *', zone: 'UTC' })).toThrow(Failure);
    expect(() => inWords({ pattern: '0 0 * * *', zone: 'nowhere' })).toThrow(Failure);
  });
});

describe('the delay of a slot', () => {
  const slot = at('2026-11-24T02:00:00');
  const rule = { pattern: '0 2 * * *', zone: 'UTC', scheduleId: 's1', jitterMinutes: 30 };

  it('F55 stays the same from release to release', () => {
    // Written out: with another delay, two releases at work at once would not agree on what is due.
    expect(['s1', 's2', 'schedule-3'].map((id) => jitterMs(id, slot, 30 * MINUTE))).toEqual([535973, 671676, 972149]);
    expect(jitterMs('s1', at('2026-11-25T02:00:00'), 30 * MINUTE)).not.toBe(jitterMs('s1', slot, 30 * MINUTE));
    expect(jitterMs('s1', slot, -1)).toBe(0);
    expect(jitterMs('s1', slot, 1)).toBe(0);
  });

  it('F55 is none without a window, and within it otherwise', () => {
    expect(dueAt({ ...rule, jitterMinutes: 0 }, slot)).toEqual(slot);
    expect(dueAt({ ...rule, jitterMinutes: -5 }, slot)).toEqual(slot);
    expect(dueAt(rule, slot)).toEqual(new Date(slot.getTime() + jitterMs('s1', slot, 30 * MINUTE)));
  });

  it('F55 ends before the next slot begins, however wide the window', () => {
    const often = { ...rule, pattern: '*/5 * * * *', jitterMinutes: 600 };

    for (let n = 0; n < 50; n += 1) {
      const due = dueAt({ ...often, scheduleId: `s${n}` }, slot);
      expect(due).toEqual(new Date(slot.getTime() + jitterMs(`s${n}`, slot, 5 * MINUTE)));
      expect(due.getTime()).toBeLessThan(slot.getTime() + 5 * MINUTE);
    }
  });

  it('has the whole window where no slot follows', () => {
    const never = { ...rule, pattern: '0 0 30 2 *' };

    expect(dueAt(never, slot)).toEqual(new Date(slot.getTime() + jitterMs('s1', slot, 30 * MINUTE)));
  });
});
