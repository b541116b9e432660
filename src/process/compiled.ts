import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { cacheFolders } from './cache-folders.ts';

/**
 * From now on Node keeps what it compiles in our private cache, which halves the start of the next command; call it before
 * anything big is loaded. Where that folder cannot be written nothing is kept, and nothing else changes. Variables of the
 * environment do not move it: reading them takes the very libraries whose start this is about. Never Node's default folder:
 * what lies in a shared temporary folder may be somebody else's code.
 */
export function keepCompiled(): void {
  const root = process.getuid?.() === 0;
  const [folder] = cacheFolders({
    platform: process.platform,
    root,
    home: homedir(),
    chosen: undefined,
    xdg: undefined,
  });
  if (folder !== undefined) enableCompileCache(join(folder, 'compiled'));
}

/**
 * Bytes move in a few large buffers outside the heap, so V8 saves memory: its nursery stays at the megabyte it starts with,
 * and only what runs very often is compiled again for speed, since the optimising compilers alone are 8 MiB of code to
 * page in. `--max-semi-space-size` does nothing any more once Node runs.
 */
const FRUGAL = [
  '--semi-space-growth-factor=1',
  '--invocation-count-for-maglev=20000',
  '--invocation-count-for-turbofan=50000',
] as const;

/** Holds this process's memory down; what is measured of it is in docs/performance.md. */
export function saveMemory(): void {
  for (const flag of FRUGAL) setFlagsFromString(flag);
}
