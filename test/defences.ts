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
    fault: 'F7',
    what: 'a client older than the server is refused',
    file: 'src/process/tool-choice.ts',
    remove: 'wish.major === undefined || tool.major >= wish.major',
    put: 'true',
    test: 'test/process/tools.test.ts',
  },
  {
    fault: 'F8',
    what: 'a version below its floor is not sound',
    file: 'src/domain/tool-version.ts',
    remove: 'compareVersions(tool.version, floor) >= 0',
    put: 'true',
    test: 'test/domain/tool-version.test.ts',
  },
  {
    fault: 'T29',
    what: 'a tool below its floor is used on the sample only',
    file: 'src/process/tool-choice.ts',
    remove: "if (wish.belowFloor !== 'sample') throw belowFloor(unsound);",
    put: '',
    test: 'test/process/tools.test.ts',
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
  {
    fault: 'F4',
    what: 'an archive ends only when every collection has ended',
    file: 'src/engines/mongodb/archive.ts',
    remove: "if (this.#phase !== 'done') throw cutShort(this.#whatIsMissing());",
    put: '',
    test: 'test/engines/mongodb/archive.test.ts',
  },
  {
    fault: 'F5',
    what: 'a collection that mongodump would leave out stops the dump',
    file: 'src/engines/mongodb/probe.ts',
    remove: "name.includes('$')",
    put: "name.includes('$$')",
    test: 'test/engines/mongodb/faults.test.ts',
  },
  {
    fault: 'F19',
    what: 'the oplog is followed for a whole server only',
    file: 'src/engines/mongodb/consistency.ts',
    remove: 'if (!whole)',
    put: 'if (whole && !oplogReadable)',
    test: 'test/engines/mongodb/commands.test.ts',
  },
  {
    fault: 'F20',
    what: 'names are compared after a restore',
    file: 'src/engines/mongodb/restore.ts',
    remove: 'if (missing.length === 0) return;',
    put: 'if (missing.length >= 0) return;',
    test: 'test/engines/mongodb/faults.test.ts',
  },
  {
    fault: 'F75',
    what: 'a target is marked until its restore is whole',
    file: 'src/engines/mongodb/restore.ts',
    remove: 'for (const name of databases) await setMark(client, name, bench.runId);',
    put: '',
    test: 'test/engines/mongodb/faults.test.ts',
  },
  {
    fault: 'F81',
    what: 'names are glued to their options',
    file: 'src/engines/mongodb/commands.ts',
    remove: 'args.push(`--db=',
    put: "args.push('--db', `",
    test: 'test/engines/mongodb/commands.test.ts',
  },
  {
    fault: 'F83',
    what: 'a driver does not follow a server to other hosts',
    file: 'src/engines/mongodb/address.ts',
    remove: "['directConnection', 'true'],",
    put: '',
    test: 'test/engines/mongodb/address.test.ts',
  },
  {
    fault: 'F84',
    what: 'passwords are escaped in YAML',
    file: 'src/engines/mongodb/address.ts',
    remove: "if (character === '\"' || character === '\\\\')",
    put: "if (character === '')",
    test: 'test/engines/mongodb/address.test.ts',
  },
  {
    fault: 'F85',
    what: 'a password inside a private file is redacted from what a tool says',
    file: 'src/process/child.ts',
    remove: '...(command.hidden ?? []),',
    put: '',
    test: 'test/engines/mongodb/faults.test.ts',
  },
];
