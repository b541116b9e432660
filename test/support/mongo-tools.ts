import { execFile } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { describe } from '@jest/globals';
import { readConfig } from '../../src/runtime/config.ts';

const run = promisify(execFile);

/** The first folder of the caches and PATH that has both mongodump and mongorestore. */
export function findMongoTools(): string | undefined {
  const { caches, path } = readConfig();
  const folders = [...caches.map((cache) => join(cache, 'bin')), ...path.split(delimiter)];
  return folders.find((folder) => isProgram(join(folder, 'mongodump')) && isProgram(join(folder, 'mongorestore')));
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A suite that needs the real tools. Without them it fails in CI and says in one line elsewhere what to install. */
export function describeWithMongoTools(name: string, body: (folder: string) => void): void {
  const folder = findMongoTools();
  if (folder !== undefined) {
    describe(name, () => body(folder));
    return;
  }
  const remedy = 'install the MongoDB Database Tools or run node scripts/build-mongo-tools.ts (needs Go)';
  if (readConfig().inCi) throw new Error(`mongodump and mongorestore are missing: ${remedy}`);
  console.log(`skipped: ${name}: ${remedy}`);
  describe.skip(name, () => body(''));
}

export interface ToolResult {
  readonly code: number;
  readonly output: string;
}

/** Runs a tool to its end; a refusal is a result, not an error. */
export async function runMongoTool(program: string, args: readonly string[]): Promise<ToolResult> {
  try {
    const { stdout, stderr } = await run(program, args, { maxBuffer: 1 << 26 });
    return { code: 0, output: stdout + stderr };
  } catch (error) {
    const failure = error as { code?: unknown; stdout?: string; stderr?: string };
    if (typeof failure.code !== 'number') throw error;
    return { code: failure.code, output: `${failure.stdout}${failure.stderr}` };
  }
}
