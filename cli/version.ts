import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** The version of this package. Sources in `cli/` and the bundle in `dist/` both lie one folder below package.json. */
export const VERSION: string = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))).version;
