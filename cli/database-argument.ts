import { readFile, stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Failure } from '../src/domain/failure.ts';

/** Where a database URL may come from besides the command line itself. */
export interface UrlSources {
  /** A variable of the environment; undefined where it is not set. */
  variable(name: string): string | undefined;
  warn(sentence: string): void;
}

const DEFAULT_VARIABLE = 'DATABASE_URL';
const LONGEST_FILE = 65_536;
const OTHERS = 0o077;
const PASSWORD_IN_URL = /[a-z][a-z0-9+.-]*:\/\/[^\s/@:]*:[^\s]*@/i;

/** The URL an argument stands for: itself, `env:NAME`, `file:PATH`, or $DATABASE_URL where there is none. */
export async function resolveDatabaseUrl(argument: string | undefined, sources: UrlSources): Promise<string> {
  if (argument === undefined) return fromVariable(DEFAULT_VARIABLE, sources);
  if (argument.startsWith('env:')) return fromVariable(argument.slice('env:'.length), sources);
  if (argument.startsWith('file:')) return fromFile(argument, sources);
  return argument;
}

function fromVariable(name: string, sources: UrlSources): string {
  const value = sources.variable(name);
  if (value !== undefined) return value.trim();
  throw new Failure('usage', `No database was given: the variable ${name} is not set.`, {
    remedy: 'Give a URL as postgres://USER@HOST/DATABASE, env:NAME or file:PATH, or set DATABASE_URL.',
  });
}

async function fromFile(argument: string, sources: UrlSources): Promise<string> {
  const path = argument.startsWith('file://') ? pathOfUrl(argument) : argument.slice('file:'.length);
  try {
    const facts = await stat(path);
    if (!facts.isFile() || facts.size > LONGEST_FILE) throw new Error('it is not a small file');
    if ((facts.mode & OTHERS) !== 0) sources.warn(`Other users may read ${path}; run: chmod 600 ${path}`);
    const [line = ''] = (await readFile(path, 'utf8')).split('\n');
    return line.trim();
  } catch (error) {
    throw new Failure('usage', `The file with the database URL, ${path}, cannot be read.`, {
      remedy: 'It must be a file of your own whose first line is the URL.',
      cause: error,
    });
  }
}

function pathOfUrl(argument: string): string {
  try {
    return fileURLToPath(argument);
  } catch (error) {
    throw new Failure('usage', 'The file: address of the database URL is not one.', {
      remedy: 'Write file:PATH or file:///PATH.',
      cause: error,
    });
  }
}

/** Whether an argument is a URL with a password in it. */
export function holdsPassword(argument: string): boolean {
  return PASSWORD_IN_URL.test(argument);
}

/**
 * Takes typed passwords out of what other users see of this process (`ps`, /proc). Call before anything else. Returns
 * whether there was one: whoever started us, the shell's history included, still has it.
 */
export function hideTypedPasswords(argv: readonly string[], setTitle: (title: string) => void): boolean {
  if (!argv.some(holdsPassword)) return false;
  setTitle(['dbdump', ...argv.map((argument) => (holdsPassword(argument) ? hidden(argument) : argument))].join(' '));
  return true;
}

function hidden(argument: string): string {
  return argument.replace(/([a-z][a-z0-9+.-]*:\/\/).*@/is, '$1…@');
}

export const TYPED_PASSWORD_WARNING =
  "The typed password was removed from this process's title, but the shell's history and npx still show it: give env:NAME or file:PATH instead.";
