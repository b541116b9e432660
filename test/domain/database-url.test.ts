import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isLoopback, parseDatabaseUrl, type UrlRules } from '../../src/domain/database-url.ts';
import { Failure } from '../../src/domain/failure.ts';

const ENGINES: readonly UrlRules[] = [
  { id: 'postgres', label: 'PostgreSQL', schemes: ['postgres:', 'postgresql:'], defaultPort: 5432, options: [] },
  { id: 'mysql', label: 'MySQL', schemes: ['mysql:', 'mariadb:'], defaultPort: 3306, options: [] },
  {
    id: 'mongodb',
    label: 'MongoDB',
    schemes: ['mongodb:'],
    defaultPort: 27017,
    options: ['authSource', 'replicaSet', 'readPreference', 'retryWrites'],
    anonymous: true,
  },
];

function parse(url: string) {
  return parseDatabaseUrl(url, ENGINES);
}

function refusal(url: string): Failure {
  try {
    parse(url);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

describe('database URL', () => {
  it('reads host, port, user, password and database', () => {
    const address = parse('postgres://ann:s%40cret@db.example.com:6432/shop');

    expect(address).toMatchObject({ engine: 'postgres', host: 'db.example.com', port: 6432, user: 'ann' });
    expect(address.password?.reveal()).toBe('s@cret');
    expect(address.database).toBe('shop');
  });

  it('takes every scheme of every engine and its default port', () => {
    for (const engine of ENGINES) {
      for (const scheme of engine.schemes) {
        expect(parse(`${scheme}//u@h/d`)).toMatchObject({ engine: engine.id, port: engine.defaultPort });
      }
    }
  });

  it('asks for a checked certificate unless the host is this machine', () => {
    expect(parse('postgres://u@db.example.com/d').tls).toEqual({ mode: 'verify-full' });
    for (const host of ['localhost', '127.0.0.1', '127.8.9.1', '[::1]']) {
      expect(parse(`postgres://u@${host}/d`).tls).toEqual({ mode: 'disable' });
      expect(parse(`postgres://u@${host}/d?sslmode=verify-full`).tls).toEqual({ mode: 'verify-full' });
      expect(parse(`postgres://u@${host}/d?sslrootcert=/ca.pem`).tls).toEqual({
        mode: 'verify-full',
        caFile: '/ca.pem',
      });
    }
    expect(isLoopback('127.0.0.1.example.com')).toBe(false);
  });

  it.each([
    ['sslmode=require', 'require'],
    ['sslmode=verify-ca', 'verify-ca'],
    ['sslmode=disable', 'disable'],
    ['ssl-mode=VERIFY_IDENTITY', 'verify-full'],
    ['ssl-mode=REQUIRED', 'require'],
    ['tls=true', 'verify-full'],
    ['ssl=false', 'disable'],
  ])('reads %s as %s', (query, mode) => {
    expect(parse(`mysql://u@db.example.com/d?${query}`).tls.mode).toBe(mode);
  });

  it('F103 refuses TLS modes that may fall back to clear text', () => {
    for (const mode of ['allow', 'prefer', 'PREFERRED', 'no-verify', '']) {
      expect(refusal(`postgres://u@h.example/d?sslmode=${mode}`).code).toBe('usage');
    }
  });

  it('keeps the options an engine allows, in its own spelling, and refuses every other by name', () => {
    expect(parse('mongodb://h/d?AuthSource=admin&replicaSet=rs0').options).toEqual({
      authSource: 'admin',
      replicaSet: 'rs0',
    });
    expect(refusal('postgres://u@h/d?options=-c%20x').message).toContain('"options"');
  });

  it.each([
    'mongodb://h/d?authMechanism=MONGODB-AWS',
    'mongodb://h/d?authMechanism=MONGODB-OIDC',
    'mongodb://h/d?authMechanismProperties=x',
    'mongodb://h/d?tlsCertificateKeyFile=/root/key',
    'mongodb://h/d?tlsCAFile=/root/ca',
    'mongodb://h/d?tlsInsecure=true',
    'mongodb://h/d?tlsAllowInvalidCertificates=true',
    'mongodb://h/d?proxyHost=evil',
    'mongodb://h/d?srvServiceName=x',
    'mongodb+srv://h/d',
    'mongodb://a,b/d',
    'mongodb://a:1,b:2/d',
    'mongodb://%2Ftmp%2Fmongo.sock/d',
    'postgres://u@%2Fvar%2Frun%2Fpostgresql/d',
    'postgres://u@/d?host=/var/run/postgresql',
    'postgres://u@h/d?host=evil',
    'postgres://u@h/d?hostaddr=169.254.169.254',
    'postgres://u@h/d?service=x',
    'postgres://u@h/d?passfile=/root/x',
    'postgres://u@h/d?sslkey=/root/x',
    'postgres://u@h1,h2/d',
    'mysql://u@h/d?socketPath=/tmp/x',
    'mysql://u@h/d?allowPublicKeyRetrieval=true',
    'postgres://u@h/d?sslrootcert=ca.pem',
    'postgres://u@h/d?sslmode=require&sslmode=disable',
    'postgres://u@h/d?sslmode=require&tls=false',
    'postgres://h/d',
    'postgres://',
    'postgres:',
    'http://u@h/d',
    'javascript:alert(1)',
    'u@h/d',
    '',
    '-h',
    'postgres://u@h:0/d',
    'postgres://u@h:65536/d',
    'postgres://u@h:5e3/d',
    'postgres://u@h:-1/d',
    'postgres://u@ho st/d',
    'postgres://u@-h/d',
    'postgres://u@h%00/d',
    'postgres://u@h/d%00',
    'postgres://u%ZZ@h/d',
    'postgres://u@h/a/b',
    'postgres://u@h/d#x',
    'postgres://u@[::1/d',
    'postgres://u@::1/d',
  ])('F83 refuses %s with a cause and a remedy', (url) => {
    const failure = refusal(url);

    expect(failure.code).toBe('usage');
    expect(failure.message).toMatch(/\.$/);
    expect(failure.remedy).toBeTruthy();
  });

  it('refuses a URL of 9,000 characters', () => {
    expect(refusal(`postgres://u@h/${'d'.repeat(9000)}`).message).toContain('too long');
  });

  it('F85 repeats no piece of a password in a refusal, however it is mangled', () => {
    for (const separator of ['/', '?', '#', '@', ':', '%', '/?#@:', ' ', '\\', ',', '[']) {
      const url = `postgres://ann:hunter2${separator}canary@db.example.com:5432/shop`;
      try {
        parse(url);
      } catch (error) {
        const failure = error as Failure;
        expect(`${failure.message} ${failure.remedy} ${JSON.stringify(failure.details)}`).not.toMatch(/hunter2|canary/);
      }
    }
  });

  it('F84 gives back any user, password and database name that was percent-encoded', () => {
    const text = fc
      .string({ unit: 'grapheme', minLength: 1 })
      .filter((value) => !value.includes('\0') && value.isWellFormed());
    fc.assert(
      fc.property(text, text, text, (user, password, database) => {
        const account = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`;
        const address = parse(`postgres://${account}@127.0.0.1:5433/${encodeURIComponent(database)}`);

        expect(address).toMatchObject({ user, database, host: '127.0.0.1', port: 5433 });
        expect(address.password?.reveal()).toBe(password);
      }),
      { numRuns: 500 },
    );
  });

  it('F82 never takes a host from anywhere but the place of the host', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii' }), fc.string({ unit: 'binary-ascii' }), (account, rest) => {
        try {
          const address = parse(`postgres://${account}@db.example.com/${rest}`);
          expect(address.host).toBe('db.example.com');
        } catch (error) {
          expect(error).toBeInstanceOf(Failure);
        }
      }),
      { numRuns: 2000 },
    );
  });

  it('answers any text with an address or a Failure', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        try {
          parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(Failure);
          expect((error as Failure).code).toBe('usage');
        }
      }),
      { numRuns: 2000 },
    );
  });
});
