/** Connection strings, built by us from checked fields: nothing of a user's URL reaches a driver or tool unread (F83). */
import { Failure } from '../../domain/failure.ts';
import type { Connection } from '../engine.ts';

/** The only options of a URL that are kept. Everything else could name other hosts, files or credentials of this machine. */
export const MONGODB_OPTIONS = ['authSource', 'readPreference', 'replicaSet', 'retryWrites'] as const;

const READ_PREFERENCES = ['primary', 'primaryPreferred', 'secondary', 'secondaryPreferred', 'nearest'];
const RULES: Readonly<Record<string, (value: string) => boolean>> = {
  authSource: (value) => value !== '' && value !== '$external' && !/[\0/\\. "$]/.test(value),
  readPreference: (value) => READ_PREFERENCES.includes(value),
  replicaSet: (value) => /^[\w.-]{1,64}$/.test(value),
  retryWrites: (value) => value === 'true' || value === 'false',
};
const HOST = /^[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?\.?$/i;
const ADDRESS_V6 = /^[0-9a-f:.]+(?:%[\w.-]+)?$/i;

/**
 * The connection string of one server, without a password. `directConnection` keeps drivers from following a server's
 * list of other members, which may be anywhere (F83, F87). No mechanism is named: what is negotiated is SCRAM and nothing
 * that would use credentials of this machine.
 */
export function mongodbUri(connection: Connection): string {
  const { user, port, options } = connection;
  requireUsableUser(user);
  const account = user === '' ? '' : `${encodeURIComponent(user)}@`;
  const settings: [string, string][] = [
    ['directConnection', 'true'],
    ...checkedOptions(options),
    ...tlsOptions(connection),
  ];
  if (user !== '' && options.authSource === undefined) settings.push(['authSource', 'admin']);
  const query = settings.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&');
  return `mongodb://${account}${bracketed(dialledHost(connection))}:${port}/?${query}`;
}

/** The driver escapes only the first of each in a login; said here, because a server would only say that it failed. */
function requireUsableUser(user: string): void {
  if (user.split(',').length <= 2 && user.split('=').length <= 2) return;
  throw usage(
    'A MongoDB user whose name holds several commas or equals signs cannot be logged in.',
    'Make a user with another name.',
  );
}

/** Where a certificate's name is checked the name must be dialled; else the checked address is (F88). */
function dialledHost({ host, address, tls }: Connection): string {
  return tls.mode === 'verify-full' ? host : (address ?? host);
}

function bracketed(host: string): string {
  if (HOST.test(host)) return host;
  if (host.includes(':') && ADDRESS_V6.test(host)) return `[${host.replace('%', '%25')}]`;
  throw usage(
    'The MongoDB host is not one host name or address.',
    'Name the one server that is to be read, without port or comma.',
  );
}

function checkedOptions(options: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(options).map(([name, value]) => {
    const rule = Object.hasOwn(RULES, name) ? RULES[name] : undefined;
    if (rule === undefined) {
      throw usage(
        `The MongoDB option ${JSON.stringify(name)} is not taken.`,
        `Options taken: ${MONGODB_OPTIONS.join(', ')}.`,
      );
    }
    if (!rule(value)) {
      throw usage(`The value of the MongoDB option ${name} is not one it can have.`, 'Correct it in the database URL.');
    }
    return [name, value];
  });
}

function tlsOptions({ tls }: Connection): [string, string][] {
  switch (tls.mode) {
    case 'disable':
      return [['tls', 'false']];
    case 'require':
      return [
        ['tls', 'true'],
        ['tlsInsecure', 'true'],
      ];
    case 'verify-full':
      return [['tls', 'true']];
    default:
      // mongodump drops the whole check when it is told to skip the name.
      throw new Failure('tls_refused', 'The MongoDB tools cannot check a certificate without checking its name.', {
        remedy: 'Use sslmode=verify-full with the name that stands in the certificate.',
      });
  }
}

/**
 * The text of a `--config` file: address and password, away from the arguments (F85). The password is a YAML string in
 * double quotes with everything but plain ASCII escaped, so that every character arrives as it is (F84).
 */
export function toolConfig(connection: Connection): string {
  const lines = [`uri: ${yamlString(mongodbUri(connection))}`];
  if (connection.password !== undefined) lines.push(`password: ${yamlString(connection.password.reveal())}`);
  return `${lines.join('\n')}\n`;
}

function yamlString(text: string): string {
  return `"${[...text].map(yamlCharacter).join('')}"`;
}

function yamlCharacter(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  const code = character.codePointAt(0) ?? 0;
  if (code >= 0x20 && code < 0x7f) return character;
  const digits = code.toString(16);
  return code <= 0xffff ? `\\u${digits.padStart(4, '0')}` : `\\U${digits.padStart(8, '0')}`;
}

function usage(message: string, remedy: string): Failure {
  return new Failure('usage', message, { remedy });
}
