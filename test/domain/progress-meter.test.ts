import { describe, expect, it } from '@jest/globals';
import { progressMeter } from '../../src/domain/progress-meter.ts';

describe('progress meter', () => {
  it('shows share, amount, rate and time left where the end is known', () => {
    const meter = progressMeter();

    meter.add({ phase: 'restore', plainBytes: 0, totalBytes: 40_000_000 }, 0);
    meter.add({ phase: 'restore', plainBytes: 10_000_000 }, 1);

    expect(meter.line(200)).toBe(
      'restoring  ━━━━━━──────────────────  25 %  10.0 MB of 40.0 MB · 10.0 MB/s · 3.0 s left',
    );
  });

  it('shows both amounts and the rate where the end is not known', () => {
    const meter = progressMeter();

    meter.add({ phase: 'dump', plainBytes: 1_000_000, storedBytes: 100_000 }, 10);
    meter.add({ phase: 'dump', plainBytes: 3_000_000, storedBytes: 300_000 }, 12);

    expect(meter.line(200)).toBe('dumping    3.0 MB → 300 kB · 1.0 MB/s');
  });

  it('says how much there is while nothing of it was counted yet', () => {
    const meter = progressMeter();

    meter.add({ phase: 'restore', plainBytes: 0, totalBytes: 14_400_000 }, 0);

    expect(meter.line(200)).toBe('restoring  14.4 MB');
  });

  it('calls the expected end of a dump a guess', () => {
    const meter = progressMeter();

    meter.add({ phase: 'dump', plainBytes: 1_000_000, totalBytes: 2_000_000 }, 0);

    expect(meter.line(200)).toContain('1.0 MB of about 2.0 MB');
  });

  it('drops the share, not the line, when a count passes its expected end', () => {
    const meter = progressMeter();

    meter.add({ phase: 'dump', plainBytes: 3_000_000, totalBytes: 2_000_000 }, 0);

    expect(meter.line(200)).toBe('dumping    3.0 MB');
  });

  it('starts anew with every phase and never divides by no time', () => {
    const meter = progressMeter();

    meter.add({ phase: 'dump', plainBytes: 5_000_000 }, 1);
    meter.add({ phase: 'dump', plainBytes: 6_000_000 }, 1);
    expect(meter.line(200)).toBe('dumping    6.0 MB');
    meter.add({ phase: 'decode', storedBytes: 100, totalBytes: 1000 }, 2);

    expect(meter.line(200)).toBe('decoding   ━━──────────────────────  10 %  100 B of 1.0 kB');
  });

  it('fits any width', () => {
    const meter = progressMeter();
    meter.add({ phase: 'decode', storedBytes: 100, totalBytes: 1000 }, 2);

    expect(meter.line(20)).toHaveLength(20);
    expect(progressMeter().line(20)).toBe('');
  });
});
