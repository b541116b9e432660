import { describe, expect, it } from '@jest/globals';
import { dueSlots, MOST_MISSED } from '../../src/domain/slots.ts';
import { dueAt } from '../../src/domain/time.ts';

const at = (text: string) => new Date(`2026-11-${text}Z`);
const rule = (pattern: string, jitterMinutes = 0) => ({ pattern, zone: 'UTC', scheduleId: 's', jitterMinutes });

describe('due slots and their faults', () => {
  it('are none before the first, and none where what was noted is no slot', () => {
    expect(dueSlots(rule('0 * * * *'), at('24T01:00:00'), at('24T00:59:59'))).toBeUndefined();
    expect(dueSlots(rule('0 2 * * *'), at('24T01:30:00'), at('24T01:45:00'))).toBeUndefined();
    expect(dueSlots(rule('0 0 30 2 *'), at('24T01:30:00'), at('24T01:45:00'))).toBeUndefined();
  });

  it('F68 are the newest, and the others as missed, of which the newest are named', () => {
    expect(dueSlots(rule('0 * * * *'), at('24T01:00:00'), at('24T03:30:00'))).toEqual({
      run: at('24T03:00:00'),
      missed: [at('24T01:00:00'), at('24T02:00:00')],
      moreMissed: false,
      next: at('24T04:00:00'),
    });
    const many = dueSlots(rule('* * * * *'), at('20T00:00:00'), at('24T00:00:30'));
    expect(many).toMatchObject({ run: at('24T00:00:00'), moreMissed: true });
    expect(many?.missed).toHaveLength(MOST_MISSED);
    expect(many?.missed.at(-1)).toEqual(at('23T23:59:00'));
  });

  it('F55 wait for their delay: the newest may not be due yet while those before it are', () => {
    const spread = rule('0 * * * *', 59);
    const due = dueAt(spread, at('24T03:00:00'));

    expect(due.getTime()).toBeGreaterThan(at('24T03:00:00').getTime());
    expect(due.getTime()).toBeLessThan(at('24T04:00:00').getTime());
    expect(dueSlots(spread, at('24T03:00:00'), new Date(due.getTime() - 1))).toBeUndefined();
    expect(dueSlots(spread, at('24T03:00:00'), due)?.run).toEqual(at('24T03:00:00'));
    expect(dueSlots(spread, at('24T01:00:00'), new Date(due.getTime() - 1))).toMatchObject({
      run: at('24T02:00:00'),
      missed: [at('24T01:00:00')],
      next: at('24T03:00:00'),
    });
  });

  it('have a delay that is bounded by the window where the rule has no further slot', () => {
    const last = { ...rule('0 0 30 2 *'), jitterMinutes: 10 };

    expect(dueAt(last, at('24T00:00:00')).getTime() - at('24T00:00:00').getTime()).toBeLessThan(600_000);
  });
});
