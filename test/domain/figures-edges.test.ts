import { describe, expect, it } from '@jest/globals';
import { formatAge, formatSeconds, formatShare, parseBytes, parseSpan } from '../../src/domain/figures.ts';

const MINUTE = 60;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const now = new Date('2026-11-24T10:00:00Z');
const ago = (seconds: number) => formatAge(new Date(now.getTime() - 1000 * seconds), now);

describe('figures at their edges', () => {
  it('name a span in the larger unit from where it is full', () => {
    expect([9.94, 9.95, 59, 60].map(formatSeconds)).toEqual(['9.9 s', '10 s', '59 s', '1 min']);
    expect([HOUR - 1, HOUR, HOUR + 59, HOUR + 60].map(formatSeconds)).toEqual([
      '59 min 59 s',
      '1 h',
      '1 h',
      '1 h 1 min',
    ]);
    expect([2 * DAY - 1, 2 * DAY].map(formatSeconds)).toEqual(['47 h 59 min', '2 d']);
  });

  it('name an age in the larger unit from where it is full', () => {
    expect([-61, -60, 59, 60].map(ago)).toEqual(['in the future', 'just now', 'just now', '1 min ago']);
    expect([HOUR - 1, HOUR, 2 * DAY - 1, 2 * DAY].map(ago)).toEqual(['59 min ago', '1 h ago', '47 h ago', '2 d ago']);
  });

  it('show a digit of a share below one per cent only', () => {
    expect([0, 0.4, 0.99, 1, 1.4].map((part) => formatShare(part, 100))).toEqual([
      '0 %',
      '0.4 %',
      '1.0 %',
      '1 %',
      '1 %',
    ]);
    expect(formatShare(1, 0)).toBe('0 %');
    expect(formatShare(0.5, 1)).toBe('50 %');
  });

  it('read bytes with blanks around, several decimals and every unit', () => {
    expect(parseBytes(' 20 MB ')).toBe(20_000_000);
    expect(parseBytes('1.234567kb')).toBe(1235);
    expect(parseBytes('1.25k')).toBe(1250);
    expect(parseBytes('7')).toBe(7);
    expect(parseBytes('7b')).toBe(7);
    expect(['1kib', '1MiB', '1Gi', '1tib'].map(parseBytes)).toEqual([2 ** 10, 2 ** 20, 2 ** 30, 2 ** 40]);
    expect(['1k', '1m', '1g', '1t'].map(parseBytes)).toEqual([1e3, 1e6, 1e9, 1e12]);
    for (const text of ['', '0', '-1', '1.', '.5', '1.1234567', 'x1', '1x', '1 kb x', '99999999 t', '1ib']) {
      expect([text, parseBytes(text)]).toEqual([text, undefined]);
    }
  });

  it('read spans with blanks around, three decimals and every unit', () => {
    expect(['1.125', '2s', '3 ms', ' 4m ', '5min', '6h'].map(parseSpan)).toEqual([
      1125, 2000, 3, 240_000, 300_000, 21_600_000,
    ]);
    for (const text of ['', '1.', '1.1234', '-1', 'x1', '1x', '1 d', '1234567890']) {
      expect([text, parseSpan(text)]).toEqual([text, undefined]);
    }
  });
});
