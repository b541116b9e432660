import { Failure } from './failure.ts';
import { Secret } from './secret.ts';

/** What an engine says of the URLs it takes; an Engine is one of these. */
export interface UrlRules {
  readonly id: string;
  readonly label: string;
  /** With colon, `postgres:`. */
  readonly schemes: readonly string[];
  readonly defaultPort: number;
  /** Query parameters that are kept; every other one is refused (F83). */
  readonly options: readonly string[];
  /** Whether a server of this kind is asked without a user name. */
  readonly anonymous?: boolean;
}

export type UrlTlsMode = 'disable' | 'require' | 'verify-ca' | 'verify-full';

/** A database as its URL names it; a Connection is built from nothing else. */
export interface DatabaseAddress {
  readonly engine: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: Secret | undefined;
  /** Empty where the whole server is meant. */
  readonly database: string;
  readonly tls: { readonly mode: UrlTlsMode; readonly caFile?: string };
  readonly options: Readonly<Record<string, string>>;
}

const LONGEST_URL = 8_192;
const HIGHEST_PORT = 65_535;
const SHAPE = /^([a-z][a-z0-9+.-]*:)\/\/([^/?#]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/is;
const HOST = /^(?:\[[0-9a-f:.]+(?:%25[\w.-]+)?\]|[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?\.?)$/i;
const LOOPBACK = /^(?:localhost\.?|127(?:\.\d{1,3}){3}|::1)$/i;

/**
 * Reads a database URL into checked fields. Refuses with a Failure `usage` whatever it does not know, so that nothing of
 * a URL reaches a tool or driver unread (F81, F82, F83). No message repeats a piece that may hold a password.
 */
export function parseDatabaseUrl(text: string, engines: readonly UrlRules[]): DatabaseAddress {
  const { scheme, authority, path, query } = split(text, engines);
  const engine = engines.find((candidate) => candidate.schemes.includes(scheme));
  if (engine === undefined) throw unknownScheme(scheme, engines);
  const { user, password, host, port } = readAuthority(authority, engine);
  const parameters = readQuery(query);
  const tls = takeTls(parameters, host);
  const options = keepAllowed(parameters, engine);
  return { engine: engine.id, host, port, user, password, database: decode(path, 'database name'), tls, options };
}

/** Whether a host name or address can only mean this machine. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

function split(text: string, engines: readonly UrlRules[]) {
  if (text.length > LONGEST_URL) throw usage('The database URL is too long to be one.', 'Check what was given.');
  const match = SHAPE.exec(text);
  if (match === null) throw notUrl(text, engines);
  const [, scheme = '', authority = '', path = '', query = ''] = match;
  // An unencoded / ? or # in a password moves its rest behind the host: better refused than sent to a wrong host.
  if (path.includes('@') || query.includes('@') || path.includes('/')) {
    throw usage(
      'The database URL has an @ or / where only a database name may stand.',
      'Write special characters in user, password and database as %XX: / is %2F, @ is %40, ? is %3F, # is %23.',
    );
  }
  return { scheme: scheme.toLowerCase(), authority, path, query };
}

function readAuthority(authority: string, engine: UrlRules) {
  const at = authority.lastIndexOf('@');
  const account = at < 0 ? '' : authority.slice(0, at);
  const colon = account.indexOf(':');
  const user = decode(colon < 0 ? account : account.slice(0, colon), 'user name');
  const password = colon < 0 ? '' : decode(account.slice(colon + 1), 'password');
  if (user === '' && engine.anonymous !== true) {
    throw usage('The database URL names no user.', `Write it as ${engine.schemes[0]}//USER:PASSWORD@HOST/DATABASE`);
  }
  return {
    user,
    password: password === '' ? undefined : new Secret(password),
    ...readPlace(authority.slice(at + 1), engine.defaultPort),
  };
}

function readPlace(place: string, defaultPort: number): { host: string; port: number } {
  if (place.includes(',')) {
    throw usage('The database URL names several hosts.', 'Name the one server that is to be read, best a replica.');
  }
  if (place === '' || place.startsWith('/') || /%2f/i.test(place)) {
    throw usage('The database URL names no host; unix sockets are not used.', 'Name a host and port, 127.0.0.1:5432');
  }
  // The colons of an IPv6 address stand in brackets.
  const colon = place.indexOf(':', place.startsWith('[') ? place.indexOf(']') : 0);
  const host = colon < 0 ? place : place.slice(0, colon);
  if (!HOST.test(host)) {
    throw usage(
      'The host in the database URL is not a host name or address.',
      'Write an IPv6 address in [brackets], an international name in its xn-- form, special characters of a password as %XX.',
    );
  }
  return {
    host: host.replace(/^\[|\]$/g, '').replace('%25', '%'),
    port: readPort(colon < 0 ? '' : place.slice(colon + 1), defaultPort),
  };
}

function readPort(text: string, defaultPort: number): number {
  if (text === '') return defaultPort;
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > HIGHEST_PORT) {
    throw usage(
      'The port in the database URL is not a number from 1 to 65535.',
      'Write special characters of a password as %XX, and the port after the host: HOST:5432.',
    );
  }
  return port;
}

function readQuery(query: string): Map<string, string> {
  const parameters = new Map<string, string>();
  for (const pair of query.split('&').filter((piece) => piece !== '')) {
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals), 'option name');
    if (parameters.has(name)) throw usage(`The database URL gives ${shown(name)} twice.`, 'Give every option once.');
    parameters.set(name, equals < 0 ? '' : decode(pair.slice(equals + 1), 'option'));
  }
  return parameters;
}

/** How each family of clients spells the same four modes. Modes that fall back to clear text have no place here (F103). */
const TLS_WORDS: Readonly<Record<string, UrlTlsMode>> = {
  disable: 'disable',
  disabled: 'disable',
  false: 'disable',
  require: 'require',
  required: 'require',
  'verify-ca': 'verify-ca',
  verify_ca: 'verify-ca',
  'verify-full': 'verify-full',
  verify_identity: 'verify-full',
  true: 'verify-full',
};
const TLS_OPTIONS = ['sslmode', 'ssl-mode', 'tls', 'ssl'];

function takeTls(parameters: Map<string, string>, host: string): DatabaseAddress['tls'] {
  const given = TLS_OPTIONS.filter((name) => parameters.has(name));
  if (given.length > 1) throw usage(`The database URL gives ${given.join(' and ')}.`, 'Give one of them.');
  const caFile = parameters.get('sslrootcert');
  const word = given[0] === undefined ? undefined : parameters.get(given[0]);
  for (const name of [...TLS_OPTIONS, 'sslrootcert']) parameters.delete(name);
  const mode = word === undefined ? defaultMode(host, caFile) : TLS_WORDS[word.toLowerCase()];
  if (mode === undefined) {
    throw usage(
      `The TLS mode in the database URL (${given[0]}) is not one that can be kept.`,
      'Use sslmode=verify-full, verify-ca, require or disable: allow and prefer would fall back to clear text.',
    );
  }
  if (caFile === undefined) return { mode };
  if (!caFile.startsWith('/')) {
    throw usage('sslrootcert in the database URL is not an absolute path.', 'Write it as sslrootcert=/path/to/ca.pem');
  }
  return { mode, caFile };
}

/** TLS with a checked name, except on this machine, where there is no wire; a given certificate authority asks for it anyway. */
function defaultMode(host: string, caFile: string | undefined): UrlTlsMode {
  return isLoopback(host) && caFile === undefined ? 'disable' : 'verify-full';
}

function keepAllowed(parameters: Map<string, string>, engine: UrlRules): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of parameters) {
    const allowed = engine.options.find((option) => option.toLowerCase() === name.toLowerCase());
    if (allowed === undefined) {
      const known = [...engine.options, 'sslmode', 'sslrootcert'].join(', ');
      throw usage(`The database URL has an option that is not taken: ${shown(name)}.`, `Options taken: ${known}.`);
    }
    kept[allowed] = value;
  }
  return kept;
}

function decode(text: string, what: string): string {
  let decoded: string;
  try {
    decoded = decodeURIComponent(text);
  } catch {
    throw usage(`The ${what} in the database URL has a % that is no %XX.`, 'Write a literal % as %25.');
  }
  if (decoded.includes('\0')) {
    throw usage(`The ${what} in the database URL holds a NUL.`, 'No database takes one: leave it out.');
  }
  return decoded;
}

/** A name from outside, safe to show: short and printable. A value is never shown. */
function shown(name: string): string {
  return JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}…` : name);
}

function unknownScheme(scheme: string, engines: readonly UrlRules[]): Failure {
  if (scheme.endsWith('+srv:')) {
    return usage(
      'A +srv URL hides behind DNS which servers are meant.',
      `Name one server itself: ${scheme.replace('+srv:', '')}://USER:PASSWORD@HOST:27017/DATABASE`,
    );
  }
  return usage(`No engine takes ${shown(`${scheme}//`)} URLs.`, schemesSentence(engines));
}

function notUrl(text: string, engines: readonly UrlRules[]): Failure {
  if (text.includes('#') && text.includes('://')) {
    return usage('The database URL has a # in it.', 'Write # as %23, and other special characters as %XX.');
  }
  return usage('What was given as database is not a URL.', schemesSentence(engines));
}

function schemesSentence(engines: readonly UrlRules[]): string {
  const schemes = engines.flatMap((engine) => engine.schemes.map((scheme) => `${scheme}//`));
  return `Use ${schemes.join(', ')}, or env:NAME or file:PATH to name where such a URL stands.`;
}

function usage(message: string, remedy: string): Failure {
  return new Failure('usage', message, { remedy });
}
