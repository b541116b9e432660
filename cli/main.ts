import { keepCompiled, saveMemory } from '../src/process/compiled.ts';
import { hideTypedPasswords } from './database-argument.ts';

const LINGER_MS = 3_000;

// Before anything else is loaded: until then, every user of this machine can read what was typed.
hideTypedPasswords(process.argv.slice(2), (title) => {
  process.title = title;
});
keepCompiled();
saveMemory();

const { main } = await import('./program.ts');
await main(process.argv);

// A connection somewhere that does not close must not keep a finished command alive.
setTimeout(() => process.exit(), LINGER_MS).unref();
