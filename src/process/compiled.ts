import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
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
