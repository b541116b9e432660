import { describe, expect, it } from '@jest/globals';
import { type ProgressEvent, progressMeter } from '../../src/domain/progress-meter.ts';

/** The line after these events, each with its second. */
function lineAfter(...events: (readonly [number, ProgressEvent])[]): string {
  const meter = progressMeter();
  for (const [seconds, event] of events) meter.add(event, seconds);
  return meter.line(200);
}

describe('the rate of a progress meter', () => {
  it('is that of the last seconds: after five without a byte, 37 % of what it was is left', () => {
    const started = [0, { phase: 'dump', plainBytes: 0 }] as const;
    const ran = [1, { phase: 'dump', plainBytes: 10_000_000 }] as const;

    expect(lineAfter(started, ran)).toBe('dumping    10.0 MB · 10.0 MB/s');
    expect(lineAfter(started, ran, [6, { phase: 'dump', plainBytes: 10_000_000 }])).toBe(
      'dumping    10.0 MB · 3.7 MB/s',
    );
    expect(lineAfter(started, ran, [6, { phase: 'dump', plainBytes: 60_000_000 }])).toBe(
      'dumping    60.0 MB · 10.0 MB/s',
    );
    expect(lineAfter(started, ran, [1.5, { phase: 'dump', plainBytes: 20_000_000 }])).toBe(
      'dumping    20.0 MB · 11.0 MB/s',
    );
  });

  it('starts anew with a phase, and with a count that goes back', () => {
    const ran: (readonly [number, ProgressEvent])[] = [
      [0, { phase: 'fetch', storedBytes: 0 }],
      [1, { phase: 'fetch', storedBytes: 5_000_000 }],
    ];

    expect(lineAfter(...ran)).toBe('reading    5.0 MB · 5.0 MB/s');
    expect(lineAfter(...ran, [2, { phase: 'decode', storedBytes: 6_000_000 }])).toBe('decoding   6.0 MB');
    expect(lineAfter(...ran, [2, { phase: 'fetch', storedBytes: 4_000_000 }])).toBe('reading    4.0 MB');
    expect(lineAfter(...ran, [2, { phase: 'fetch', storedBytes: 5_000_000 }])).toBe('reading    5.0 MB · 4.1 MB/s');
  });

  it('is not shown below one byte in a second, and neither is the time left', () => {
    const slow = (bytes: number) =>
      lineAfter(
        [0, { phase: 'fetch', storedBytes: 0, totalBytes: 100 }],
        [10, { phase: 'fetch', storedBytes: bytes, totalBytes: 100 }],
      );

    expect(slow(9)).toBe('reading    ━━──────────────────────   9 %  9 B of 100 B');
    expect(slow(10)).toBe('reading    ━━──────────────────────  10 %  10 B of 100 B · 1 B/s · 1 min 30 s left');
  });

  it('keeps what an earlier event of the phase said', () => {
    expect(
      lineAfter(
        [0, { phase: 'fetch', storedBytes: 5, totalBytes: 10 }],
        [0, { phase: 'fetch', note: 'x', storedBytes: 10 }],
      ),
    ).toBe('reading    ━━━━━━━━━━━━━━━━━━━━━━━━ 100 %  10 B of 10 B');
    expect(lineAfter([0, { phase: 'fetch', storedBytes: 0, totalBytes: 0 }])).toBe('reading');
    expect(lineAfter([0, { phase: 'fetch', storedBytes: 0, totalBytes: 8 }])).toBe('reading    8 B');
  });
});

describe('the expected end of a progress meter', () => {
  it('is a guess for a dump, and known for everything else', () => {
    const of = (phase: string) => lineAfter([0, { phase, plainBytes: 1, totalBytes: 4 }]);

    expect(of('dump')).toBe('dumping    ━━━━━━──────────────────  25 %  1 B of about 4 B');
    expect(of('restore')).toBe('restoring  ━━━━━━──────────────────  25 %  1 B of 4 B');
  });

  it('without any count is that of nothing yet', () => {
    expect(lineAfter([0, { phase: 'seal', totalBytes: 4 }])).toBe('sealing    4 B');
    expect(lineAfter([0, { phase: 'seal' }])).toBe('sealing');
  });
});

describe('the words of a progress meter', () => {
  it.each([
    ['probe', 'looking'],
    ['dump', 'dumping'],
    ['seal', 'sealing'],
    ['fetch', 'reading'],
    ['decode', 'decoding'],
    ['restore', 'restoring'],
    ['compare', 'comparing'],
    ['upload', 'storing'],
    ['a phase of tomorrow', 'a phase of tomorrow'],
  ])('%s is %s', (phase, word) => {
    expect(lineAfter([0, { phase }])).toBe(word);
  });

  it('leave out counts of nothing', () => {
    expect(lineAfter([0, { phase: 'dump', plainBytes: 0, storedBytes: 7 }])).toBe('dumping    7 B');
    expect(lineAfter([0, { phase: 'dump', plainBytes: 7, storedBytes: 0 }])).toBe('dumping    7 B');
    expect(lineAfter([0, { phase: 'dump', plainBytes: 1, storedBytes: 1 }])).toBe('dumping    1 B → 1 B');
  });
});
