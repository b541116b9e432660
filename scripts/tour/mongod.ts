import { chmod, copyFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const SERVER = join(import.meta.dirname, '..', '..', 'test', 'support', 'mongo-server', 'main.ts');

/**
 * Makes a `mongod` of the wire server in that folder: the service starts it, as it would a real one, to restore into. All of
 * it lies there, Node too: programs that the service starts run as another user, who need not get into the checkout.
 */
export async function provideMongod(folder: string): Promise<void> {
  const [node, script] = [join(folder, 'node'), join(folder, 'mongo-server.mjs')];
  const banner = `import{createRequire}from'node:module';const require=createRequire(import.meta.url);`;
  await build({
    ...{ entryPoints: [SERVER], outfile: script, bundle: true, format: 'esm', platform: 'node', target: 'node24' },
    ...{ banner: { js: banner }, logLevel: 'warning' },
  });
  await copyFile(process.execPath, node);
  const program = join(folder, 'mongod');
  await writeFile(program, `#!/bin/sh\nexec '${node}' '${script}' "$@"\n`);
  for (const path of [node, program]) await chmod(path, 0o755);
}
