import { createServer } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { MongoClient } from 'mongodb';
import { parseDatabaseUrl } from '../../../src/domain/database-url.ts';
import { Failure } from '../../../src/domain/failure.ts';
import { Secret } from '../../../src/domain/secret.ts';
import type { Connection } from '../../../src/engines/engine.ts';
import { mongodbUri, toolConfig } from '../../../src/engines/mongodb/address.ts';
import { withClient } from '../../../src/engines/mongodb/dial.ts';
import { mongodb } from '../../../src/engines/mongodb/index.ts';
import { mongoConnection } from '../../support/mongo-bench.ts';
import { startMongoServer } from '../../support/mongo-server/mongo-server.ts';

/** Options of drivers that read files, credentials or other hosts of this machine, or switch checks off. */
const DANGEROUS = [
  'authMechanism=MONGODB-AWS',
  'authMechanism=MONGODB-OIDC',
  'authMechanism=MONGODB-X509',
  'authMechanism=GSSAPI',
  'authMechanism=PLAIN',
  'authMechanism=SCRAM-SHA-1',
  'authmechanism=MONGODB-AWS',
  'AUTHMECHANISM=MONGODB-AWS',
  'auth%4Dechanism=MONGODB-AWS',
  'authMechanismProperties=AWS_SESSION_TOKEN:x',
  'authMechanismProperties=ENVIRONMENT:azure,TOKEN_RESOURCE:x',
  'authMechanismProperties=SERVICE_HOST:evil',
  'tlsCertificateKeyFile=/etc/passwd',
  'tlsCertificateKeyFilePassword=x',
  'tlsCertificateFile=/etc/passwd',
  'tlsCAFile=/etc/passwd',
  'tlsCRLFile=/etc/passwd',
  'sslCertificateAuthorityFile=/etc/passwd',
  'sslClientCertificateKeyFile=/etc/passwd',
  'sslPEMKeyFile=/etc/passwd',
  'sslCA=/etc/passwd',
  'sslKey=/etc/passwd',
  'tlsInsecure=true',
  'tlsinsecure=true',
  'tlsAllowInvalidCertificates=true',
  'tlsAllowInvalidHostnames=true',
  'tlsDisableOCSPEndpointCheck=true',
  'sslValidate=false',
  'proxyHost=169.254.169.254',
  'proxyPort=80',
  'proxyUsername=a',
  'proxyPassword=b',
  'srvServiceName=evil',
  'srvMaxHosts=1',
  'loadBalanced=true',
  'directConnection=false',
  'autoEncryption=x',
  'appName=evil',
  'compressors=zlib',
  'zlibCompressionLevel=9',
  'connectTimeoutMS=1',
  'socketTimeoutMS=1',
  'serverSelectionTimeoutMS=1',
  'localThresholdMS=1',
  'heartbeatFrequencyMS=1',
  'maxPoolSize=100000',
  'minPoolSize=100000',
  'waitQueueTimeoutMS=1',
  'readConcernLevel=linearizable',
  'readPreferenceTags=dc:x',
  'maxStalenessSeconds=90',
  'w=0',
  'journal=false',
  'wtimeoutMS=1',
  'retryReads=false',
  'uuidRepresentation=standard',
  'gssapiServiceName=x',
  'enableUtf8Validation=false',
  '__proto__=x',
  'constructor=x',
  'hosts=evil',
  'unknown=1',
];
/** Values that the four allowed options may not have. */
const BAD_VALUES = [
  'authSource=$external',
  'authSource=',
  'authSource=a/b',
  'authSource=a%20b',
  'authSource=%00',
  'readPreference=evil',
  'readPreference=primary%26tls%3Dfalse',
  'replicaSet=',
  'replicaSet=a%2Fb',
  'replicaSet=rs0,evil:27017',
  'retryWrites=maybe',
  'readPreference=primary&readPreference=secondary',
];
const HOSTILE_PLACES = [
  'mongodb://u:p@good,evil/db',
  'mongodb://u:p@good:27017,evil:27017/db',
  'mongodb://u:p@good%2Cevil/db',
  'mongodb+srv://u:p@cluster.example/db',
  'MONGODB+SRV://u:p@cluster.example/db',
  'mongodb://u:p@%2Ftmp%2Fmongodb-27017.sock/db',
  'mongodb:///tmp/mongodb-27017.sock',
  'mongodb://u:p@/db',
  'mongodb://u:p@good:0/db',
  'mongodb://u:p@good:99999/db',
  'mongodb://u:p@good:27017:1/db',
  'mongodb://u:p@good/db/evil',
  'mongodb://u:p@good/db@evil',
  'mongodb://u:p@good#@evil/db',
  'mongodb://u:p@go od/db',
  'mongodb://u:p@good/d%00b',
  'mongodb://u:p@[::1/db',
  'http://good/db',
  'mongodb:good',
];
const GOOD: readonly (readonly [string, string])[] = [
  ['mongodb://127.0.0.1/db', '127.0.0.1:27017'],
  ['mongodb://u:p@localhost:1/db', 'localhost:1'],
  ['mongodb://u:p%40%2F%3A@db.example.org/db?replicaSet=rs0', 'db.example.org:27017'],
  ['mongodb://u:p@db.example.org/db?readPreference=secondaryPreferred&retryWrites=true', 'db.example.org:27017'],
  ['mongodb://u%2Cevil%3A1:p@db/db?authSource=other', 'db:27017'],
  // The last @ ends the account, as in every URL: what stands before is the password.
  ['mongodb://u:p@good\\@other/db', 'other:27017'],
  ['mongodb://[::1]:5/db?sslmode=disable', '[::1]:5'],
];

/** The path a URL takes in the product: checked fields first, then a connection string of ours. */
function uriOf(url: string): string {
  return mongodbUri({ ...parseDatabaseUrl(url, [mongodb]), engine: 'mongodb' } as Connection);
}

describe('connection strings of MongoDB', () => {
  it('F83 has a table of at least 100 URLs', () => {
    expect(DANGEROUS.length + BAD_VALUES.length + HOSTILE_PLACES.length + GOOD.length).toBeGreaterThanOrEqual(100);
  });

  it.each([
    ...DANGEROUS.map((option) => `mongodb://u:p@good/db?${option}`),
    ...BAD_VALUES.map((option) => `mongodb://u:p@good/db?${option}`),
    ...HOSTILE_PLACES,
  ])('F83 refuses %s', (url) => {
    let refused: unknown;
    try {
      uriOf(url);
    } catch (error) {
      refused = error;
    }

    expect(refused).toBeInstanceOf(Failure);
    expect(refused).toMatchObject({ code: 'usage', remedy: expect.stringMatching(/./) });
    expect((refused as Failure).message).not.toContain('p@');
  });

  it.each(GOOD)('F83 dials of %s one host and nothing else', (url, place) => {
    const uri = uriOf(url);

    const { options } = new MongoClient(uri);
    expect(options.hosts.map(String)).toEqual([place]);
    expect(options).toMatchObject({ directConnection: true });
    expect(options.proxyHost).toBeUndefined();
    expect(options.tlsCertificateKeyFile).toBeUndefined();
    expect(options.credentials?.mechanism ?? 'DEFAULT').toBe('DEFAULT');
  });

  it('F83 refuses options that did not come through a URL', () => {
    const connection = mongoConnection({ host: 'good', port: 1 }, { options: { proxyHost: 'evil' } });

    expect(() => mongodbUri(connection)).toThrow('"proxyHost" is not taken');
    expect(() => mongodbUri(mongoConnection({ host: 'a,b', port: 1 }))).toThrow('not one host name');
    expect(() => mongodbUri(mongoConnection({ host: 'a/?tls=false', port: 1 }))).toThrow('not one host name');
  });

  it('F83 does not follow a server to the members it names', async () => {
    let dialled = 0;
    const rogue = createServer((socket) => {
      dialled += 1;
      socket.destroy();
    });
    await new Promise<void>((done) => rogue.listen(0, '127.0.0.1', done));
    const { port } = rogue.address() as { port: number };
    const server = await startMongoServer({ replicaSet: { name: 'rs0', hosts: [`127.0.0.1:${port}`] } });
    try {
      const connection = mongoConnection(server, { options: { replicaSet: 'rs0' } });

      await withClient({ signal: new AbortController().signal, runId: 'r' }, connection, (client) =>
        client.db('db').command({ ping: 1 }),
      );

      expect(dialled).toBe(0);
    } finally {
      await server.close();
      rogue.close();
    }
  });

  it.each([
    ['disable', 'tls=false'],
    ['require', 'tls=true&tlsInsecure=true'],
    ['verify-full', 'tls=true'],
  ] as const)('spells TLS mode %s', (mode, expected) => {
    expect(mongodbUri(mongoConnection({ host: 'db', port: 1 }, { tls: { mode } }))).toContain(
      `?directConnection=true&${expected}`,
    );
  });

  it('refuses a TLS mode that mongodump would not keep', () => {
    const connection = mongoConnection({ host: 'db', port: 1 }, { tls: { mode: 'verify-ca' } });

    expect(() => mongodbUri(connection)).toThrow(expect.objectContaining({ code: 'tls_refused' }));
  });

  it('dials the checked address, except where the name is needed for the certificate', () => {
    const at = (mode: 'disable' | 'verify-full') =>
      mongodbUri(mongoConnection({ host: 'db.example', port: 1 }, { address: '192.0.2.7', tls: { mode } }));

    expect(at('disable')).toContain('@192.0.2.7:1'.slice(1));
    expect(at('verify-full')).toContain('db.example:1');
  });

  it.each(['a,b,c', '=='])('says that user %s cannot be logged in by the driver', (user) => {
    const connection = mongoConnection({ host: 'db', port: 1 }, { user, password: new Secret('x') });

    expect(() => mongodbUri(connection)).toThrow('several commas or equals signs');
  });

  it('F84 writes a password into YAML as printable ASCII only', () => {
    const password = 'a"b\\c\n\r\t\u0000\u0085\u2028\ufeffż🐘#: {}%41';
    const connection = mongoConnection({ host: 'db', port: 1 }, { user: 'u', password: new Secret(password) });

    const line = toolConfig(connection).split('\n')[1] ?? '';

    expect(line).toMatch(/^password: "[ -~]*"$/);
    expect(line).toContain('a\\"b\\\\c\\u000a\\u000d\\u0009\\u0000\\u0085\\u2028\\ufeff\\u017c\\U0001f418#: {}%41');
  });
});
