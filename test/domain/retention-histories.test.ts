import { describe, it } from '@jest/globals';
import fc from 'fast-check';
import { judge, type KeptBackup, type RetentionPolicy } from '../../src/domain/retention.ts';

const DAY = 86_400_000;
const NOW = new Date('2026-11-24T12:00:00Z');

const anyPolicy = fc.record(
  {
    keepLast: fc.nat(8),
    keepDays: fc.nat(40),
    hourly: fc.nat(5),
    daily: fc.nat(9),
    weekly: fc.nat(6),
    monthly: fc.nat(6),
    yearly: fc.nat(3),
    maxBytes: fc.nat(2000),
  },
  { requiredKeys: [] },
) as fc.Arbitrary<RetentionPolicy>;

const anyBackup = fc.record({
  id: fc.uuid(),
  status: fc.constantFrom('sealed', 'stored', 'good', 'good', 'good', 'suspect'),
  age: fc.nat(500 * 24),
  storedBytes: fc.nat(1000),
  identity: fc.constantFrom('one', 'two'),
  shield: fc.constantFrom('none', 'none', 'none', 'pinned', 'locked', 'held'),
});

describe('retention, over random histories', () => {
  it('T10 keeps the floor and every shield, whatever the order, and is stable when run again', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyBackup, { maxLength: 14, selector: (one) => one.id }),
        anyPolicy,
        fc.integer({ min: 1, max: 3 }),
        fc.nat(6),
        (raw, policy, floor, deleteCap) => {
          const backups = raw.map(({ id, age, shield, ...rest }): KeptBackup => {
            const at = new Date(NOW.getTime() - age * 3_600_000);
            const later = new Date(NOW.getTime() + DAY);
            return {
              id,
              committedAt: at,
              snapshotAt: at,
              ...rest,
              ...(shield === 'pinned'
                ? { pinned: 'p' }
                : shield === 'locked'
                  ? { lockedUntil: later }
                  : shield === 'held'
                    ? { heldUntil: later }
                    : {}),
            } as KeptBackup;
          });
          const rules = { policy, limits: { floor, deleteCap, zone: 'Europe/Berlin' } };
          const verdicts = judge(backups, rules, NOW);
          const gone = new Set(verdicts.filter((one) => !one.keep).map((one) => one.id));

          // Everyone is judged once, and the input's order does not matter.
          if (verdicts.length !== backups.length) throw new Error('somebody was not judged');
          if (JSON.stringify(judge([...backups].reverse(), rules, NOW)) !== JSON.stringify(verdicts))
            throw new Error('order matters');
          if (gone.size > deleteCap) throw new Error('more than the cap');
          for (const identity of ['one', 'two']) checkFloor(backups, { identity, floor, gone });
          for (const one of backups) {
            if (gone.has(one.id) && (one.pinned || one.lockedUntil || one.heldUntil))
              throw new Error('a shield was ignored');
          }
          // A second run over what is left never goes below the floor either, and ends.
          const left = backups.filter((one) => !gone.has(one.id));
          const again = new Set(
            judge(left, rules, NOW)
              .filter((one) => !one.keep)
              .map((one) => one.id),
          );
          for (const identity of ['one', 'two']) checkFloor(left, { identity, floor, gone: again });
        },
      ),
      { numRuns: 100_000, seed: 10 },
    );
  });
});

/** As many verified backups stay as the floor asks for, as far as there are any, and among them the newest one of plausible size. */
function checkFloor(
  backups: readonly KeptBackup[],
  { identity, floor, gone }: { identity: string; floor: number; gone: ReadonlySet<string> },
): void {
  const good = backups.filter((one) => one.identity === identity && one.status === 'good');
  const largest = Math.max(0, ...good.map((one) => one.storedBytes));
  const plausible = good.filter((one) => one.storedBytes >= largest / 10);
  const left = plausible.filter((one) => !gone.has(one.id));
  if (left.length < Math.min(floor, plausible.length)) throw new Error('below the floor');
  const newest = plausible.reduce<KeptBackup | undefined>(
    (best, one) => (best === undefined || one.committedAt > best.committedAt ? one : best),
    undefined,
  );
  if (
    newest !== undefined &&
    !plausible.some((one) => !gone.has(one.id) && one.committedAt.getTime() === newest.committedAt.getTime())
  ) {
    throw new Error('the newest verified backup is gone');
  }
}
