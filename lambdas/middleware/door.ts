import type { Verifier } from '../../src/operations/identity/verifier.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import type { HostPolicy } from './known-host.ts';
import type { RateLimit, RateLimiter } from './rate-limit.ts';

/** What the handlers of the API are given, wherever they stand. */
export interface Door {
  readonly runtime: Runtime;
  readonly verifier: Verifier;
  readonly limiter: RateLimiter;
  /** Of one key, session or person; and of one address that has not proved who it is. */
  readonly limits: { readonly asker: RateLimit; readonly stranger: RateLimit };
  readonly policy: HostPolicy;
  /** Reached over HTTPS: cookies say so. */
  readonly secure: boolean;
}

export const USUAL_LIMITS = {
  asker: { perSecond: 50, burst: 200 },
  stranger: { perSecond: 2, burst: 40 },
} as const;
