import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { PLANTS, type Plant } from './support/planted-violations.ts';

const root = join(import.meta.dirname, '..');
const program = (name: string) => join(root, 'node_modules', '.bin', name);

interface Violation {
  readonly rule: { readonly name: string };
  readonly from: string;
}

describe('who may import whom', () => {
  let folder = '';
  let violations: readonly Violation[] = [];

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'planted-'));
    for (const plant of PLANTS) plantViolation(folder, plant);
    for (const file of ['.dependency-cruiser.cjs', 'tsconfig.json']) cpSync(join(root, file), join(folder, file));
    writeFileSync(join(folder, 'package.json'), JSON.stringify(packageOf(PLANTS)));
    const rooms = readdirSync(folder).filter((name) => /^[a-z]+$/.test(name));
    const cruise = ['--config', '.dependency-cruiser.cjs', '--output-type', 'json', ...rooms];

    const { stdout } = spawnSync(program('depcruise'), cruise, { cwd: folder, encoding: 'utf8', maxBuffer: 2 ** 26 });

    violations = (JSON.parse(stdout) as { summary: { violations: Violation[] } }).summary.violations;
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it.each(PLANTS)('$rule is reported when $from imports $to', ({ rule, from }) => {
    const reported = violations.filter((violation) => violation.from === from).map((violation) => violation.rule.name);

    expect(reported).toContain(rule);
  });

  it('every rule has a planted violation', async () => {
    const { forbidden } = (await import(join(root, '.dependency-cruiser.cjs'))).default as {
      forbidden: { name: string }[];
    };

    const planted = new Set(PLANTS.map((plant) => plant.rule));

    expect(forbidden.map(({ name }) => name).filter((name) => !planted.has(name))).toEqual([]);
  });
});

describe('the environment', () => {
  it('is read in src/runtime/config.ts only', () => {
    const readers = sources('src', 'lambdas', 'cli', 'local', 'tasks').filter((file) =>
      /\bprocess\s*\.\s*env\b/.test(read(file)),
    );

    expect(readers).toEqual(['src/runtime/config.ts']);
  });

  it('is reported by the linter when it is read elsewhere', () => {
    const folder = mkdtempSync(join(tmpdir(), 'planted-'));
    cpSync(join(root, 'biome.json'), join(folder, 'biome.json'));
    write(join(folder, 'src/domain/planted.ts'), 'export const home = process.env.HOME;\n');

    const lint = spawnSync(program('biome'), ['lint', '--vcs-enabled=false', 'src'], { cwd: folder, encoding: 'utf8' });
    rmSync(folder, { recursive: true, force: true });

    expect(lint.stdout + lint.stderr).toContain('noProcessEnv');
    expect(lint.status).not.toBe(0);
  });
});

describe('the registries', () => {
  it.each(['engines', 'storage'])('src/%s/registry.ts names exactly the folders beside it', (room) => {
    const entries = readdirSync(join(root, 'src', room), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    const imports = [...read(`src/${room}/registry.ts`).matchAll(/from '\.\/([\w-]+)\/index\.ts'/g)];

    expect(imports.map((match) => match[1]).sort()).toEqual(folders.sort());
  });
});

describe('a source file', () => {
  it('has at most 300 lines', () => {
    const long = sources('src', 'lambdas', 'cli', 'local', 'scripts', 'tasks').filter(
      (file) => read(file).split('\n').length > 301,
    );

    expect(long).toEqual([]);
  });

  it('is not called utils, helpers, common or manager', () => {
    const vague = sources('src', 'lambdas', 'cli', 'local', 'scripts', 'tasks').filter((file) =>
      /(^|\/|-)(utils?|helpers?|common|manager)(-|\.|\/)/.test(file),
    );

    expect(vague).toEqual([]);
  });
});

/** The importing file, and the imported one or a package of that name. */
function plantViolation(folder: string, { from, to, back }: Plant): void {
  const ours = to.endsWith('.ts');
  const specifier = ours ? relativeImport(from, to) : to;
  write(join(folder, from), `import * as planted from '${specifier}';\nexport const used = planted;\n`);
  if (ours && back) {
    write(join(folder, to), `import * as planted from '${relativeImport(to, from)}';\nexport const used = planted;\n`);
  } else if (ours && !existsSync(join(folder, to))) {
    write(join(folder, to), 'export const fact = 1;\n');
  } else if (!ours && !to.startsWith('node:')) {
    write(
      join(folder, 'node_modules', to, 'package.json'),
      JSON.stringify({ name: to, version: '1.0.0', main: 'index.js' }),
    );
    write(join(folder, 'node_modules', to, 'index.js'), 'module.exports = {};\n');
  }
}

function packageOf(plants: readonly Plant[]) {
  const packages = plants.filter(({ to }) => !to.endsWith('.ts') && !to.startsWith('node:') && to !== 'left-out');
  const named = (development: boolean) =>
    Object.fromEntries(
      packages.filter((plant) => (plant.development ?? false) === development).map(({ to }) => [to, '1.0.0']),
    );
  return { name: 'planted', type: 'module', dependencies: named(false), devDependencies: named(true) };
}

function relativeImport(from: string, to: string): string {
  const path = relative(dirname(from), to);
  return path.startsWith('.') ? path : `./${path}`;
}

function write(path: string, content: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}

function sources(...rooms: readonly string[]): string[] {
  const present = rooms.filter((room) => existsSync(join(root, room)));
  return present.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => join(room, name)),
  );
}

function read(file: string): string {
  return readFileSync(join(root, file), 'utf8');
}
