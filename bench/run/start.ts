import { extname } from 'node:path';
import { keepCompiled, saveMemory } from '../../src/process/compiled.ts';

// Starts another program of this folder as the command line starts: with what was compiled before, and frugally.
// usage: node start.js NAME ARG…   (bundled as the package is)
keepCompiled();
saveMemory();
const [name = ''] = process.argv.splice(2, 1);
const beside = new URL(`./${name}${extname(import.meta.filename)}`, import.meta.url);
await import(beside.href);
