import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  counted,
  formatAge,
  formatBytes,
  formatSeconds,
  formatShare,
  parseBytes,
  parseSpan,
} from '../../src/domain/figures.ts';

describe('figures', () => {
  it.each([
    [0, '0 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [34_123_456, '34.1 MB'],
    [99_949_999, '99.9 MB'],
    [99_950_000, '100 MB'],
    [999_499_999, '999 MB'],
    [999_500_000, '1.0 GB'],
    [412e9, '412 GB'],
    [5e18, '5000 PB'],
  ])('shows %d bytes as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text);
  });

  it.each([
    [0, '0.0 s'],
    [9.94, '9.9 s'],
    [9.96, '10 s'],
    [59.6, '1 min'],
    [200, '3 min 20 s'],
    [7500, '2 h 5 min'],
    [300_000, '3 d'],
  ])('shows %d seconds as %s', (seconds, text) => {
    expect(formatSeconds(seconds)).toBe(text);
  });

  it('tells ages in one unit', () => {
    const now = new Date('2026-11-24T12:00:00Z');
    const ago = (seconds: number) => formatAge(new Date(now.getTime() - seconds * 1000), now);

    expect([0, 59, 60, 3599, 3600, 9 * 3600, 47 * 3600, 72 * 3600].map(ago)).toEqual([
      'just now',
      'just now',
      '1 min ago',
      '59 min ago',
      '1 h ago',
      '9 h ago',
      '47 h ago',
      '3 d ago',
    ]);
    expect(ago(-3600)).toBe('in the future');
  });

  it('counts things with their noun', () => {
    expect([counted(0, 'difference'), counted(1, 'table'), counted(52_310, 'row')]).toEqual([
      '0 differences',
      '1 table',
      '52,310 rows',
    ]);
  });

  it('shows shares', () => {
    expect([formatShare(4.1, 34.1), formatShare(1, 250), formatShare(3, 0), formatShare(0, 5)]).toEqual([
      '12 %',
      '0.4 %',
      '0 %',
      '0 %',
    ]);
  });

  it.each([
    ['500000', 500_000],
    ['20MB', 20_000_000],
    ['20 mb/s', 20_000_000],
    ['1.5GiB', 1.5 * 2 ** 30],
    ['64k', 64_000],
    ['12b', 12],
    ['0', undefined],
    ['-1', undefined],
    ['1e9', undefined],
    ['x', undefined],
    ['', undefined],
    ['999999999999TB', undefined],
  ])('reads %j as %p bytes', (text, bytes) => {
    expect(parseBytes(text)).toBe(bytes);
  });

  it.each([
    ['5', 5000],
    ['500ms', 500],
    ['90s', 90_000],
    ['5m', 300_000],
    ['5min', 300_000],
    ['2h', 7_200_000],
    ['0', 0],
    ['5d', undefined],
    ['-5', undefined],
  ])('reads %j as %p milliseconds', (text, span) => {
    expect(parseSpan(text)).toBe(span);
  });

  it('never needs more than eight characters for a size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (bytes) => {
        expect(formatBytes(bytes).length).toBeLessThanOrEqual(8);
      }),
    );
  });
});
