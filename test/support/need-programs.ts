import { existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { describe } from '@jest/globals';
import { readConfig } from '../../src/runtime/config.ts';

/** A suite that needs programs of this machine. Without them it fails in CI and says in one line elsewhere what to install. */
export function describeWith(programs: readonly string[], name: string, body: () => void): void {
  const folders = programFolders();
  const missing = programs.filter((program) => !folders.some((folder) => existsSync(join(folder, program))));
  if (missing.length === 0) {
    describe(name, body);
    return;
  }
  const remedy = `${missing.join(', ')} missing; run: sh scripts/bootstrap test`;
  if (readConfig().inCi) throw new Error(`${name}: ${remedy}`);
  console.log(`skipped: ${name}: ${remedy}`);
  describe.skip(name, body);
}

function programFolders(): string[] {
  const { caches, path } = readConfig();
  const versioned = ['/usr/lib/postgresql', ...caches.flatMap((cache) => [join(cache, 'tools'), join(cache, 'trial')])];
  const inside = versioned
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((version) => join(folder, version, 'bin')));
  return [...path.split(delimiter), ...caches.map((cache) => join(cache, 'bin')), '/usr/sbin', ...inside];
}
