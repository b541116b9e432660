import { createHash } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isLoopback } from '../src/domain/database-url.ts';
import { Failure } from '../src/domain/failure.ts';
import { Secret } from '../src/domain/secret.ts';
import type { Config } from '../src/runtime/config.ts';
import { readLogin } from './login-file.ts';

/** A service, and what proves to it who asks. */
export interface ServiceAddress {
  /** Without a slash at its end. */
  readonly server: string;
  readonly key: Secret | undefined;
  /** Where they were found, for people. */
  readonly found: string;
}

export interface AddressWish {
  /** `--server` */
  readonly server: string | undefined;
  /** What `--api-key` gave. */
  readonly key: Secret | undefined;
  /** `--data-dir` */
  readonly dataDir: string | undefined;
  readonly config: Pick<Config, 'configFolder' | 'dataFolder' | 'server' | 'apiKey'>;
}

const USUAL_SERVER = 'http://127.0.0.1:8080';

/**
 * What was asked for, else what the environment says, else the sign-in, else a service of this machine by the key that it
 * wrote for its owner. A key goes to the service that it was given for and to no other.
 */
export async function findService(wish: AddressWish): Promise<ServiceAddress> {
  const wanted = wish.server ?? wish.config.server;
  const asked = wanted === undefined ? undefined : checked(wanted);
  const given = wish.key ?? wish.config.apiKey;
  const known = asked === undefined || given === undefined ? await knownService(wish, asked) : undefined;
  if (known !== undefined) return { ...known, key: given ?? known.key };
  return { server: asked ?? USUAL_SERVER, key: given, found: asked === undefined ? 'the usual address' : 'as given' };
}

async function knownService(wish: AddressWish, asked: string | undefined): Promise<ServiceAddress | undefined> {
  for (const look of [findLogin, findLocal]) {
    const known = await look(wish);
    if (known !== undefined && (asked === undefined || asked === known.server)) return known;
  }
  return undefined;
}

/** A data folder that was named is meant, whoever is signed in elsewhere. */
async function findLogin({ dataDir, config }: AddressWish): Promise<ServiceAddress | undefined> {
  const login = dataDir === undefined ? await readLogin(config.configFolder) : undefined;
  return login === undefined ? undefined : { ...login, found: 'the sign-in' };
}

/** As an origin, with a path where there is one. A key is sent over TLS, or stays on this machine. */
export function checked(server: string): string {
  const url = URL.parse(server);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.search !== '' || url.hash !== '') {
    throw new Failure('usage', 'The address of the service is not one.', {
      remedy: 'Write it as https://backups.example.org',
    });
  }
  if (url.username !== '' || url.password !== '') {
    throw new Failure('usage', 'Credentials do not belong in the address of the service.', {
      remedy: 'Leave them out, and sign in with an API key: dbdump login',
    });
  }
  if (url.protocol === 'http:' && !isLoopback(url.hostname.replace(/^\[|\]$/g, ''))) {
    throw new Failure('usage', `The key is not sent to ${url.host} in clear text.`, {
      remedy: `Use https://${url.host}`,
    });
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

async function findLocal({ dataDir, config }: AddressWish): Promise<ServiceAddress | undefined> {
  const folders = dataDir === undefined ? [...checkouts().flatMap(homesOf), config.dataFolder] : [resolve(dataDir)];
  for (const folder of folders) {
    const file = join(folder, 'owner.key');
    if (!existsSync(file)) continue;
    const key = await ownerKey(file);
    const url = await readFile(join(folder, 'service.url'), 'utf8').catch(() => USUAL_SERVER);
    return { server: checked(url.trim()), key, found: file };
  }
  return undefined;
}

async function ownerKey(file: string): Promise<Secret> {
  try {
    return new Secret((await readFile(file, 'utf8')).trim());
  } catch (error) {
    throw new Failure('unauthenticated', `The owner's key, ${file}, cannot be read.`, {
      remedy: 'Run this as the user who runs the service, or sign in with a key of your own: dbdump login',
      cause: error,
    });
  }
}

const DATA_FOLDER = '.database-dump';
const SHARED_DATA = '/var/lib/database-dump';

/** Folders that may be a checkout where `npm start` was run: this one and those above it, and the program's own. */
function checkouts(): string[] {
  const above: string[] = [];
  for (let folder = process.cwd(); ; folder = dirname(folder)) {
    above.push(folder);
    if (dirname(folder) === folder) break;
  }
  return [...above, dirname(import.meta.dirname)];
}

/** A checkout's data, and where they are kept when the server's user cannot enter it. */
function homesOf(checkout: string): string[] {
  const usual = join(realpathSync(checkout), DATA_FOLDER);
  const name = createHash('sha256').update(usual).digest('hex').slice(0, 8);
  return [usual, join(SHARED_DATA, `npm-start-${name}`)];
}
