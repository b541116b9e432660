import { join, resolve } from 'node:path';

export interface CacheQuestion {
  readonly platform: NodeJS.Platform;
  readonly root: boolean;
  readonly home: string;
  /** `DATABASE_DUMP_CACHE`. */
  readonly chosen: string | undefined;
  /** `XDG_CACHE_HOME`. */
  readonly xdg: string | undefined;
}

/** Root's cache: outside its home, so that the users our tools run as can reach it. */
export const SHARED_CACHE = '/var/cache/database-dump';

/** Private caches of tools, the writable one first; an ordinary user also reads the one root has filled. */
export function cacheFolders({ platform, root, home, chosen, xdg }: CacheQuestion): readonly string[] {
  if (chosen !== undefined && chosen !== '') return [resolve(chosen)];
  if (root) return [SHARED_CACHE];
  return [join(ownCaches(platform, home, xdg), 'database-dump'), SHARED_CACHE];
}

function ownCaches(platform: NodeJS.Platform, home: string, xdg: string | undefined): string {
  if (xdg?.startsWith('/')) return xdg;
  return platform === 'darwin' ? join(home, 'Library', 'Caches') : join(home, '.cache');
}
