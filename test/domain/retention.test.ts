import { describe, expect, it } from '@jest/globals';
import {
  judge,
  type KeptBackup,
  periodLabel,
  type RetentionLimits,
  type RetentionPolicy,
} from '../../src/domain/retention.ts';

const DAY = 86_400_000;
const NOW = new Date('2026-11-24T12:00:00Z');
const LIMITS: RetentionLimits = { floor: 1, deleteCap: 1000, zone: 'UTC' };

function backup(id: string, daysOld: number, more: Partial<KeptBackup> = {}): KeptBackup {
  const at = new Date(NOW.getTime() - daysOld * DAY);
  return { id, status: 'good', committedAt: at, snapshotAt: at, storedBytes: 100, identity: 'system-1', ...more };
}

const goes = (
  backups: readonly KeptBackup[],
  policy: RetentionPolicy,
  limits: Partial<RetentionLimits> = {},
  now = NOW,
) =>
  judge(backups, { policy, limits: { ...LIMITS, ...limits } }, now)
    .filter((verdict) => !verdict.keep)
    .map((verdict) => verdict.id);

const daily = (count: number) => Array.from({ length: count }, (_, n) => backup(`b${n}`, n));

describe('retention', () => {
  it('keeps everything when no rule is set', () => {
    expect(goes(daily(50), {})).toEqual([]);
  });

  it('keeps the last N verified backups; failed and unverified ones do not count', () => {
    const backups = [backup('u', 0, { status: 'stored' }), ...daily(5), backup('s', 2.5, { status: 'suspect' })];

    expect(goes(backups, { keepLast: 3 })).toEqual(['b3', 'b4']);
  });

  it('gives a reason with every verdict', () => {
    for (const verdict of judge(daily(30), { policy: { keepLast: 2, keepDays: 3, weekly: 2 }, limits: LIMITS }, NOW)) {
      expect(verdict.reason).toMatch(
        /^(floor: |one of the last 2|younger than 3 days|weekly: newest of 2026-W|no rule keeps it)/,
      );
    }
  });

  it('F61 never removes the newest verified backup, whatever the policy and however old it is', () => {
    expect(goes([backup('old', 4000)], { keepDays: 1 })).toEqual([]);
    expect(
      goes([backup('failed', 1, { status: 'suspect' }), backup('good', 900)], { keepLast: 0, keepDays: 0 }),
    ).toEqual([]);
    expect(goes(daily(5), { keepLast: 0 }, { floor: 3 })).toEqual(['b3', 'b4']);
  });

  it('F62 removes nothing when clocks disagree about now or about the order', () => {
    const early = new Date(NOW.getTime() - 30 * DAY);
    expect(goes(daily(9), { keepLast: 1 }, {}, early)).toEqual([]);

    const swapped = [
      backup('new', 1, { snapshotAt: new Date(NOW.getTime() - 9 * DAY) }),
      backup('old', 5),
      backup('older', 8),
    ];
    expect(goes(swapped, { keepLast: 1 })).toEqual([]);
  });

  it('F63 does not let a flood of tiny backups push real ones out', () => {
    const flood = Array.from({ length: 100 }, (_, n) => backup(`tiny${n}`, n / 1000, { storedBytes: 1 }));

    const removed = goes(
      [
        ...flood,
        ...daily(3).map((one) => ({
          ...one,
          committedAt: new Date(one.committedAt.getTime() - DAY),
          snapshotAt: new Date(one.snapshotAt.getTime() - DAY),
        })),
      ],
      { keepLast: 3 },
    );

    expect(removed).toHaveLength(100);
    expect(removed.filter((id) => id.startsWith('b'))).toEqual([]);
  });

  it('F63 judges each identity by itself: another server’s backups stand in for none of ours', () => {
    const other = daily(10).map((one) => ({ ...one, id: `other-${one.id}`, identity: 'system-2' }));

    expect(goes([...other, backup('ours', 500)], { keepLast: 2 })).toEqual([
      'other-b2',
      'other-b3',
      'other-b4',
      'other-b5',
      'other-b6',
      'other-b7',
      'other-b8',
      'other-b9',
    ]);
  });

  it('F65 leaves alone what is pinned, locked or in use, and no longer once that has passed', () => {
    const until = (days: number) => new Date(NOW.getTime() + days * DAY);
    const shielded = [
      backup('new', 0),
      backup('p', 10, { pinned: 'audit 2026' }),
      backup('l', 11, { lockedUntil: until(1) }),
      backup('h', 12, { heldUntil: until(1) }),
    ];

    expect(goes(shielded, { keepLast: 1 })).toEqual([]);
    expect(
      goes([backup('new', 0), backup('l', 11, { lockedUntil: until(-1) }), backup('h', 12, { heldUntil: until(-1) })], {
        keepLast: 1,
      }),
    ).toEqual(['l', 'h']);
  });

  it('keeps one backup for each of the last days, weeks, months and years', () => {
    const twice = daily(800).flatMap((one) => [
      one,
      {
        ...one,
        id: `${one.id}-early`,
        committedAt: new Date(one.committedAt.getTime() - 3600_000),
        snapshotAt: new Date(one.snapshotAt.getTime() - 3600_000),
      },
    ]);

    const kept =
      twice.length - goes(twice, { daily: 7, weekly: 4, monthly: 12, yearly: 3 }, { deleteCap: 10_000 }).length;

    // 7 days (two of them the newest of their week), 2 more weeks, 11 more months; of the years only 2024 is new.
    expect(kept).toBe(7 + 2 + 11 + 1);
  });

  it('counts days in the zone asked for', () => {
    const at = new Date('2026-11-24T23:30:00Z');

    expect(periodLabel('daily', at, 'UTC')).toBe('2026-11-24');
    expect(periodLabel('daily', at, 'Pacific/Auckland')).toBe('2026-11-25');
    expect(periodLabel('hourly', at, 'Asia/Kathmandu')).toBe('2026-11-25T05');
    expect(periodLabel('weekly', new Date('2027-01-01T12:00:00Z'), 'UTC')).toBe('2026-W53');
    expect(periodLabel('monthly', at, 'UTC')).toBe('2026-11');
    expect(periodLabel('yearly', at, 'UTC')).toBe('2026');
  });

  it('gives up the oldest first over the size cap, the floor and shields never', () => {
    expect(goes(daily(10), { maxBytes: 350 })).toEqual(['b3', 'b4', 'b5', 'b6', 'b7', 'b8', 'b9']);
    expect(goes(daily(10), { keepLast: 5, maxBytes: 350 })).toEqual(['b3', 'b4', 'b5', 'b6', 'b7', 'b8', 'b9']);
    expect(goes([backup('a', 0), backup('p', 1, { pinned: 'x' })], { maxBytes: 1 })).toEqual([]);
  });

  it('removes no more than the cap in one run, oldest first', () => {
    expect(goes(daily(10), { keepLast: 1 }, { deleteCap: 2 })).toEqual(['b8', 'b9']);
  });

  it('keeps what was never verified until newer verified backups have stood for a week', () => {
    const unverified = (days: number) => backup('u', days, { status: 'sealed' });

    expect(goes([backup('g', 1), unverified(2)], { keepLast: 1 })).toEqual([]);
    expect(goes([backup('g', 1), unverified(8)], { keepLast: 1 })).toEqual(['u']);
    expect(goes([unverified(1), backup('g', 900)], { keepLast: 1 })).toEqual([]);
    expect(goes([unverified(900)], { keepLast: 1 })).toEqual([]);
  });
});
