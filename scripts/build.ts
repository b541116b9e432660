/**
 * Bundles the command line into `dist/` for the package that npm publishes: one file of ours and its chunks, with the
 * libraries left to npm. In a checkout nothing needs this: Node runs the sources as they are.
 */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const root = join(import.meta.dirname, '..');
const output = join(root, 'dist');

await rm(output, { recursive: true, force: true });
await build({
  entryPoints: { dbdump: join(root, 'cli/main.ts') },
  outdir: output,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  packages: 'external',
  legalComments: 'none',
  logLevel: 'warning',
}).catch(() => {
  // esbuild has printed what is wrong.
  process.exitCode = 1;
});
