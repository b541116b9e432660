import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { runFolder, slug, statusOfLevel, volumeName } from '../../src/domain/backup.ts';

describe('the layout of a store', () => {
  it('turns any database name into a safe, readable piece of a key', () => {
    expect(slug('Shop Österreich (live)')).toBe('shop-o-sterreich-live');
    expect(slug('../../etc/passwd')).toBe('etc-passwd');
    expect(slug('日本')).toBe('database');
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (name) => {
        expect(slug(name)).toMatch(/^[a-z0-9][a-z0-9-]{0,39}$/);
      }),
      { numRuns: 2000, seed: 3 },
    );
  });

  it('sorts runs by time', () => {
    const early = runFolder(new Date('2026-01-31T23:59:59.900Z'), 'r1');
    const late = runFolder(new Date('2026-02-01T00:00:00.000Z'), 'r0');

    expect(early).toBe('2026/01/31T235959Z-r1');
    expect([late, early].sort()).toEqual([early, late]);
  });

  it('numbers volumes only where there are several', () => {
    expect(volumeName('dump.pgc.zst', 0)).toBe('dump.pgc.zst');
    expect(volumeName('dump.pgc.zst', 12)).toBe('dump.pgc.zst.0012');
  });

  it('calls a backup good from level 2 on, and never before', () => {
    expect([0, 1, 2, 3].map((level) => statusOfLevel(level as 0 | 1 | 2 | 3))).toEqual([
      'sealed',
      'stored',
      'good',
      'good',
    ]);
  });
});
