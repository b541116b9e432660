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
  pipeline('seal'),
  { file: 'src/pipeline/keys.ts', tests: ['**/test/pipeline/seal*.test.ts'] },
  pipeline('layout'),
  pipeline('compare'),
];

function domain(name: string): Mutated {
  return { file: `src/domain/${name}.ts`, tests: [`**/test/domain/${name}*.test.ts`] };
}

function pipeline(name: string): Mutated {
  return { file: `src/pipeline/${name}.ts`, tests: [`**/test/pipeline/${name}*.test.ts`] };
}
