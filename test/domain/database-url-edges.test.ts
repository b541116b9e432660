import { describe, expect, it } from '@jest/globals';
import { parseDatabaseUrl, type UrlRules } from '../../src/domain/database-url.ts';

const engines: readonly UrlRules[] = [
  {
    id: 'postgres',
    label: 'PostgreSQL',
    schemes: ['postgres:', 'postgresql:'],
    defaultPort: 5432,
    options: ['connect_timeout', 'authSource'],
  },
  { id: 'mongodb', label: 'MongoDB', schemes: ['mongodb:'], defaultPort: 27_017, options: [], anonymous: true },
];
const parse = (url: string) => parseDatabaseUrl(url, engines);
const refusal = (message: string | RegExp, remedy: string | RegExp) => {
  const matching = (text: string | RegExp) => (typeof text === 'string' ? text : expect.stringMatching(text));
  return expect.objectContaining({ code: 'usage', message: matching(message), remedy: matching(remedy) });
};
const U = 'postgres://u@';

describe('a database URL at its edges', () => {
  it('takes what stands on the last allowed side', () => {
    expect(parse(`${U}h:1/d`)).toMatchObject({ host: 'h', port: 1 });
    expect(parse(`${U}h:65535/d`)).toMatchObject({ port: 65_535 });
    expect(parse(`${U}h:/d`)).toMatchObject({ port: 5432 });
    expect(parse('mongodb://h')).toMatchObject({ user: '', password: undefined, database: '', port: 27_017 });
    expect(parse('mongodb://:pw@h')).toMatchObject({ user: '', password: expect.anything() });
    expect(parse('POSTGRES://u@h')).toMatchObject({ engine: 'postgres', database: '' });
    expect(parse('postgres://u:a%3Ab:c@h/d').password?.reveal()).toBe('a:b:c');
    expect(parse('postgres://u:@h/d').password).toBeUndefined();
    expect(parse(`${U}h/d?`).options).toEqual({});
    expect(parse(`${U}h/d?&&connect_timeout=5&`).options).toEqual({ connect_timeout: '5' });
    expect(parse(`${U}h/d?AUTHSOURCE`).options).toEqual({ authSource: '' });
    expect(parse(`${U}[fe80::1%25eth0]:7/d`)).toMatchObject({ host: 'fe80::1%eth0', port: 7 });
    expect(parse(`${U}db_1.example.com./d`).host).toBe('db_1.example.com.');
    expect(parse(`${U}h/a%2Fb%40c`).database).toBe('a/b@c');
    expect(parse(`${U}h/${'d'.repeat(8_192 - U.length - 2)}`).host).toBe('h');
  });

  it.each([
    [`${U}h/${'d'.repeat(8_192 - U.length - 1)}`, 'The database URL is too long to be one.', 'Check what was given.'],
    [`${U}h:0/d`, 'The port in the database URL is not a number from 1 to 65535.', /HOST:5432/],
    [`${U}h:65536/d`, 'The port in the database URL is not a number from 1 to 65535.', /HOST:5432/],
    [`${U}h:x/d`, 'The port in the database URL is not a number from 1 to 65535.', /HOST:5432/],
    [`${U}h:1x/d`, 'The port in the database URL is not a number from 1 to 65535.', /HOST:5432/],
    [`${U}h:x1/d`, 'The port in the database URL is not a number from 1 to 65535.', /HOST:5432/],
    ['postgres://h/d', 'The database URL names no user.', 'Write it as postgres://USER:PASSWORD@HOST/DATABASE'],
    [`${U}/d`, 'The database URL names no host; unix sockets are not used.', 'Name a host and port, 127.0.0.1:5432'],
    [`${U}%2Ftmp/d`, 'The database URL names no host; unix sockets are not used.', /^Name/],
    [`${U}a,b/d`, 'The database URL names several hosts.', /^Name the one server/],
    [`${U}h h/d`, 'The host in the database URL is not a host name or address.', /\[brackets\]/],
    [`${U}-h/d`, 'The host in the database URL is not a host name or address.', /xn--/],
    [`${U}h-/d`, 'The host in the database URL is not a host name or address.', /xn--/],
    [`${U}[::1/d`, 'The host in the database URL is not a host name or address.', /%XX/],
    [`${U}x[::1]/d`, 'The host in the database URL is not a host name or address.', /%XX/],
    ['postgres://u:p@ss@h/d@e', /^The database URL has an @ or \//, /%2F/],
    [`${U}h/d?x=@`, /^The database URL has an @ or \//, /%40/],
    [`${U}h/a/b`, /^The database URL has an @ or \//, /%23\.$/],
    [
      `${U}h/d?connect_timeout=1&connect_timeout=2`,
      'The database URL gives "connect_timeout" twice.',
      'Give every option once.',
    ],
    [`${U}h/d?ssl=true&tls=true`, 'The database URL gives tls and ssl.', 'Give one of them.'],
    [
      `${U}h/d?sslmode=prefer`,
      'The TLS mode in the database URL (sslmode) is not one that can be kept.',
      /verify-full/,
    ],
    [
      `${U}h/d?sslmode=disable&sslrootcert=ca.pem`,
      'sslrootcert in the database URL is not an absolute path.',
      /^Write it as/,
    ],
    [
      `${U}h/d?service=x`,
      'The database URL has an option that is not taken: "service".',
      'Options taken: connect_timeout, authSource, sslmode, sslrootcert.',
    ],
    [
      `${U}h/d?${'o'.repeat(41)}=x`,
      `The database URL has an option that is not taken: "${'o'.repeat(40)}…".`,
      /^Options taken/,
    ],
    [
      `${U}h/d?${'o'.repeat(40)}=x`,
      `The database URL has an option that is not taken: "${'o'.repeat(40)}".`,
      /^Options/,
    ],
    ['postgres://%zz@h/d', 'The user name in the database URL has a % that is no %XX.', 'Write a literal % as %25.'],
    ['postgres://u:%zz@h/d', 'The password in the database URL has a % that is no %XX.', /%25/],
    [`${U}h/%zz`, 'The database name in the database URL has a % that is no %XX.', /%25/],
    [`${U}h/d?%zz=1`, 'The option name in the database URL has a % that is no %XX.', /%25/],
    [`${U}h/d?connect_timeout=%zz`, 'The option in the database URL has a % that is no %XX.', /%25/],
    [`${U}h/d%00`, 'The database name in the database URL holds a NUL.', 'No database takes one: leave it out.'],
    [
      'mongodb+srv://h/d',
      'A +srv URL hides behind DNS which servers are meant.',
      /^Name one server itself: mongodb:\/\/USER/,
    ],
    [
      'mysql://u@h/d',
      'No engine takes "mysql://" URLs.',
      /^Use postgres:\/\/, postgresql:\/\/, mongodb:\/\/, or env:NAME/,
    ],
    [`${U}h/d#x`, 'The database URL has a # in it.', 'Write # as %23, and other special characters as %XX.'],
    ['shop#1', 'What was given as database is not a URL.', /file:PATH to name where such a URL stands\.$/],
    ['shop', 'What was given as database is not a URL.', /^Use postgres:\/\//],
    [' postgres://u@h/d', 'What was given as database is not a URL.', /^Use/],
  ])('refuses %j', (url, message, remedy) => {
    expect(() => parse(url)).toThrow(refusal(message, remedy));
  });

  it.each([
    ['disable', 'disable'],
    ['disabled', 'disable'],
    ['false', 'disable'],
    ['require', 'require'],
    ['REQUIRED', 'require'],
    ['verify-ca', 'verify-ca'],
    ['VERIFY_CA', 'verify-ca'],
    ['verify-full', 'verify-full'],
    ['VERIFY_IDENTITY', 'verify-full'],
    ['true', 'verify-full'],
  ])('keeps the TLS mode %s as %s, however the option is called', (word, mode) => {
    for (const option of ['sslmode', 'ssl-mode', 'tls', 'ssl']) {
      expect(parse(`${U}h/d?${option}=${word}`)).toMatchObject({ tls: { mode }, options: {} });
    }
    expect(parse(`${U}h/d?sslmode=${word}&sslrootcert=/ca`).tls).toEqual({ mode, caFile: '/ca' });
  });

  it('asks for a checked name unless the server is on this machine', () => {
    for (const host of ['localhost', 'LOCALHOST.', '127.0.0.1', '127.1.2.3', '[::1]']) {
      expect([host, parse(`${U}${host}/d`).tls]).toEqual([host, { mode: 'disable' }]);
      expect(parse(`${U}${host}/d?sslrootcert=/ca`).tls).toEqual({ mode: 'verify-full', caFile: '/ca' });
    }
    for (const host of [
      'localhost.evil.com',
      'xlocalhost',
      '127.0.0.1.evil.com',
      'x127.0.0.1',
      '1127.0.0.1',
      '[::11]',
      '127.0.0',
    ]) {
      expect([host, parse(`${U}${host}/d`).tls]).toEqual([host, { mode: 'verify-full' }]);
    }
  });
});
