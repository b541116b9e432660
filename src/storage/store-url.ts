import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '../domain/failure.ts';
import { Secret } from '../domain/secret.ts';
import { checkKey } from './key.ts';
import type { AccessKeys, FilesystemConfig, S3Config, StoreConfig } from './store-config.ts';
import { PARTS_PER_OBJECT } from './store-config.ts';

/** Gives the value of an environment variable; only the configuration room reads the environment itself. */
export type Lookup = (name: string) => string | undefined;

const PARAMETERS = [
  'region',
  'endpoint',
  'path-style',
  'role-arn',
  'external-id',
  'expected-owner',
  'kms-key-id',
  'access-key-id',
  'secret-access-key',
  'max-parts',
] as const;
type Parameter = (typeof PARAMETERS)[number];
type Parameters = Partial<Record<Parameter, string>>;

const DEFAULT_REGION = 'us-east-1';
const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const FEWEST_PARTS = 1;

/**
 * Reads `file:///folder` or `s3://bucket/prefix?region=…&endpoint=…&path-style=true&role-arn=…&external-id=env:NAME&expected-owner=…`.
 * A value `env:NAME` is looked up. What is unknown or malformed is refused as `usage`; no refusal repeats a secret.
 */
export function parseStoreUrl(text: string, lookup: Lookup): StoreConfig {
  const url = URL.parse(text);
  if (url?.protocol === 'file:') return filesystem(url);
  if (url?.protocol === 's3:') return s3(url, lookup);
  throw refused('The store address is neither file:///folder nor s3://bucket/prefix');
}

function filesystem(url: URL): FilesystemConfig {
  if (url.host !== '' || url.search !== '' || url.hash !== '')
    throw refused('A file: store takes a path and nothing else');
  try {
    const root = fileURLToPath(url);
    if (!root.includes('\0')) return { kind: 'filesystem', root: root.replace(/(?<=.)\/+$/, '') };
  } catch {
    // Encoded slashes; refused like the rest.
  }
  throw refused('The path of the file: store cannot be used');
}

function s3(url: URL, lookup: Lookup): S3Config {
  if (url.username !== '' || url.password !== '') throw refused('Credentials do not belong in a store address');
  if (url.hash !== '' || url.port !== '' || !BUCKET.test(url.host))
    throw refused('The bucket name of the store is not a valid one');
  const given = parametersOf(url, lookup);
  return {
    kind: 's3',
    bucket: url.host,
    prefix: prefixOf(url),
    region: matching(given, 'region', /^[a-z0-9-]{2,40}$/) ?? DEFAULT_REGION,
    endpoint: endpointOf(given),
    pathStyle: matching(given, 'path-style', /^(true|false)$/) === 'true',
    role: roleOf(given),
    expectedOwner: matching(given, 'expected-owner', /^\d{12}$/),
    kmsKeyId: matching(given, 'kms-key-id', /^[\w:/.-]{1,2048}$/),
    keys: keysOf(given, url),
    partsPerObject: partsOf(given),
  };
}

function parametersOf(url: URL, lookup: Lookup): Parameters {
  const result: Parameters = {};
  for (const [name, value] of url.searchParams) {
    const parameter = PARAMETERS.find((known) => known === name);
    if (parameter === undefined)
      throw refused(`The store parameter ${JSON.stringify(name.slice(0, 40))} is unknown`, PARAMETERS.join(', '));
    if (result[parameter] !== undefined) throw refused(`The store parameter ${parameter} is given twice`);
    result[parameter] = resolved(parameter, value, lookup);
  }
  return result;
}

function resolved(parameter: Parameter, value: string, lookup: Lookup): string {
  if (!value.startsWith('env:')) return value;
  const name = value.slice('env:'.length);
  const found = lookup(name);
  if (found !== undefined && found !== '') return found;
  throw refused(`The environment variable ${JSON.stringify(name.slice(0, 80))} for ${parameter} is not set`);
}

function matching(given: Parameters, name: Parameter, pattern: RegExp): string | undefined {
  const value = given[name];
  if (value === undefined || pattern.test(value)) return value;
  throw refused(`The store parameter ${name} is malformed`);
}

function prefixOf(url: URL): string {
  let prefix: string;
  try {
    prefix = decodeURIComponent(url.pathname).replace(/^\/|\/$/g, '');
  } catch {
    throw refused('The prefix of the store is malformed');
  }
  return prefix === '' ? '' : checkKey(prefix);
}

function endpointOf(given: Parameters): string | undefined {
  if (given.endpoint === undefined) return undefined;
  const url = URL.parse(given.endpoint);
  const plain = url !== null && url.username === '' && url.password === '' && url.search === '' && url.hash === '';
  if (plain && (url.protocol === 'http:' || url.protocol === 'https:'))
    return url.origin + posix.join('/', url.pathname).replace(/\/$/, '');
  throw refused('The endpoint of the store is not a bare http or https address');
}

function roleOf(given: Parameters): S3Config['role'] {
  const arn = matching(given, 'role-arn', /^arn:[a-z-]+:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/);
  const externalId = matching(given, 'external-id', /^[\w+=,.@:/-]{2,1224}$/);
  if (arn !== undefined) return { arn, externalId };
  if (externalId !== undefined) throw refused('An external-id needs a role-arn');
  return undefined;
}

// Keys written out in an address end up in shell histories and process lists: only their names may stand there.
function keysOf(given: Parameters, url: URL): AccessKeys | undefined {
  const id = given['access-key-id'];
  const secret = given['secret-access-key'];
  if (id === undefined && secret === undefined) return undefined;
  if (id === undefined || secret === undefined) throw refused('access-key-id and secret-access-key belong together');
  if (url.searchParams.get('secret-access-key')?.startsWith('env:') !== true) {
    throw refused('The secret-access-key must be given as env:NAME');
  }
  return { id: new Secret(id), secret: new Secret(secret) };
}

function partsOf(given: Parameters): number {
  const parts = Number(matching(given, 'max-parts', /^\d{1,5}$/) ?? PARTS_PER_OBJECT);
  if (parts >= FEWEST_PARTS && parts <= PARTS_PER_OBJECT) return parts;
  throw refused(`The store parameter max-parts is not between ${FEWEST_PARTS} and ${PARTS_PER_OBJECT}`);
}

function refused(cause: string, known?: string): Failure {
  return new Failure('usage', `${cause}.`, {
    remedy: known === undefined ? 'Write file:///folder or s3://bucket/prefix?region=…' : `Known are: ${known}.`,
  });
}
