import { describe, expect, it } from '@jest/globals';
import {
  judge,
  type KeptBackup,
  periodLabel,
  policyOf,
  RETENTION_LIMITS,
  type RetentionLimits,
  type RetentionPolicy,
} from '../../src/domain/retention.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
const NOW = new Date('2026-11-24T12:00:00Z');
const LIMITS: RetentionLimits = { floor: 1, deleteCap: 1000, zone: 'UTC' };
const before = (ms: number) => new Date(NOW.getTime() - ms);

function backup(id: string, daysOld: number, more: Partial<KeptBackup> = {}): KeptBackup {
  const at = before(daysOld * DAY);
  return { id, status: 'good', committedAt: at, snapshotAt: at, storedBytes: 100, identity: 'system-1', ...more };
}

const daily = (count: number) => Array.from({ length: count }, (_, n) => backup(`b${n}`, n));
const verdicts = (backups: readonly KeptBackup[], policy: RetentionPolicy, limits: Partial<RetentionLimits> = {}) =>
  judge(backups, { policy, limits: { ...LIMITS, ...limits } }, NOW);
/** `+id reason` for what stays, `-id reason` for what goes. */
const told = (...args: Parameters<typeof verdicts>) =>
  verdicts(...args).map(({ id, keep, reason }) => `${keep ? '+' : '-'}${id} ${reason}`);
const goes = (...args: Parameters<typeof verdicts>) => verdicts(...args).flatMap(({ id, keep }) => (keep ? [] : [id]));

describe('the reasons of retention', () => {
  it('say which rule keeps a backup, the first that does, newest backup first', () => {
    const backups = [backup('u', 0, { status: 'stored' }), ...daily(6), backup('old', 9, { status: 'suspect' })];

    expect(told(backups.toReversed(), { keepLast: 2, keepDays: 3, weekly: 2 })).toEqual([
      '+u not verified, and too few newer verified backups exist',
      '+b0 floor: one of the newest verified backups',
      '+b1 one of the last 2',
      '+b2 younger than 3 days',
      '+b3 younger than 3 days',
      '-b4 no rule keeps it',
      '-b5 no rule keeps it',
      '-old not verified, and newer verified backups exist',
    ]);
  });

  it('name the period whose newest backup it is', () => {
    expect(told([backup('a', 0), backup('b', 30), backup('c', 400)], { monthly: 2, yearly: 2, hourly: 1 })).toEqual([
      '+a floor: one of the newest verified backups',
      '+b monthly: newest of 2026-10',
      '+c yearly: newest of 2025',
    ]);
    expect(told(daily(3), { daily: 2 })[1]).toBe('+b1 daily: newest of 2026-11-23');
    expect(told([backup('a', 0), backup('b', 0.1), backup('c', 0.2)], { hourly: 2 }).slice(1)).toEqual([
      '+b hourly: newest of 2026-11-24T09',
      '-c no rule keeps it',
    ]);
  });

  it('say that no rule is set, or that all of it fits', () => {
    expect(told(daily(2), {})[1]).toBe('+b1 no rule is set');
    expect(told(daily(2), { keepLast: undefined } as never)[1]).toBe('+b1 no rule is set');
    expect(told(daily(3), { maxBytes: 250 })).toEqual([
      '+b0 floor: one of the newest verified backups',
      '+b1 within the size cap',
      '-b2 over the size cap of 250 bytes',
    ]);
  });

  it('say until when nothing can be done, and what a person wrote', () => {
    const at = new Date(NOW.getTime() + DAY);
    const backups = [
      backup('a', 0),
      backup('p', 1, { pinned: 'audit 2026' }),
      backup('l', 2, { lockedUntil: at }),
      backup('h', 3, { heldUntil: at }),
    ];

    expect(told(backups, { keepLast: 1 }).slice(1)).toEqual([
      '+p pinned: audit 2026',
      '+l locked until 2026-11-25T12:00:00.000Z',
      '+h in use until 2026-11-25T12:00:00.000Z',
    ]);
  });

  it('say that something stays for now, and why it will go', () => {
    expect(told(daily(4), { keepLast: 1 }, { deleteCap: 1 })).toEqual([
      '+b0 floor: one of the newest verified backups',
      '+b1 for now: at most 1 deletions in one run (no rule keeps it)',
      '+b2 for now: at most 1 deletions in one run (no rule keeps it)',
      '-b3 no rule keeps it',
    ]);
    expect(goes(daily(4), { keepLast: 1 }, { deleteCap: 0 })).toEqual([]);
    expect(goes(daily(4), { keepLast: 1 }, { deleteCap: -1 })).toEqual([]);
  });
});

describe('clocks that retention does not believe', () => {
  const rule = { keepLast: 1 };

  it('F62 are those more than five minutes behind the newest backup', () => {
    const ahead = (ms: number) => told([backup('a', -ms / DAY), ...daily(3)], rule);

    expect(ahead(5 * MINUTE).filter((line) => line.startsWith('-'))).toHaveLength(3);
    expect(new Set(ahead(5 * MINUTE + 1).map((line) => line.slice(line.indexOf(' '))))).toEqual(
      new Set([' kept: the clock is behind the newest backup']),
    );
  });

  it('F62 are those that disagree about the order by more than five minutes', () => {
    const swapped = (ms: number, more: Partial<KeptBackup> = {}) => [
      backup('a', 1),
      backup('b', 2, { snapshotAt: new Date(before(DAY).getTime() + ms), ...more }),
      backup('c', 3),
    ];

    expect(goes(swapped(5 * MINUTE), rule)).toEqual(['b', 'c']);
    expect(told(swapped(5 * MINUTE + 1), rule)).toEqual(
      ['a', 'b', 'c'].map((id) => `+${id} kept: commit times and snapshot times disagree about the order`),
    );
    // What was never verified, or is of another server, says nothing about the order.
    expect(goes(swapped(6 * MINUTE, { status: 'suspect' }), rule)).toEqual(['c']);
    expect(goes(swapped(6 * MINUTE, { identity: 'system-2' }), rule)).toEqual(['c']);
  });

  it('say nothing where there is nothing, and nothing is judged', () => {
    expect(verdicts([], rule)).toEqual([]);
  });
});

describe('what counts towards a rule', () => {
  it('F63 is a backup of at least a tenth of the largest', () => {
    const with_ = (storedBytes: number) =>
      goes([backup('small', 0, { storedBytes }), backup('a', 1), backup('b', 2)], { keepLast: 1 });

    expect(with_(10)).toEqual(['a', 'b']);
    expect(with_(9)).toEqual(['small', 'b']);
  });

  it('is at least one verified backup, also where the limit says none', () => {
    expect(goes(daily(3), { keepLast: 0 }, { floor: 0 })).toEqual(['b1', 'b2']);
    expect(goes([backup('u', 9, { status: 'stored' })], { keepLast: 0 }, { floor: 0 })).toEqual([]);
    expect(RETENTION_LIMITS).toEqual({ floor: 1, deleteCap: 50 });
  });

  it('is as young as the rule says to the millisecond', () => {
    const old = (ms: number) => goes([backup('a', 0), backup('b', ms / DAY)], { keepDays: 3 });

    expect(old(3 * DAY)).toEqual([]);
    expect(old(3 * DAY + 1)).toEqual(['b']);
  });

  it('of equal times is the one whose id comes later', () => {
    expect(goes([backup('a', 0), backup('c', 0), backup('b', 0)], { keepLast: 1 })).toEqual(['b', 'a']);
  });

  it('is only as many periods as asked for, of those that have a backup', () => {
    expect(goes([backup('a', 0), backup('b', 10), backup('c', 20)], { daily: 2 })).toEqual(['c']);
    expect(goes([backup('a', 0), backup('b', 10), backup('c', 20)], { weekly: 0, daily: 1 })).toEqual(['b', 'c']);
  });
});

describe('what was never verified', () => {
  const unverified = (ms: number, more: Partial<KeptBackup> = {}) =>
    backup('u', ms / DAY, { status: 'stored', ...more });

  it('goes when it is a week old and newer verified backups stand, as many as the floor', () => {
    const good = [backup('a', 1), backup('b', 2)];

    expect(told([...good, unverified(7 * DAY - 1)], { keepLast: 2 })[2]).toBe('+u not verified, younger than 7 days');
    expect(goes([...good, unverified(7 * DAY)], { keepLast: 2 })).toEqual(['u']);
    expect(goes([...good, unverified(7 * DAY)], { keepLast: 2 }, { floor: 2 })).toEqual(['u']);
    expect(goes([...good, unverified(7 * DAY)], { keepLast: 2 }, { floor: 3 })).toEqual([]);
  });

  it('waits for a backup that is newer, not one of the same moment', () => {
    expect(goes([backup('z', 8), unverified(8 * DAY)], { keepLast: 1 })).toEqual([]);
  });
});

describe('the size cap', () => {
  it('is what may be stored in all, kept things alone counted', () => {
    expect(goes(daily(3), { maxBytes: 300 })).toEqual([]);
    expect(goes(daily(3), { maxBytes: 299 })).toEqual(['b2']);
    expect(goes(daily(5), { keepLast: 2, maxBytes: 200 })).toEqual(['b2', 'b3', 'b4']);
    expect(goes(daily(5), { keepLast: 2, maxBytes: 199 })).toEqual(['b1', 'b2', 'b3', 'b4']);
    expect(goes(daily(3), { maxBytes: 0 })).toEqual(['b1', 'b2']);
  });

  it('counts what it cannot take, and passes over it', () => {
    const backups = [
      backup('a', 0),
      backup('b', 1),
      backup('p', 2, { pinned: 'x' }),
      backup('u', 3, { status: 'stored' }),
      backup('c', 4),
    ];

    expect(goes(backups, { maxBytes: 300 })).toEqual(['b', 'c']);
    expect(goes(backups, { maxBytes: 400 })).toEqual(['c']);
  });

  it('beside other rules keeps nothing that they do not', () => {
    expect(goes(daily(4), { keepLast: 2, maxBytes: 10_000 })).toEqual(['b2', 'b3']);
  });
});

describe('a period', () => {
  it.each([
    ['2026-01-01T00:00:00Z', '2026-W01'],
    ['2025-12-29T00:00:00Z', '2026-W01'],
    ['2025-12-28T23:59:59Z', '2025-W52'],
    ['2024-12-30T12:00:00Z', '2025-W01'],
    ['2021-01-03T12:00:00Z', '2020-W53'],
    ['2021-01-04T00:00:00Z', '2021-W01'],
    ['2026-03-01T12:00:00Z', '2026-W09'],
    ['2026-03-02T12:00:00Z', '2026-W10'],
    ['2022-12-31T12:00:00Z', '2022-W52'],
  ])('%s lies in week %s', (at, label) => {
    expect(periodLabel('weekly', new Date(at), 'UTC')).toBe(label);
  });

  it('begins at midnight of its zone, in hours of two digits', () => {
    const at = new Date('2026-03-04T23:05:00Z');

    expect(periodLabel('hourly', at, 'Europe/Berlin')).toBe('2026-03-05T00');
    expect(periodLabel('hourly', new Date('2026-03-04T04:59:59Z'), 'UTC')).toBe('2026-03-04T04');
    expect(periodLabel('daily', at, 'Europe/Berlin')).toBe('2026-03-05');
    expect(periodLabel('monthly', new Date('2026-12-31T23:30:00Z'), 'Europe/Berlin')).toBe('2027-01');
    expect(periodLabel('yearly', new Date('2026-12-31T23:30:00Z'), 'Europe/Berlin')).toBe('2027');
  });
});

describe('a policy', () => {
  it('has only the rules that were given', () => {
    expect(policyOf({ keepLast: 0, daily: undefined, maxBytes: 5 })).toStrictEqual({ keepLast: 0, maxBytes: 5 });
  });
});
