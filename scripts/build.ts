/**
 * Bundles the command line into `dist/` for the package that npm publishes, with the licences of what it holds. In a
 * checkout nothing needs this: Node runs the sources as they are.
 */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle, licencesOf } from './bundle.ts';

const root = join(import.meta.dirname, '..');
const output = join(root, 'dist');

await rm(output, { recursive: true, force: true });
try {
  const metafile = await bundle({ dbdump: join(root, 'cli/main.ts') }, output);
  await writeFile(join(output, 'LICENSES.txt'), await licencesOf(metafile));
} catch (error) {
  // esbuild has printed what is wrong; anything else has not.
  if (!(error instanceof Error && 'errors' in error)) console.error(error);
  process.exitCode = 1;
}
