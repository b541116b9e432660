import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { dueSlots, MOST_MISSED } from '../../src/domain/slots.ts';
import { dueAt, nextRuns, type SlotRule } from '../../src/domain/time.ts';

const nightly: SlotRule = { pattern: '0 2 * * *', zone: 'UTC', scheduleId: 's1', jitterMinutes: 0 };
const at = (text: string) => new Date(`2026-11-${text}Z`);
const short = (date: Date | undefined) => date?.toISOString().slice(8, 16);
const told = (rule: SlotRule, from: Date, now: Date) => {
  const due = dueSlots(rule, from, now);
  return due && [short(due.run), due.missed.map(short), due.moreMissed, short(due.next)];
};

describe('the slots of a schedule that are due', () => {
  it('are none before the first of them, and one at its very moment', () => {
    expect(told(nightly, at('24T02:00'), new Date(at('24T02:00').getTime() - 1))).toBeUndefined();
    expect(told(nightly, at('24T02:00'), at('24T02:00'))).toEqual(['24T02:00', [], false, '25T02:00']);
    expect(told(nightly, at('24T02:00'), at('25T01:59'))).toEqual(['24T02:00', [], false, '25T02:00']);
  });

  it('F68 are one run after an outage, and those before it are missed, oldest first', () => {
    expect(told(nightly, at('20T02:00'), at('24T03:00'))).toEqual([
      '24T02:00',
      ['20T02:00', '21T02:00', '22T02:00', '23T02:00'],
      false,
      '25T02:00',
    ]);
    expect(told(nightly, at('23T02:00'), at('24T02:00'))).toEqual(['24T02:00', ['23T02:00'], false, '25T02:00']);
  });

  it('F68 are named up to a hundred after a long outage, the newest of them, and it is said that there are more', () => {
    const minutely: SlotRule = { ...nightly, pattern: '* * * * *' };
    const missed = (minutes: number) =>
      dueSlots(minutely, at('24T00:00'), new Date(at('24T00:00').getTime() + minutes * 60_000));

    expect(missed(MOST_MISSED)).toMatchObject({ moreMissed: false });
    expect(missed(MOST_MISSED)?.missed).toHaveLength(MOST_MISSED);
    for (const minutes of [MOST_MISSED + 1, MOST_MISSED + 2, 1000]) {
      const due = missed(minutes);
      expect(due).toMatchObject({ moreMissed: true, run: new Date(at('24T00:00').getTime() + minutes * 60_000) });
      expect(due?.missed).toHaveLength(MOST_MISSED);
      expect(due?.missed.at(-1)).toEqual(new Date(at('24T00:00').getTime() + (minutes - 1) * 60_000));
    }
    expect(MOST_MISSED).toBe(100);
  });

  it('have no next where the rule has no more', () => {
    const never: SlotRule = { ...nightly, pattern: '0 0 30 2 *' };

    expect(told(never, at('24T02:00'), at('25T02:00'))).toBeUndefined();
  });

  it('F55 wait for their delay, the newest alone', () => {
    const delayed: SlotRule = { ...nightly, jitterMinutes: 600 };
    const due = dueAt(delayed, at('24T02:00'));
    const before = new Date(due.getTime() - 1);

    expect(due.getTime()).toBeGreaterThan(at('24T02:00').getTime());
    expect(told(delayed, at('24T02:00'), before)).toBeUndefined();
    expect(told(delayed, at('24T02:00'), due)).toEqual(['24T02:00', [], false, '25T02:00']);
    expect(told(delayed, at('22T02:00'), before)).toEqual(['23T02:00', ['22T02:00'], false, '24T02:00']);
    expect(told(delayed, at('22T02:00'), due)).toEqual(['24T02:00', ['22T02:00', '23T02:00'], false, '25T02:00']);
    // One that waits has none before it to run: the one before is the run.
    expect(told(delayed, at('23T02:00'), before)).toEqual(['23T02:00', [], false, '24T02:00']);
  });

  it('are all named or counted, each once, whatever the rule and the outage', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('*/20 * * * *', '30 2 * * *', '15 3 * * 0'),
        fc.constantFrom('UTC', 'Europe/Berlin'),
        fc.integer({ min: 0, max: 40 }),
        fc.constantFrom(0, 1, 30),
        (pattern, zone, hours, jitterMinutes) => {
          const rule: SlotRule = { pattern, zone, scheduleId: `s${hours}`, jitterMinutes };
          const [from] = nextRuns(rule, new Date('2026-10-24T20:10:00Z'), 1);
          if (from === undefined) throw new Error('a rule without slots');
          const now = new Date(from.getTime() + hours * 3_600_000);
          const slots = [from, ...nextRuns(rule, from, 125)].filter((slot) => dueAt(rule, slot) <= now);
          const due = dueSlots(rule, from, now);

          expect(due?.run).toEqual(slots.at(-1));
          expect(due?.missed ?? []).toEqual(slots.slice(0, -1).slice(-MOST_MISSED));
        },
      ),
      { numRuns: 10, seed: 68 },
    );
  });
});
