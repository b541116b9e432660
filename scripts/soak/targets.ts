/** A reliability target in its full size: the tests whose names begin with it. */
export interface SoakTarget {
  readonly id: string;
  readonly what: string;
  /** Folders and files that its tests are in; jest takes them as patterns. */
  readonly tests: readonly string[];
  /** What test names begin with, one of these. */
  readonly names: readonly string[];
}

export const SOAK_TARGETS: readonly SoakTarget[] = [
  { id: 'T1', what: 'crash points', tests: ['test/pipeline', 'test/engines'], names: ['T1'] },
  { id: 'T2', what: 'single faults', tests: ['test/storage', 'test/pipeline'], names: ['T2'] },
  { id: 'T3', what: 'exits and signals', tests: ['test/pipeline'], names: ['T3', 'M1'] },
  { id: 'T4', what: 'bit flips', tests: ['test/pipeline'], names: ['T4'] },
  { id: 'T5', what: 'truncations', tests: ['test/pipeline'], names: ['T5'] },
  { id: 'T6', what: 'credential renewals', tests: ['test/storage'], names: ['T6'] },
  { id: 'T12', what: 'hostile names and passwords', tests: ['test/engines'], names: ['T12'] },
  { id: 'T19', what: 'memory over a long stream', tests: ['test/pipeline', 'test/engines'], names: ['T19'] },
  { id: 'T22', what: 'kills during a restore', tests: ['test/engines', 'test/pipeline'], names: ['T22'] },
];
