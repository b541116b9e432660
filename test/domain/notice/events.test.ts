import { describe, expect, it } from '@jest/globals';
import { CAUSE_CLASSES, EVENT_NAMES, EVENTS, type EventName, SEVERITIES } from '../../../src/domain/notice/events.ts';
import { WHOLE } from '../../support/notice-samples.ts';

type Facts = Record<string, unknown>;
const read = (event: EventName, data: unknown): boolean => EVENTS[event].safeParse(data).success;

/** What may be missing; everything else a receiver can count on. */
const OPTIONAL: Partial<Record<EventName, readonly string[]>> = {
  'run.failed': ['databaseId', 'databaseName', 'scheduleId', 'slot', 'remedy'],
  'run.missed': ['detail'],
  'verification.failed': ['databaseId', 'backups'],
  'level3.overdue': ['lastAt'],
  'retention.blocked': ['databaseId', 'databaseName', 'remedy'],
  'restore.finished': ['seconds', 'code', 'cause', 'remedy'],
};

const CHOICES: readonly (readonly [EventName, string, readonly string[]])[] = [
  ['run.failed', 'state', ['failed', 'partly', 'interrupted', 'cancelled']],
  ['run.missed', 'reason', ['outage', 'not-started', 'no-slot', 'limit', 'refused']],
  ['verification.failed', 'state', ['suspect', 'lost', 'archived']],
  ['restore.finished', 'state', ['succeeded', 'failed', 'partly', 'interrupted', 'cancelled']],
  ['digest', 'period', ['daily', 'weekly']],
];

describe('the facts of an event', () => {
  it.each(EVENT_NAMES)('of %s are read whole, and no other fact slips in', (event) => {
    expect(EVENTS[event].parse(WHOLE[event])).toEqual(WHOLE[event]);
    expect(read(event, { ...WHOLE[event], extra: 1 })).toBe(false);
  });

  it.each(EVENT_NAMES)('of %s are all there but for those that may be missing', (event) => {
    const whole: Facts = { ...WHOLE[event] };
    const needless = Object.keys(whole).filter((name) => {
      const { [name]: _, ...rest } = whole;
      return read(event, rest);
    });

    expect(needless.toSorted()).toEqual([...(OPTIONAL[event] ?? [])].toSorted());
  });

  it.each(EVENT_NAMES)('of %s are each of their own kind', (event) => {
    for (const [name, value] of Object.entries(WHOLE[event] as Facts)) {
      const wrong = typeof value === 'string' ? 7 : 'x';
      expect([name, read(event, { ...WHOLE[event], [name]: wrong })]).toEqual([name, false]);
    }
  });

  it.each(CHOICES)('of %s has as %s only %p', (event, name, values) => {
    for (const value of values) expect(read(event, { ...WHOLE[event], [name]: value })).toBe(true);
    for (const value of ['', 'other']) expect(read(event, { ...WHOLE[event], [name]: value })).toBe(false);
  });

  it('have moments in UTC, not in words', () => {
    for (const [event, whole] of Object.entries(WHOLE) as [EventName, Facts][]) {
      for (const name of ['slot', 'since', 'lastAt', 'expiresAt', 'from', 'to']) {
        if (name in whole) expect([event, read(event, { ...whole, [name]: 'yesterday' })]).toEqual([event, false]);
      }
    }
  });

  it('name each destination that failed, and each alarm that is open', () => {
    const failing = (one: object) => read('run.failed', { ...WHOLE['run.failed'], failing: [one] });
    const open = (one: object) => read('digest', { ...WHOLE.digest, open: [one] });
    const runs = (counts: object) => read('digest', { ...WHOLE.digest, runs: counts });

    expect(failing({ destinationId: 'x1', name: 'vault' })).toBe(true);
    for (const wrong of [{}, { destinationId: 'x1' }, { name: 'vault' }, { destinationId: 'x1', name: 'v', more: 1 }])
      expect(failing(wrong)).toBe(false);
    for (const wrong of [{}, { event: 'x', about: 'y' }, { event: 'x', about: 'y', since: 'now' }])
      expect(open(wrong)).toBe(false);
    expect(runs({ succeeded: 0, failed: 0 })).toBe(false);
    expect(runs({})).toBe(false);
  });

  it('are of one backup where nobody says of how many', () => {
    const { backups: _, ...one } = WHOLE['verification.failed'];

    expect(EVENTS['verification.failed'].parse(one).backups).toBe(1);
  });
});

describe('the words of events', () => {
  it('are told apart by name, and their severities stand in order', () => {
    expect(EVENT_NAMES).toEqual(Object.keys(WHOLE));
    expect(SEVERITIES).toEqual(['info', 'warning', 'critical']);
    expect([...CAUSE_CLASSES]).toEqual([
      'database',
      'tool',
      'storage',
      'stored-bytes',
      'restore',
      'timing',
      'limit',
      'request',
      'service',
      'channel',
      'access',
      'none',
    ]);
  });
});
