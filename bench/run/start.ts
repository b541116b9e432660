import { keepCompiled } from '../../src/process/compiled.ts';

// Starts another program of this folder as the command line starts: with what was compiled before.
// usage: node bench/run/start.ts NAME ARG…
keepCompiled();
const [name = ''] = process.argv.splice(2, 1);
await import(`./${name}.ts`);
