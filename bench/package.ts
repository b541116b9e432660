import { cpSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundle } from '../scripts/bundle.ts';

const ROOT = join(import.meta.dirname, '..');
/** Inside the checkout, so that the drivers the bundle leaves to npm are found. */
const FOLDER = join(ROOT, 'node_modules', '.cache', `database-dump-bench-${process.pid}`);

/** Programs of `run/` that are measured. The servers beside them run as sources. */
const MEASURED = ['start', 'backup', 'restore', 'upload', 'original'];

/** The launcher of the command line, as npm installs it. */
export const LAUNCHER = join(FOLDER, 'cli', 'dbdump.js');
/** Starts one of the benchmark's programs by its name. */
export const STARTER = join(FOLDER, 'dist', 'start.js');

/**
 * Builds what users install, laid out as npm does, with the benchmark's own programs in the same bundle: sources would cost
 * their translation at every start. Returns its removal.
 */
export async function buildPackage(): Promise<() => void> {
  mkdirSync(join(FOLDER, 'cli'), { recursive: true });
  for (const file of ['package.json', 'cli/dbdump.js']) cpSync(join(ROOT, file), join(FOLDER, file));
  const programs = MEASURED.map((name) => [name, join(ROOT, 'bench', 'run', `${name}.ts`)]);
  await bundle({ ...Object.fromEntries(programs), dbdump: join(ROOT, 'cli', 'main.ts') }, join(FOLDER, 'dist'));
  return () => rmSync(FOLDER, { recursive: true, force: true });
}
