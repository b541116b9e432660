import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDatabaseUrl } from '../../src/domain/database-url.ts';
import { Failure } from '../../src/domain/failure.ts';
import { redactor } from '../../src/domain/redaction.ts';
import { Secret } from '../../src/domain/secret.ts';
import { readVersion } from '../../src/domain/tool-version.ts';
import type { Connection } from '../../src/engines/engine.ts';
import { readArchive } from '../../src/engines/mongodb/archive.ts';
import { fitsOptionFile, optionFile } from '../../src/engines/mysql/option-file.ts';
import { dumpReader } from '../../src/engines/mysql/parse.ts';
import { engines } from '../../src/engines/registry.ts';
import { parseTrustedKeys } from '../../src/pipeline/keys.ts';
import { openManifest, openReport, signerOf } from '../../src/pipeline/seal.ts';
import { parseStoreUrl } from '../../src/storage/store-url.ts';
import { readOptionFile } from './option-file-reader.ts';
import { MANIFEST, MYSQL_DUMP } from './samples.ts';

/**
 * Something that reads what others wrote. `run` must come to an end in a moment and may throw a Failure, which is a
 * refusal; any other error, and any promise of its own that does not hold, is a finding.
 */
export interface FuzzTarget {
  readonly name: string;
  readonly samples: readonly Buffer[];
  readonly words: readonly string[];
  run(input: Buffer): void | Promise<void>;
}

const text = (...samples: string[]) => samples.map((sample) => Buffer.from(sample));
const signer = signerOf(generateKeyPairSync('ed25519').privateKey);
const SIGNED = { algorithm: 'ed25519', keyId: '0'.repeat(16), value: 'AAAA' };
const JSON_WORDS = [
  '{',
  '}',
  '[',
  ']',
  ',',
  '"__proto__":',
  'null',
  '1e999',
  '-0',
  '"version": 2',
  '\\u0000',
  '\ufeff',
];

const CONNECTION: Connection = {
  engine: 'mysql',
  host: 'h',
  port: 1,
  user: 'u',
  password: undefined,
  database: 'd',
  tls: { mode: 'disable' },
  options: {},
};

export const TARGETS: readonly FuzzTarget[] = [
  {
    name: 'manifest',
    samples: text(JSON.stringify({ ...MANIFEST, signature: SIGNED }), JSON.stringify(MANIFEST, null, 1), '{}'),
    words: JSON_WORDS,
    run: (input) => {
      for (const acceptUnsigned of [false, true]) {
        const opened = refusable(() =>
          openManifest(input.toString(), [signer.publicKey], { key: 'a/manifest.json', acceptUnsigned }),
        );
        if (opened?.signed === true) throw new Error('a forged signature was believed');
        if (opened !== undefined && !acceptUnsigned) throw new Error('an unsigned manifest was believed');
      }
      if (refusable(() => openReport(input.toString(), [signer.publicKey])) !== undefined) {
        throw new Error('a forged report was believed');
      }
    },
  },
  {
    name: 'database URL',
    samples: text(
      'postgres://user:p%40ss@host:5432/shop?sslmode=verify-full&sslrootcert=/ca.pem',
      'mysql://root@[::1]:3306/a%2Fb',
      'mongodb://127.0.0.1/shop?authSource=admin',
      'mariadb://u:p@db.example.com/',
    ),
    words: ['@', '/', '?', '#', '%', '%00', '%zz', ':', ',', '[', ']', '\n', '\0', 'service=', 'host=evil', '&', '//'],
    run: (input) => {
      const url = input.toString();
      const address = refusable(() => parseDatabaseUrl(url, engines));
      if (address === undefined) return;
      if (address.host === '' || /[,\s/@]/.test(address.host)) throw new Error('a host that is none');
      if (!Number.isInteger(address.port) || address.port < 1 || address.port > 65_535) throw new Error('no port');
      if ([address.user, address.database].some((name) => name.includes('\0'))) throw new Error('a NUL in a name');
      const allowed = engines.find(({ id }) => id === address.engine)?.options ?? [];
      if (Object.keys(address.options).some((name) => !allowed.includes(name))) throw new Error('an unknown option');
    },
  },
  {
    name: 'store URL',
    samples: text(
      'file:///var/backups/shop',
      's3://bucket/prefix?region=eu-central-1&endpoint=http://127.0.0.1:9000&path-style=true',
      's3://b?role-arn=arn:aws:iam::123456789012:role/r&external-id=env:X',
    ),
    words: ['..', '/../', '%2e%2e', '%00', '\0', '?', '&', '#', '@', 'file://', 's3://', 'region=', '\\', '//'],
    run: (input) => {
      const config = refusable(() => parseStoreUrl(input.toString(), () => undefined));
      if (config?.kind === 'filesystem' && (!config.root.startsWith('/') || /\0|(^|\/)\.\.(\/|$)/.test(config.root))) {
        throw new Error(`a folder that climbs: ${config.root}`);
      }
      if (config?.kind === 's3' && /[^a-z0-9.-]/i.test(config.bucket)) throw new Error('a bucket that is none');
    },
  },
  {
    name: 'option file',
    samples: text('simple', 'with "quotes" and \\', 'new\nline', '# ; [mysqld]', ' spaces ', "it's\t\b\r"),
    words: ['"', '\\', '\n', '\r', '[', ']', '#', ';', '=', '!include /etc/passwd', "'", '\\n', '\0', '\t'],
    run: (input) => {
      const value = input.toString().replaceAll('\0', '');
      if (!fitsOptionFile(value)) return;
      for (const family of ['MySQL', 'MariaDB'] as const) {
        const file = optionFile({ ...CONNECTION, user: value, password: new Secret(value) }, family).reveal();
        const read = readOptionFile(file);
        if (read.client?.user !== value || read.client.password !== value) throw new Error('not read back as written');
        if (Object.keys(read).join() !== 'client,mysql') throw new Error('a section of its own');
      }
    },
  },
  {
    name: 'MongoDB archive',
    samples: [readFileSync(join(import.meta.dirname, '../engines/mongodb/small.archive'))],
    words: ['\xff\xff\xff\xff', '\0\0\0\0', 'EOF', '{"', 'metadata', 'CRC'],
    run: async (input) => {
      await refusableAsync(() => readArchive(inPieces(input)));
    },
  },
  {
    name: 'MySQL dump',
    samples: text(MYSQL_DUMP),
    words: [
      "'",
      '"',
      '`',
      '\\',
      ';',
      '--',
      '/*!',
      '*/',
      'DELIMITER ;;',
      '\n',
      "''",
      'INSERT INTO `t` VALUES (',
      '\0',
      'X',
    ],
    run: (input) => {
      refusable(() => {
        const reader = dumpReader('MariaDB');
        for (let at = 0; at < input.length; at += 97) reader.push(input.subarray(at, at + 97));
        return reader.finish();
      });
    },
  },
  {
    name: 'redactor',
    samples: text("canary'\\pass", 'postgres://u:canary-password@h/d', 'password=canary-password, x', 'a"b\nc'),
    words: ['canary-password', "canary'\\pass", '[secret]', '%27', '\\\\', "''", '://u:', '@', 'token:', '\ud800'],
    run: (input) => {
      const value = input.toString();
      const secrets = ['canary-password', "canary'\\pass"];
      const clean = redactor(secrets.map((secret) => new Secret(secret)))(value);
      for (const secret of secrets) if (clean.includes(secret)) throw new Error('a secret came through');
    },
  },
  {
    name: 'trusted keys',
    samples: text(
      `Public key: ${signer.publicKey}\n`,
      `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${'A'.repeat(43)} x`,
      '-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n',
    ),
    words: ['-----BEGIN PUBLIC KEY-----', '-----END PUBLIC KEY-----', 'ssh-ed25519 ', '=', '/', '+', '\n'],
    run: (input) => {
      const keys = refusable(() => parseTrustedKeys(input.toString())) ?? [];
      if (keys.some((key) => Buffer.from(key, 'base64').length !== 32)) throw new Error('a key that is none');
    },
  },
  {
    name: 'tool version',
    samples: text(
      'pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)',
      'mariadb-dump  Ver 10.19 Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)',
      'mysqldump  Ver 9.7.4 for Linux on x86_64 (MySQL Community Server)',
      'mongodump version: 100.12.2\ngit version: x',
    ),
    words: ['99999999999999999999', '.', '-', ' ', '\n', 'Distrib', 'Ver', 'NaN'],
    run: (input) => {
      const read = readVersion(input.toString());
      if (read?.version.some((part) => !Number.isInteger(part) || part < 0)) throw new Error('a version that is none');
    },
  },
];

async function* inPieces(input: Buffer): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < input.length; at += 61) yield input.subarray(at, at + 61);
}

function refusable<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof Failure && error.code !== 'internal') return undefined;
    throw error;
  }
}

async function refusableAsync<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof Failure && error.code !== 'internal') return undefined;
    throw error;
  }
}
