import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const REGISTRY = join(import.meta.dirname, '..', '..', 'src', 'engines', 'registry.ts');
const SCRIPT = `import { createRequire } from 'node:module';
  const { engines } = await import(${JSON.stringify(REGISTRY)});
  const drivers = () => Object.keys(createRequire(${JSON.stringify(REGISTRY)}).cache)
    .map((path) => /node_modules.(mysql2|mongodb|pg)[/\\\\]/.exec(path)?.[1]).filter(Boolean);
  const before = new Set(drivers());
  const tls = { mode: 'disable' };
  const nobody = { engine: 'mysql', host: '127.0.0.1', port: 1, user: 'x', database: 'x', tls, options: {} };
  const failed = await engines.find(({ id }) => id === 'mysql').admin({}).list(nobody).catch((error) => error.code);
  console.log(JSON.stringify({ ids: engines.map(({ id }) => id), before: [...before], failed, after: [...new Set(drivers())] }));`;

describe('an engine on demand', () => {
  it('is known without its driver, which is loaded when something is asked of it and no other with it', () => {
    const said = execFileSync(process.execPath, ['--input-type=module', '-e', SCRIPT], { encoding: 'utf8' });
    expect(JSON.parse(said)).toEqual({
      ids: ['postgres', 'mysql', 'mongodb'],
      before: [],
      failed: 'database_unreachable',
      after: ['mysql2'],
    });
  });
});
