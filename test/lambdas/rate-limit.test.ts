import { describe, expect, it } from '@jest/globals';
import { memoryLimiter, rateHeaders } from '../../lambdas/middleware/rate-limit.ts';

describe('a bucket of tokens', () => {
  it('lets a burst through, then as many as flow in', () => {
    let now = 0;
    const limiter = memoryLimiter(() => now);
    const limit = { perSecond: 2, burst: 4 };
    const take = () => limiter.take('me', limit).allowed;

    expect([take(), take(), take(), take(), take()]).toEqual([true, true, true, true, false]);
    now += 500;
    expect([take(), take()]).toEqual([true, false]);
    now += 60_000;
    expect([take(), take(), take(), take(), take()]).toEqual([true, true, true, true, false]);
  });

  it('is everybody’s own', () => {
    const limiter = memoryLimiter(() => 0);
    const limit = { perSecond: 1, burst: 1 };

    expect(limiter.take('a', limit).allowed).toBe(true);
    expect(limiter.take('b', limit).allowed).toBe(true);
    expect(limiter.take('a', limit).allowed).toBe(false);
  });

  it('is never fuller for a clock that was set back', () => {
    let now = 10_000;
    const limiter = memoryLimiter(() => now);
    const limit = { perSecond: 1, burst: 1 };
    limiter.take('a', limit);
    now = 0;

    expect(limiter.take('a', limit).allowed).toBe(false);
  });

  it('forgets whoever has not asked for longest, so that inventing names costs no memory', () => {
    const limiter = memoryLimiter(() => 0);
    const limit = { perSecond: 1, burst: 1 };
    limiter.take('first', limit);
    for (let n = 0; n < 20_000; n++) limiter.take(`other ${n}`, limit);

    expect(limiter.take('first', limit).allowed).toBe(true);
    expect(limiter.take('other 19999', limit).allowed).toBe(false);
  });

  it('tells how much is left and when there will be more', () => {
    const limiter = memoryLimiter(() => 0);
    const limit = { perSecond: 0.5, burst: 2 };

    expect(rateHeaders(limiter.take('a', limit))).toEqual({
      'RateLimit-Policy': '"default";q=2;w=4',
      RateLimit: '"default";r=1;t=0',
    });
    limiter.take('a', limit);
    expect(rateHeaders(limiter.take('a', limit)).RateLimit).toBe('"default";r=0;t=2');
  });
});
