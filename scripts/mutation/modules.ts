/** A core module and the tests that say what it promises. */
export interface Mutated {
  readonly file: string;
  readonly tests: readonly string[];
}

/** Facts and rules, and what decides whether a manifest is believed. */
export const MODULES: readonly Mutated[] = [
  domain('manifest'),
  domain('inventory'),
  domain('failure'),
  { file: 'src/domain/redaction.ts', tests: ['**/test/domain/secret*.test.ts'] },
  domain('secret'),
  domain('figures'),
  domain('backup'),
  domain('progress-meter'),
  domain('tool-version'),
  domain('database-url'),
  domain('address'),
  // Its 100,000 random histories are too many for each change.
  {
    file: 'src/domain/retention.ts',
    tests: ['**/test/domain/retention.test.ts', '**/test/domain/retention-edges.test.ts'],
  },
  domain('time'),
  domain('slots'),
  domain('audit'),
  domain('crc32'),
  domain('alarms'),
  ...['cause', 'events', 'letters', 'notice', 'signature', 'tries', 'words'].map((name) => domain(`notice/${name}`)),
  pipeline('seal'),
  pipeline('keys'),
  pipeline('layout'),
  pipeline('compare'),
  pipeline('remove-backup'),
];

function domain(name: string): Mutated {
  return { file: `src/domain/${name}.ts`, tests: [`**/test/domain/${name}*.test.ts`] };
}

function pipeline(name: string): Mutated {
  return { file: `src/pipeline/${name}.ts`, tests: [`**/test/pipeline/${name}*.test.ts`] };
}
