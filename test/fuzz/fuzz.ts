import { randomFrom } from '../support/size.ts';
import { Mutator } from './mutator.ts';
import type { FuzzTarget } from './targets.ts';

export interface FuzzResult {
  readonly inputs: number;
  /** Milliseconds of the slowest input. */
  readonly slowestMs: number;
  /** The first input that showed a fault, and the fault. */
  readonly finding: { readonly input: Buffer; readonly error: unknown } | undefined;
}

/** An input that keeps a reader busy for longer is as good as one that hangs it. */
export const LONGEST_MS = 2_000;

/** Feeds one reader until the number of inputs or the time is reached, or something is found. */
export async function fuzz(
  target: FuzzTarget,
  limits: { readonly seed: number; readonly inputs: number; readonly ms: number },
): Promise<FuzzResult> {
  const mutator = new Mutator(target.samples, target.words, randomFrom(limits.seed));
  const deadline = performance.now() + limits.ms;
  let slowestMs = 0;
  let inputs = 0;
  while (inputs < limits.inputs && performance.now() < deadline) {
    const input = mutator.next();
    const started = performance.now();
    try {
      await target.run(input);
    } catch (error) {
      return { inputs: inputs + 1, slowestMs, finding: { input, error } };
    }
    inputs += 1;
    const ms = performance.now() - started;
    slowestMs = Math.max(slowestMs, ms);
    if (ms > LONGEST_MS) return { inputs, slowestMs, finding: { input, error: new Error(`it took ${ms} ms`) } };
  }
  return { inputs, slowestMs, finding: undefined };
}
