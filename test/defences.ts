/** One line of code that keeps a fault away, and the test that must turn red without it. */
export interface Defence {
  /** The fault's number in the catalogue; the tests of that name are run. */
  readonly fault: string;
  /** What is taken away, in a few words. */
  readonly what: string;
  readonly file: string;
  /** Text that stands exactly once in the file. */
  readonly remove: string;
  /** What is put in its place. */
  readonly put: string;
  readonly test: string;
}

export const defences: readonly Defence[] = [
  {
    fault: 'F1',
    what: 'a non-zero exit is a failure',
    file: 'src/process/run.ts',
    remove: 'exit.code === 0 && exit.signal === null',
    put: 'exit.signal === null',
    test: 'test/process/child.test.ts',
  },
  {
    fault: 'F2',
    what: 'a signal is a failure',
    file: 'src/process/run.ts',
    remove: 'exit.code === 0 && exit.signal === null',
    put: '(exit.code ?? 0) === 0',
    test: 'test/process/child.test.ts',
  },
  {
    fault: 'F11',
    what: 'a child dies with its worker',
    file: 'src/process/child.ts',
    remove: "chain.push(place.setpriv, '--pdeathsig', 'KILL');",
    put: '',
    test: 'test/process/child.test.ts',
  },
  {
    fault: 'F22',
    what: 'the ring of last words is bounded',
    file: 'src/process/ring-buffer.ts',
    remove: 'if (size > 2 * capacity) compact();',
    put: '',
    test: 'test/process/',
  },
  {
    fault: 'F85',
    what: 'secrets are redacted from what a child says',
    file: 'src/process/child.ts',
    remove: 'stderr: redact(stderr.text())',
    put: 'stderr: stderr.text()',
    test: 'test/process/child.test.ts',
  },
  {
    fault: 'F86',
    what: 'a child gets an allow-listed environment',
    file: 'src/process/child.ts',
    remove: 'const result: Record<string, string> = { ...BASE_ENVIRONMENT,',
    put: 'const result: Record<string, string> = { ...(process.env as Record<string, string>), ...BASE_ENVIRONMENT,',
    test: 'test/process/child.test.ts',
  },
];
