import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Failure } from '../../src/domain/failure.ts';
import {
  checkRule,
  eventBridgeExpressions,
  instantOf,
  inWords,
  jitterMs,
  latestRuns,
  nextRuns,
  presetPattern,
  wallClock,
} from '../../src/domain/time.ts';

const runs = (pattern: string, zone: string, after: string, count = 3) =>
  nextRuns({ pattern, zone }, new Date(after), count).map((run) => run.toISOString().slice(0, 16));

const SLOT = new Date('2026-11-24T02:00:00Z');

describe('a schedule', () => {
  it('M27 F66 fires once, at the first valid instant, when a clock change skips its time', () => {
    expect(runs('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z')).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:30',
      '2026-03-31T00:30',
    ]);
    expect(runs('15 2 * * *', 'Australia/Lord_Howe', '2026-10-03T00:00:00Z')).toEqual([
      '2026-10-03T15:30',
      '2026-10-04T15:15',
      '2026-10-05T15:15',
    ]);
    expect(runs('*/10 2 * * *', 'Europe/Berlin', '2026-03-28T23:00:00Z', 2)).toEqual([
      '2026-03-29T01:00',
      '2026-03-30T00:00',
    ]);
  });

  it('F66 fires once, at the first occurrence, when a clock change repeats its time', () => {
    expect(runs('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z', 2)).toEqual([
      '2026-10-25T00:30',
      '2026-10-26T01:30',
    ]);
    // Asked for between the two occurrences: the slot of that day is over.
    expect(runs('30 2 * * *', 'Europe/Berlin', '2026-10-25T00:45:00Z', 1)).toEqual(['2026-10-26T01:30']);
  });

  it('F66 that has no date at all has no runs, found in bounded time', () => {
    expect(runs('0 0 30 2 *', 'UTC', '2026-01-01T00:00:00Z')).toEqual([]);
    expect(runs('0 0 29 2 *', 'UTC', '2026-01-01T00:00:00Z', 2)).toEqual(['2028-02-29T00:00', '2032-02-29T00:00']);
  });

  it('with a day of the month and a day of the week fires on either', () => {
    expect(runs('0 0 13 * 5', 'UTC', '2026-11-01T00:00:00Z', 3)).toEqual([
      '2026-11-06T00:00',
      '2026-11-13T00:00',
      '2026-11-20T00:00',
    ]);
  });

  it.each([
    '',
    '* * * *',
    '* * * * * *',
    '61 * * * *',
    'a b c d e',
    `${'1,'.repeat(80)}1 * * * *`,
    '* * * * *; rm -rf /',
  ])('F99 that reads %p is refused', (pattern) => {
    expect(() => checkRule({ pattern, zone: 'UTC' })).toThrow(Failure);
  });

  it('F99 is read or refused within milliseconds, whatever it is', () => {
    const piece = fc.stringMatching(/^[0-9*,/\-LW#?A-Za-z]{0,30}$/);
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 6 }), (fields) => {
        const started = performance.now();
        try {
          nextRuns({ pattern: fields.join(' '), zone: 'Europe/Berlin' }, new Date('2026-11-24T00:00:00Z'), 1);
        } catch (error) {
          if (!(error instanceof Failure)) throw error;
        }
        expect(performance.now() - started).toBeLessThan(2_000);
      }),
      { numRuns: 500, seed: 99 },
    );
  });

  it('in a zone that does not exist is refused by its name', () => {
    expect(() => checkRule({ pattern: '* * * * *', zone: 'Mars/Olympus' })).toThrow(
      /Mars\/Olympus is not an IANA time zone/,
    );
  });

  it('F68 has the same newest slots, looked for from the end, as from the beginning', () => {
    const zones = ['UTC', 'Europe/Berlin', 'Australia/Lord_Howe', 'America/Sao_Paulo', 'Africa/Casablanca'];
    const patterns = [
      '* * * * *',
      '*/7 1-3 * * *',
      '30 2 * * *',
      '0 0 L * *',
      '15 2 * * 0',
      '0 0 29 2 *',
      '5 4 13 * 5',
    ];
    fc.assert(
      fc.property(
        fc.constantFrom(...zones),
        fc.constantFrom(...patterns),
        // Around the changes of clocks in spring and autumn as often as not.
        fc.constantFrom('2026-03-29T00:00Z', '2026-10-25T00:00Z', '2026-04-04T14:00Z', '2026-07-01T00:00Z'),
        fc.record({ minutes: fc.integer({ min: -300, max: 300 }), hours: fc.integer({ min: 0, max: 8 }) }),
        (zone, pattern, near, { minutes, hours }) => {
          const until = new Date(new Date(near).getTime() + minutes * 60_000 + 17_000);
          const after = new Date(until.getTime() - hours * 3_600_000);
          const all = nextRuns({ pattern, zone }, after, pattern.startsWith('* ') ? 500 : 40).filter(
            (run) => run <= until,
          );

          expect(latestRuns({ pattern, zone }, { after, until, most: 25 })).toEqual(all.slice(-25));
        },
      ),
      { numRuns: 60, seed: 68 },
    );
  });

  it('is shown in words with its zone', () => {
    expect(inWords({ pattern: '30 2 * * 1-5', zone: 'Europe/Berlin' })).toBe(
      'At 02:30, Monday through Friday (Europe/Berlin)',
    );
  });

  it('has presets', () => {
    const at = { hour: 3, minute: 15 };

    expect((['hourly', 'daily', 'weekly', 'monthly'] as const).map((preset) => presetPattern(preset, at))).toEqual([
      '15 * * * *',
      '15 3 * * *',
      '15 3 * * 0',
      '15 3 1 * *',
    ]);
  });

  it('F55 is spread within its window, always the same for one schedule and slot', () => {
    const delays = Array.from({ length: 1000 }, (_, n) => jitterMs(`schedule-${n}`, SLOT, 600_000));

    expect(jitterMs('schedule-1', SLOT, 600_000)).toBe(delays[1]);
    expect(jitterMs('schedule-1', SLOT, 0)).toBe(0);
    expect(Math.max(...delays)).toBeLessThan(600_000);
    // Ten equal tenths of the window each get their share.
    const tenths = Array.from(
      { length: 10 },
      (_, n) => delays.filter((delay) => Math.floor(delay / 60_000) === n).length,
    );
    expect(Math.min(...tenths)).toBeGreaterThan(50);
  });
});

describe('the wall clock', () => {
  it('and the instant of it are each other’s inverse where no clock changes', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('UTC', 'Europe/Berlin', 'Asia/Kathmandu', 'America/New_York', 'Pacific/Chatham'),
        fc.integer({ min: 0, max: 500_000 }),
        (zone, minutes) => {
          const at = new Date(Date.UTC(2026, 0, 1) + minutes * 60_000);
          const back = instantOf(wallClock(at, zone), zone);

          // In the repeated hour the first occurrence is meant.
          expect([0, 3_600_000, 1_800_000]).toContain(at.getTime() - back.getTime());
        },
      ),
      { numRuns: 1000, seed: 5 },
    );
  });
});

describe('EventBridge expressions', () => {
  it.each([
    ['30 2 * * *', ['cron(30 2 * * ? *)']],
    ['30 2 * * 1-5', ['cron(30 2 ? * MON,TUE,WED,THU,FRI *)']],
    ['0 0 * * 0', ['cron(0 0 ? * SUN *)']],
    ['0 0 * * 7', ['cron(0 0 ? * SUN *)']],
    ['0 0 1 * 0', ['cron(0 0 1 * ? *)', 'cron(0 0 ? * SUN *)']],
    ['0 0 * * */2', ['cron(0 0 ? * SUN,TUE,THU,SAT *)']],
    ['0 0 L * *', ['cron(0 0 L * ? *)']],
    ['0 0 * * 5L', ['cron(0 0 ? * 6L *)']],
    ['0 0 * * 5#L', ['cron(0 0 ? * 6L *)']],
    ['0 0 * * MON#1', ['cron(0 0 ? * MON#1 *)']],
  ])('of %s are %p', (pattern, expected) => {
    expect(eventBridgeExpressions({ pattern, zone: 'UTC' })).toEqual(expected);
  });
});
