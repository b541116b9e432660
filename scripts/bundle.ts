import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build, type Metafile, type Plugin } from 'esbuild';

const root = join(import.meta.dirname, '..');

/** Loaded from node_modules as they are: these drivers look for companions of their own there; `pg-native` is such a one. */
const LEFT_TO_NPM = ['pg-native', 'mysql2', 'mongodb', 'bson'];

/** zod brings its messages in fifty languages; ours are English. */
const englishOnly: Plugin = {
  name: 'english-only',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.\/locales\/index\.js$/ }, ({ resolveDir }) => {
      return resolveDir.includes('/zod/') ? { path: join(resolveDir, '../locales/en.js') } : undefined;
    });
  },
};

/** An import of these reads all they have, which loads Node's whole fetch; a plain look at what is used does not. */
const withoutFetch: Plugin = {
  name: 'without-fetch',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:https?$/ }, ({ path }) => ({ path, namespace: 'built-in' }));
    onLoad({ filter: /.*/, namespace: 'built-in' }, ({ path }) => {
      return { contents: `module.exports=process.getBuiltinModule('${path}')` };
    });
  },
};

/** Some libraries still call `require`, which a module does not have. */
const REQUIRE = `import{createRequire as requireOf}from'node:module';const require=requireOf(import.meta.url);`;

/**
 * Bundles programs, named by entry, into a folder: one file of each, and chunks that are read when they are needed. Only
 * what is used of a library goes along, which makes a start twice as fast and halves its memory. Lines and names stay,
 * since Node prints the line of an error that nobody caught. Rejects after esbuild has printed what is wrong.
 */
export async function bundle(entryPoints: Readonly<Record<string, string>>, outdir: string): Promise<Metafile> {
  const { metafile } = await build({
    entryPoints: { ...entryPoints },
    outdir,
    absWorkingDir: root,
    bundle: true,
    splitting: true,
    metafile: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    external: LEFT_TO_NPM,
    plugins: [englishOnly, withoutFetch],
    banner: { js: REQUIRE },
    minifySyntax: true,
    legalComments: 'none',
    logLevel: 'warning',
  });
  return metafile;
}

const PACKAGE = /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/;

/** The licences of every library that has a part in a bundle, each behind its name. */
export async function licencesOf({ inputs }: Metafile): Promise<string> {
  const folders = new Set(Object.keys(inputs).flatMap((path) => PACKAGE.exec(path)?.[0] ?? []));
  const texts = await Promise.all([...folders].sort().map(licenceIn));
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}

async function licenceIn(folder: string): Promise<string> {
  const path = join(root, folder);
  const { name, version, license } = JSON.parse(await readFile(join(path, 'package.json'), 'utf8'));
  const file = (await readdir(path)).find((entry) => /^licen[cs]e/i.test(entry));
  const text = file === undefined ? `${license}\n` : await readFile(join(path, file), 'utf8');
  return `${name} ${version}\n\n${text}`;
}
