/**
 * Builds mongodump and mongorestore from the source pinned in `scripts/mongo-tools/` (needs Go), for tests and trials.
 * Production uses the vendor's packages. Idempotent: a tool that already reports the pinned version is left alone.
 * The `bin` folder of the cache receives them (`DATABASE_DUMP_CACHE` chooses another); one line on stdout says what was done.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readConfig } from '../src/runtime/config.ts';

const run = promisify(execFile);

const TOOLS = ['mongodump', 'mongorestore'] as const;
const VERSION = '100.12.2';
const COMMIT = '8876412';
const MODULE_FOLDER = join(import.meta.dirname, 'mongo-tools');

type Tool = (typeof TOOLS)[number];

/** Where the tools belong, whether or not they are there yet: the `bin` of the cache that this user may write. */
export function mongoToolsFolder(): string {
  return join(readConfig().caches[0] ?? '', 'bin');
}

/** Builds what is missing in `folder`; answers the names of the tools that were built now. Throws when Go is missing or fails. */
export async function buildMongoTools(folder = mongoToolsFolder()): Promise<Tool[]> {
  const missing: Tool[] = [];
  for (const tool of TOOLS) {
    if (!(await isCurrent(join(folder, tool)))) missing.push(tool);
  }
  if (missing.length === 0) return [];
  await mkdir(folder, { recursive: true });
  const workshop = await mkdtemp(join(folder, '.mongo-tools-'));
  try {
    for (const tool of missing) await build(tool, workshop, folder);
  } finally {
    await rm(workshop, { recursive: true, force: true });
  }
  return missing;
}

/** Renamed into place when complete, so that two builds at once or a killed one never leave half a program. */
async function build(tool: Tool, workshop: string, folder: string): Promise<void> {
  const output = join(workshop, tool);
  const stamp = `-X main.VersionStr=${VERSION} -X main.GitCommit=${COMMIT}`;
  await run('go', ['build', '-ldflags', stamp, '-o', output, `github.com/mongodb/mongo-tools/${tool}/main`], {
    cwd: MODULE_FOLDER,
    env: { ...process.env, GOFLAGS: '-mod=readonly -trimpath', GOTOOLCHAIN: 'local' },
  });
  await rename(output, join(folder, tool));
}

async function isCurrent(program: string): Promise<boolean> {
  try {
    const { stdout } = await run(program, ['--version']);
    return stdout.includes(`version: ${VERSION}`) && stdout.includes(COMMIT);
  } catch {
    return false;
  }
}

async function main(): Promise<void> {
  try {
    const built = await buildMongoTools();
    const action = built.length === 0 ? 'already built' : `built ${built.join(' and ')}`;
    console.log(`mongo tools ${VERSION}: ${action} in ${mongoToolsFolder()}`);
  } catch (error) {
    const reason = error instanceof Error && 'code' in error && error.code === 'ENOENT' ? 'Go is not installed' : error;
    console.error(`mongo tools ${VERSION} could not be built: ${reason}. Install Go 1.26 or newer and try again.`);
    process.exitCode = 1;
  }
}

if (import.meta.main) void main();
