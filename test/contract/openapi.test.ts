import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openApiDocument } from '../../src/contract/openapi.ts';
import { routes } from '../../src/contract/routes.ts';

const root = join(import.meta.dirname, '..', '..');
// Neither linter nor generator calls home.
const QUIET = { REDOCLY_TELEMETRY: 'off', REDOCLY_SUPPRESS_UPDATE_NOTICE: 'true', DO_NOT_TRACK: '1', NO_COLOR: '1' };

describe('openapi.json, for the tools of others', () => {
  const folder = mkdtempSync(join(tmpdir(), 'openapi-'));
  const file = join(folder, 'openapi.json');
  const client = join(folder, 'client');

  const run = (program: string, ...args: string[]) => {
    const env = { ...process.env, ...QUIET, NODE_OPTIONS: '' };
    const bin = join(root, 'node_modules', '.bin', program);
    return spawnSync(bin, args, { cwd: folder, encoding: 'utf8', env, maxBuffer: 2 ** 26 });
  };

  beforeAll(() => writeFileSync(file, JSON.stringify(openApiDocument('0.0.0'))));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('passes the recommended rules of a public linter without an error', () => {
    const { stdout } = run('redocly', 'lint', '--extends', 'recommended', '--format', 'json', file);

    const { totals, problems } = JSON.parse(stdout) as { totals: { errors: number }; problems: unknown[] };
    expect({ totals, problems }).toMatchObject({ totals: { errors: 0 } });
  });

  it('is read by that linter: a broken one is not passed', () => {
    const broken = join(folder, 'broken.json');
    writeFileSync(broken, readFileSync(file, 'utf8').replace('"operationId":"backups_start"', '"operationId":7'));

    const { status, stdout } = run('redocly', 'lint', '--extends', 'recommended', '--format', 'json', broken);

    expect({ status, stdout }).toMatchObject({ status: 1, stdout: expect.stringContaining('operationId') });
  });

  it('becomes a client that the compiler takes, with a function for every route', () => {
    const made = run('openapi-ts', '--input', file, '--output', client, '--client', '@hey-api/client-fetch');
    expect({ status: made.status, stderr: made.stderr }).toMatchObject({ status: 0 });
    const strict = ['--noEmit', '--strict', '--skipLibCheck', '--target', 'es2024', '--lib', 'es2024,dom,dom.iterable'];
    const modules = ['--module', 'esnext', '--moduleResolution', 'bundler', '--ignoreConfig'];

    const compiled = run('tsc', ...strict, ...modules, join(client, 'index.ts'), join(client, 'client.gen.ts'));

    expect(compiled).toMatchObject({ status: 0, stdout: '' });
    const functions = [...readFileSync(join(client, 'sdk.gen.ts'), 'utf8').matchAll(/^export const (\w+) = /gm)];
    expect(functions.map((match) => match[1]?.toLowerCase()).sort()).toEqual(
      Object.keys(routes)
        .map((id) => id.replaceAll('.', '').toLowerCase())
        .sort(),
    );
  });
});
