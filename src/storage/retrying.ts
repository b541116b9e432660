import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../domain/failure.ts';
import type { RetryPolicy } from './store-config.ts';

/** `throttled` waits longer than `retry`; `final` gives up at once. */
export type Verdict = 'retry' | 'throttled' | 'final';

export interface Attempts {
  judge(error: unknown): Verdict;
  readonly signal?: AbortSignal | undefined;
  /** Fewer tries than the policy's, for calls that only tidy up. */
  readonly attempts?: number | undefined;
}

export const RETRY_POLICY: RetryPolicy = { attempts: 12, baseMs: 100, capMs: 20_000, budget: 500 };

const RETRY_COST = 5;
const FIRST_SUCCESS = 1;
const THROTTLE_FACTOR = 5;

/**
 * Repeats calls of one store (F25): full-jitter backoff, and one bucket of tokens for all of them, so that many parts
 * failing together do not storm a store that is down. A call is replayed whole: what it sends must be kept until then.
 */
export class Retrying {
  readonly #policy: RetryPolicy;
  readonly #random: () => number;
  #tokens: number;

  constructor(policy: Partial<RetryPolicy> = {}, random: () => number = Math.random) {
    this.#policy = { ...RETRY_POLICY, ...policy };
    this.#random = random;
    this.#tokens = this.#policy.budget;
  }

  /** The result of the first try that succeeds, or the error of the last one. A fired signal ends it as `cancelled`. */
  async run<T>(attempt: (number: number) => Promise<T>, { judge, signal, attempts }: Attempts): Promise<T> {
    const most = Math.min(attempts ?? this.#policy.attempts, this.#policy.attempts);
    for (let number = 1; ; number += 1) {
      throwIfCancelled(signal);
      try {
        const result = await attempt(number);
        this.#refund(number);
        return result;
      } catch (error) {
        throwIfCancelled(signal);
        const verdict = judge(error);
        if (verdict === 'final' || number >= most || !this.#spend()) throw error;
        await pause(this.#wait(number, verdict), signal);
      }
    }
  }

  /** Waits as after so many failures in a row, for work that keeps its own count. */
  pauseAfter(failures: number, signal: AbortSignal | undefined): Promise<void> {
    return pause(this.#wait(failures, 'retry'), signal);
  }

  /** Tokens left, for measurements. */
  get tokens(): number {
    return this.#tokens;
  }

  #spend(): boolean {
    if (this.#tokens < RETRY_COST) return false;
    this.#tokens -= RETRY_COST;
    return true;
  }

  // A success after retries pays back its last retry, so that a long upload over a poor line does not run dry.
  #refund(number: number): void {
    this.#tokens = Math.min(this.#policy.budget, this.#tokens + (number === 1 ? FIRST_SUCCESS : RETRY_COST));
  }

  #wait(number: number, verdict: Verdict): number {
    const base = verdict === 'throttled' ? this.#policy.baseMs * THROTTLE_FACTOR : this.#policy.baseMs;
    return this.#random() * Math.min(this.#policy.capMs, base * 2 ** (number - 1));
  }
}

/** Throws `cancelled` once the signal has fired. */
export function throwIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new Failure('cancelled', 'The work on the store was cancelled.');
}

async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal === undefined ? {} : { signal });
  } catch {
    throwIfCancelled(signal);
  }
}
