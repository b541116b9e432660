/** A reliability target in its full size: the tests whose names begin with it. */
export interface SoakTarget {
  readonly id: string;
  readonly what: string;
  /** Folders and files that its tests are in; jest takes them as patterns. */
  readonly tests: readonly string[];
  /** What test names begin with, one of these. */
  readonly names: readonly string[];
  /** Whether a short soak does only a share of the full size; the others always do all of it. */
  readonly shared: boolean;
}

export const SOAK_TARGETS: readonly SoakTarget[] = [
  { id: 'T1', what: 'crash points', tests: ['test/pipeline', 'test/engines'], names: ['T1'], shared: true },
  {
    id: 'T2',
    what: 'single and double faults',
    tests: ['test/storage', 'test/pipeline'],
    names: ['T2'],
    shared: true,
  },
  { id: 'T3', what: 'exits and signals', tests: ['test/pipeline'], names: ['T3', 'M1'], shared: true },
  { id: 'T4', what: 'bit flips', tests: ['test/pipeline'], names: ['T4'], shared: false },
  { id: 'T5', what: 'truncations', tests: ['test/pipeline', 'test/engines'], names: ['T5'], shared: true },
  { id: 'T6', what: 'credential renewals', tests: ['test/storage', 'test/support'], names: ['T6'], shared: false },
  {
    id: 'T7',
    what: 'duplicate triggers and kills of the service',
    tests: ['test/operations', 'test/workflows', 'test/local'],
    names: ['T7'],
    shared: true,
  },
  { id: 'T8', what: 'missed slots and absence', tests: ['test/operations'], names: ['T8'], shared: true },
  { id: 'T9', what: 'every zone at every change of clocks', tests: ['test/domain'], names: ['T9'], shared: false },
  { id: 'F56', what: 'tasks that are told to end', tests: ['test/local'], names: ['F56'], shared: true },
  { id: 'day', what: 'a day of 500 scheduled backups', tests: ['test/local'], names: ['day:'], shared: true },
  { id: 'T28', what: 'every fault is one alarm', tests: ['test/workflows'], names: ['T28'], shared: false },
  { id: 'T17', what: 'a catalog that goes away', tests: ['test/workflows'], names: ['T17'], shared: true },
  {
    id: 'T20',
    what: 'a herd in one minute',
    tests: ['test/operations', 'test/workflows'],
    names: ['T20'],
    shared: true,
  },
  { id: 'T12', what: 'hostile names and passwords', tests: ['test/engines'], names: ['T12'], shared: true },
  {
    id: 'T19',
    what: 'memory over a long stream',
    tests: ['test/pipeline', 'test/engines', 'test/support'],
    names: ['T19'],
    shared: false,
  },
  { id: 'T22', what: 'kills during a restore', tests: ['test/engines', 'test/pipeline'], names: ['T22'], shared: true },
  { id: 'T23', what: 'malicious artefacts', tests: ['test/cli'], names: ['T23'], shared: false },
  {
    id: 'T24',
    what: 'isolation of the tools',
    tests: ['test/pipeline', 'test/engines'],
    names: ['T24'],
    shared: false,
  },
  { id: 'T27', what: 'manifests of earlier versions', tests: ['test/pipeline'], names: ['T27'], shared: false },
  {
    id: 'T29',
    what: 'floors of the tools',
    tests: ['test/process', 'test/platform', 'test/scripts'],
    names: ['T29'],
    shared: false,
  },
];
