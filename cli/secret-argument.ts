import { readFile, stat } from 'node:fs/promises';
import type { ReadStream } from 'node:tty';
import { Failure } from '../src/domain/failure.ts';
import { Secret } from '../src/domain/secret.ts';
import { namedVariable } from '../src/runtime/config.ts';

const LONGEST = 65_536;
const OTHERS = 0o077;

export interface SecretWish {
  /** `env:NAME`, `file:PATH`, or `-` for a line of standard input. */
  readonly source: string;
  /** `API key`, `password`. */
  readonly what: string;
  warn(sentence: string): void;
}

/** A secret from where an argument says it is. The argument is never the secret itself: others can read what was typed. */
export async function readSecret({ source, what, warn }: SecretWish): Promise<Secret> {
  const text = await textOf({ source, what, warn });
  if (text === '')
    throw new Failure('usage', `The ${what} is empty.`, { remedy: `Look at what ${source} gives, and try again.` });
  return new Secret(text);
}

async function textOf(wish: SecretWish): Promise<string> {
  const { source, what } = wish;
  if (source === '-') return fromInput(what);
  if (source.startsWith('file:')) return fromFile(wish);
  if (source.startsWith('env:')) return fromVariable(source.slice('env:'.length), what);
  // Not repeated: it may be the secret.
  throw new Failure('usage', `The ${what} is not given on the command line itself, where others can read it.`, {
    remedy: 'Give env:NAME, file:PATH, or - to be asked or to read standard input.',
  });
}

function fromVariable(name: string, what: string): string {
  const value = namedVariable(name);
  if (value !== undefined) return value.trim();
  throw new Failure('usage', `The variable ${name} for the ${what} is not set.`, {
    remedy: `Set ${name}, or give file:PATH or -.`,
  });
}

async function fromFile({ source, what, warn }: SecretWish): Promise<string> {
  const path = source.slice('file:'.length);
  try {
    const facts = await stat(path);
    if (!facts.isFile() || facts.size > LONGEST) throw new Error('it is not a small file');
    if ((facts.mode & OTHERS) !== 0) warn(`Other users may read ${path}; run: chmod 600 ${path}`);
    const [line = ''] = (await readFile(path, 'utf8')).split('\n');
    return line.trim();
  } catch (error) {
    throw new Failure('usage', `The file with the ${what}, ${path}, cannot be read.`, {
      remedy: `It must be a file of your own whose first line is the ${what}.`,
      cause: error,
    });
  }
}

async function fromInput(what: string): Promise<string> {
  const { stdin } = process;
  if (stdin.isTTY) return typed(stdin, what);
  let text = '';
  for await (const chunk of stdin) {
    text += String(chunk);
    if (text.includes('\n') || text.length > LONGEST) break;
  }
  return (text.split('\n')[0] ?? '').trim();
}

const ENTER = ['\r', '\n', '\u0004'];
const BACKSPACE = ['\u007f', '\b'];
const CTRL_C = '\u0003';

/** Asked for on the terminal, and not shown there. */
function typed(stdin: ReadStream, what: string): Promise<string> {
  process.stderr.write(`${what}: `);
  stdin.setRawMode(true);
  stdin.setEncoding('utf8');
  return new Promise((resolve, reject) => {
    let text = '';
    const end = (settle: () => void) => {
      stdin.setRawMode(false);
      stdin.off('data', take);
      stdin.pause();
      process.stderr.write('\n');
      settle();
    };
    const take = (chunk: string | Buffer) => {
      const typing = typedSoFar(text, String(chunk));
      text = typing.text;
      if (typing.ended === 'entered') end(() => resolve(text.trim()));
      if (typing.ended === 'cancelled') end(() => reject(cancelled(what)));
    };
    stdin.on('data', take);
  });
}

function typedSoFar(before: string, keys: string): { text: string; ended?: 'entered' | 'cancelled' } {
  let text = before;
  for (const key of keys) {
    if (key === CTRL_C) return { text, ended: 'cancelled' };
    if (ENTER.includes(key)) return { text, ended: 'entered' };
    text = BACKSPACE.includes(key) ? text.slice(0, -1) : text + key;
  }
  return { text };
}

function cancelled(what: string): Failure {
  return new Failure('cancelled', `No ${what} was given.`, { remedy: 'Start the command again when you have it.' });
}
