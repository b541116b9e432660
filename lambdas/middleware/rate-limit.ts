import { Failure } from '../../src/domain/failure.ts';

export interface RateLimit {
  readonly perSecond: number;
  /** How many at once after a pause. */
  readonly burst: number;
}

/** What one request left over. */
export interface Taken {
  readonly allowed: boolean;
  readonly limit: RateLimit;
  readonly remaining: number;
  /** Seconds until there is room for one more, at least one when refused. */
  readonly seconds: number;
}

/** Counts requests by whoever makes them. */
export interface RateLimiter {
  take(who: string, limit: RateLimit): Taken;
}

interface Bucket {
  tokens: number;
  at: number;
}

/** Whoever has not asked for longest is forgotten first; a forgotten one starts afresh, with its burst and no more. */
const MOST_BUCKETS = 20_000;

/** A bucket of tokens each, in the memory of this process. `now` in milliseconds. */
export function memoryLimiter(now: () => number = () => performance.now()): RateLimiter {
  const buckets = new Map<string, Bucket>();
  return {
    take: (who, limit) => {
      const bucket = buckets.get(who) ?? { tokens: limit.burst, at: now() };
      const elapsed = Math.max(0, now() - bucket.at) / 1000;
      bucket.tokens = Math.min(limit.burst, bucket.tokens + elapsed * limit.perSecond);
      bucket.at = now();
      const allowed = bucket.tokens >= 1;
      if (allowed) bucket.tokens -= 1;
      buckets.delete(who);
      buckets.set(who, bucket);
      if (buckets.size > MOST_BUCKETS) buckets.delete(buckets.keys().next().value ?? '');
      const missing = Math.max(0, 1 - bucket.tokens);
      return {
        allowed,
        limit,
        remaining: Math.floor(bucket.tokens),
        seconds: Math.ceil(missing / limit.perSecond),
      };
    },
  };
}

export function refuseWhenEmpty(taken: Taken): void {
  if (taken.allowed) return;
  throw new Failure('rate_limited', 'There were too many requests.', {
    remedy: `Ask again in ${taken.seconds} s.`,
    details: { retryAfterSeconds: taken.seconds },
  });
}

/** The fields of the IETF draft on rate limit headers. */
export function rateHeaders({ limit, remaining, seconds }: Taken): Record<string, string> {
  const window = Math.max(1, Math.round(limit.burst / limit.perSecond));
  return {
    'RateLimit-Policy': `"default";q=${limit.burst};w=${window}`,
    RateLimit: `"default";r=${remaining};t=${seconds}`,
  };
}
