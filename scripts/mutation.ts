/**
 * `npm run mutation`: changes the code of the core modules in every small way Stryker knows, one at a time, and counts how
 * many of the changes a test notices. Ends with 1 below 90 %. `-- NAME…` takes only those modules.
 *
 * One run per module with that module's own tests: what a module promises must be pinned down beside it, and a change
 * while a module is loaded costs a whole run of the tests.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { table } from '../cli/table.ts';
import { MODULES, type Mutated } from './mutation/modules.ts';

interface Mutant {
  readonly id: string;
  readonly mutatorName: string;
  readonly replacement?: string;
  readonly status: string;
  readonly location: { readonly start: { readonly line: number } };
}

interface Report {
  readonly files: Readonly<Record<string, { readonly mutants: readonly Mutant[] }>>;
}

interface Score {
  readonly file: string;
  readonly noticed: number;
  readonly all: number;
  readonly seconds: number;
  readonly survivors: readonly string[];
}

const FLOOR = 90;
const root = join(import.meta.dirname, '..');
const folder = join(root, 'reports', 'mutation');
const { default: jest } = (await import(join(root, 'jest.config.js'))) as { default: object };

const wanted = process.argv.slice(2);
const chosen = MODULES.filter(({ file }) => wanted.length === 0 || wanted.some((name) => file.endsWith(`${name}.ts`)));
mkdirSync(folder, { recursive: true });
const scores: Score[] = [];
for (const module of chosen) scores.push(await mutate(module));
const all = sum(scores.map((score) => score.all));
const noticed = sum(scores.map((score) => score.noticed));
const cells = scores.map(({ file, ...score }) => [
  file,
  `${score.noticed}/${score.all}`,
  percent(score.noticed, score.all),
  `${Math.round(score.seconds)} s`,
]);
const lines = [
  ...scores.flatMap(({ file, survivors }) => survivors.map((line) => `  ${file}:${line}`)),
  ...table(['module', 'noticed', 'score', 'time'], cells),
  `mutation score ${percent(noticed, all)} (${noticed} of ${all} changes noticed, ${new Date().toISOString()})`,
];
console.log(lines.join('\n'));
writeFileSync(join(folder, 'summary.txt'), `${lines.join('\n')}\n`);
process.exitCode = all > 0 && (100 * noticed) / all >= FLOOR && scores.every((score) => score.all > 0) ? 0 : 1;

async function mutate(module: Mutated): Promise<Score> {
  const started = performance.now();
  const name = module.file
    .replace(/^src\//, '')
    .replaceAll('/', '-')
    .replace(/\.ts$/, '');
  const report = join(folder, `${name}.json`);
  rmSync(report, { force: true });
  await stryker(module, { name, report });
  const seconds = (performance.now() - started) / 1000;
  if (!existsSync(report))
    return { file: module.file, noticed: 0, all: 0, seconds, survivors: ['no result: see above'] };
  const { files } = JSON.parse(readFileSync(report, 'utf8')) as Report;
  const mutants = (files[module.file]?.mutants ?? []).filter(({ status }) => counts(status));
  const survivors = mutants.filter(({ status }) => status === 'Survived' || status === 'NoCoverage');
  return {
    file: module.file,
    noticed: mutants.length - survivors.length,
    all: mutants.length,
    seconds,
    survivors: survivors.map(lineOf),
  };
}

/** What does not compile or run at all, and what a comment excludes with its reason, is no change of behaviour. */
function counts(status: string): boolean {
  return ['Killed', 'Timeout', 'Survived', 'NoCoverage'].includes(status);
}

function lineOf({ location, mutatorName, replacement, status }: Mutant): string {
  return `${location.start.line} ${status} ${mutatorName}: ${(replacement ?? '').replaceAll(/\s+/g, ' ').slice(0, 100)}`;
}

function stryker(module: Mutated, { name, report }: { name: string; report: string }): Promise<void> {
  const config = join(folder, `${name}.config.json`);
  writeFileSync(config, JSON.stringify(configOf(module, { name, report })));
  const program = join(root, 'node_modules', '@stryker-mutator', 'core', 'bin', 'stryker.js');
  const child = spawn(process.execPath, [program, 'run', config], {
    cwd: root,
    env: { ...process.env, FORCE_COLOR: '0' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  return new Promise((resolve) => child.on('close', () => resolve()));
}

function configOf({ file, tests }: Mutated, { name, report }: { name: string; report: string }) {
  return {
    testRunner: 'jest',
    plugins: ['@stryker-mutator/jest-runner'],
    testRunnerNodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
    jest: {
      projectType: 'custom',
      // Only the module's own tests.
      config: { ...jest, testMatch: tests },
      enableFindRelatedTests: false,
    },
    coverageAnalysis: 'perTest',
    concurrency: 1,
    mutate: [file],
    // Of the root alone: a fixture has a folder of reports too.
    ignorePatterns: [
      '/dist',
      '/reports',
      '/coverage',
      '/docs',
      '/console',
      '/bench',
      '/.database-dump',
      '/.stryker-tmp',
    ],
    reporters: ['json'],
    jsonReporter: { fileName: report },
    timeoutMS: 20_000,
    tempDirName: `.stryker-tmp/${name}`,
    warnings: { slow: false },
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${((100 * part) / whole).toFixed(2)} %`;
}
