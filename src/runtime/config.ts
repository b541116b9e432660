import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { cacheFolders } from '../process/cache-folders.ts';

/** An empty variable means the same as one that is not set. */
const Text = z
  .string()
  .optional()
  .transform((value) => (value === '' ? undefined : value));

const Environment = z.object({
  DATABASE_DUMP_HOME: Text,
  DATABASE_DUMP_CACHE: Text,
  XDG_DATA_HOME: Text,
  XDG_CACHE_HOME: Text,
  PATH: Text,
  CI: Text,
  NO_COLOR: Text,
  TERM: Text,
});

/** Everything this process takes from its environment, read once. */
export interface Config {
  /** Where keys and the recovery kit live unless `--data-dir` says otherwise. */
  readonly dataFolder: string;
  /** Private caches of tools, the writable one first. */
  readonly caches: readonly string[];
  readonly path: string;
  /** Where a run's own folder is made. */
  readonly temporary: string;
  readonly root: boolean;
  readonly inCi: boolean;
  /** Whether a terminal may be given colours. */
  readonly colours: boolean;
}

/** The only reader of `process.env` in the product. */
export function readConfig(environment: NodeJS.ProcessEnv = process.env): Config {
  const values = Environment.parse(environment);
  const root = process.getuid?.() === 0;
  const home = homedir();
  return {
    dataFolder:
      values.DATABASE_DUMP_HOME ??
      join(absolute(values.XDG_DATA_HOME) ?? join(home, '.local', 'share'), 'database-dump'),
    caches: cacheFolders({
      platform: process.platform,
      root,
      home,
      chosen: values.DATABASE_DUMP_CACHE,
      xdg: values.XDG_CACHE_HOME,
    }),
    path: values.PATH ?? '',
    temporary: tmpdir(),
    root,
    inCi: values.CI === 'true' || values.CI === '1',
    colours: values.NO_COLOR === undefined && values.TERM !== 'dumb',
  };
}

/** A variable that the user named, `env:NAME`; undefined where it is not set or empty. */
export function namedVariable(name: string, environment: NodeJS.ProcessEnv = process.env): string | undefined {
  const value = environment[name];
  return value === '' ? undefined : value;
}

/** The XDG rules ignore a relative folder. */
function absolute(folder: string | undefined): string | undefined {
  return folder?.startsWith('/') ? folder : undefined;
}
