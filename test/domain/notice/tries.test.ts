import { describe, expect, it } from '@jest/globals';
import { MOST_TRIES, secondsToNextTry } from '../../../src/domain/notice/tries.ts';

const waits = (random: number) =>
  Array.from({ length: MOST_TRIES - 1 }, (_, n) => secondsToNextTry(n + 1, random) ?? Number.NaN);

describe('the tries of a notice', () => {
  it('come quickly at first, then patiently, and go on for a day and a half', () => {
    const all = waits(0);

    expect(all[0]).toBe(5);
    expect(all).toEqual([...all].sort((a, b) => a - b));
    expect(all.reduce((sum, wait) => sum + wait, 0) / 3600).toBeCloseTo(36, 0);
    expect(MOST_TRIES).toBe(12);
  });

  it('end: after the last there is no next', () => {
    expect(secondsToNextTry(MOST_TRIES, 0)).toBeUndefined();
    expect(secondsToNextTry(MOST_TRIES + 1, 0)).toBeUndefined();
    expect(secondsToNextTry(0, 0)).toBeUndefined();
  });

  it('are spread by up to a quarter, never earlier', () => {
    expect(waits(0.5)).toEqual(waits(0).map((wait) => wait * 1.125));
    expect(waits(1)).toEqual(waits(0).map((wait) => wait * 1.25));
  });
});
