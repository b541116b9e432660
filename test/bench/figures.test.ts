import { describe, expect, it } from '@jest/globals';
import { type Figure, judge } from '../../bench/figures.ts';
import { median, type Result, type Sample, speedAgainst } from '../../bench/measure.ts';
import { readOptions } from '../../bench/options.ts';

const figure: Figure = {
  target: '#1',
  name: 'speed',
  value: 0.93,
  atLeast: true,
  goal: 0.97,
  floor: { quick: 0.2, small: 0.6, full: 0.9 },
};

function result(name: string, walls: readonly number[]): Result {
  const sample = (wallSeconds: number): Sample => ({
    wallSeconds,
    cpuSeconds: 1,
    ownCpuSeconds: 1,
    serverCpuSeconds: 0,
    rssMiB: 1,
    bytes: undefined,
    foreign: 0,
    said: {},
  });
  return { way: { name, argv: [] }, samples: walls.map(sample) };
}

describe('figures of the benchmark', () => {
  it('a figure between floor and target is a miss, not a failure', () => {
    const { missed, belowFloor, lines } = judge([figure], 'full');
    expect([missed.length, belowFloor.length]).toEqual([1, 0]);
    expect(lines.at(-1)).toBe('| #1 | speed | 0.93 | ≥ 0.97 ✘ | ≥ 0.90 ✔ |');
  });

  it('targets are not judged on less than full data, floors are', () => {
    expect(judge([{ ...figure, value: 0.1 }], 'quick')).toMatchObject({ missed: [], belowFloor: [{ target: '#1' }] });
    expect(judge([{ ...figure, value: 0.3 }], 'quick').belowFloor).toEqual([]);
  });

  it('what could not be measured is below every bar, whichever way the bar points', () => {
    for (const atLeast of [true, false]) {
      expect(judge([{ ...figure, atLeast, value: Number.NaN }], 'full').belowFloor).toHaveLength(1);
    }
  });

  it('speeds are medians of ratios taken round by round, so that a slow minute counts for both', () => {
    const base = result('base', [10, 40, 10]);
    expect(speedAgainst(base, result('twice as fast', [5, 20, 5]))).toBe(2);
    expect(speedAgainst(base, result('in fewer rounds', [20]))).toBe(0.5);
    expect(speedAgainst(result('a base in fewer', [20]), base)).toBe(2);
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });

  it('options it does not know are refused', () => {
    expect(readOptions(['--quick', '--only', 'pg,kill'])).toEqual({ size: 'quick', rounds: 1, only: ['pg', 'kill'] });
    expect(readOptions([])).toMatchObject({ size: 'full', rounds: 5 });
    for (const wrong of [['--only', 'x'], ['--size', 'huge'], ['--rounds', '0'], ['--fast']]) {
      expect(() => readOptions(wrong)).toThrow();
    }
  });
});
