import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Failure } from '../../src/domain/failure.ts';
import type { S3Config } from '../../src/storage/store-config.ts';
import { parseStoreUrl } from '../../src/storage/store-url.ts';

const ENVIRONMENT: Readonly<Record<string, string>> = { EXTERNAL: 'ext-1234', SECRET: 'hunter2-secret', EMPTY: '' };
const parse = (text: string) => parseStoreUrl(text, (name) => ENVIRONMENT[name]);

function refusalOf(text: string): Failure {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error(`accepted: ${text}`);
}

describe('addresses of stores', () => {
  it('reads a folder', () => {
    expect(parse('file:///var/backups/')).toEqual({ kind: 'filesystem', root: '/var/backups' });
    expect(parse('file:///with%20blank')).toEqual({ kind: 'filesystem', root: '/with blank' });
  });

  it('reads a bucket with everything it can have', () => {
    const role = 'arn:aws:iam::111122223333:role/backup';
    const url = `s3://client-bucket/some/prefix/?region=eu-west-1&endpoint=https://s3.example.com:9000/&path-style=true&role-arn=${role}&external-id=env:EXTERNAL&expected-owner=111122223333&max-parts=1000`;

    expect(parse(url)).toEqual({
      kind: 's3',
      bucket: 'client-bucket',
      prefix: 'some/prefix',
      region: 'eu-west-1',
      endpoint: 'https://s3.example.com:9000',
      pathStyle: true,
      role: { arn: role, externalId: 'ext-1234' },
      expectedOwner: '111122223333',
      kmsKeyId: undefined,
      keys: undefined,
      partsPerObject: 1000,
    });
  });

  it('reads a bare bucket as one of AWS', () => {
    expect(parse('s3://bucket')).toMatchObject({
      bucket: 'bucket',
      prefix: '',
      region: 'us-east-1',
      endpoint: undefined,
      pathStyle: false,
      partsPerObject: 8192,
    });
  });

  it('takes keys from the environment, and never shows them', () => {
    const config = parse('s3://bucket?access-key-id=AKIA1&secret-access-key=env:SECRET') as S3Config;

    expect(config.keys?.secret.reveal()).toBe('hunter2-secret');
    expect(JSON.stringify(config)).not.toContain('hunter2');
  });

  it.each([
    's3://bucket?regoin=eu-west-1',
    's3://bucket?region=eu-west-1&region=eu-west-2',
    's3://user:password@bucket/x',
    's3://bucket?secret-access-key=plain&access-key-id=A',
    's3://bucket?secret-access-key=env:SECRET',
    's3://bucket?external-id=env:EXTERNAL',
    's3://bucket?external-id=env:MISSING&role-arn=arn:aws:iam::111122223333:role/x',
    's3://bucket?external-id=env:EMPTY&role-arn=arn:aws:iam::111122223333:role/x',
    's3://bucket?role-arn=role/x',
    's3://bucket?expected-owner=12',
    's3://bucket?path-style=yes',
    's3://bucket?endpoint=ftp://x',
    's3://bucket?endpoint=http://user:pw@x',
    's3://bucket?max-parts=0',
    's3://bucket?max-parts=10001',
    's3://bucket/a/../../b?region=',
    's3://bucket/a//b',
    's3://bucket/%2e%2e%2fx',
    's3://BUCKET_/x',
    's3://b/x',
    's3:///x',
    's3://bucket#x',
    'file://host/x',
    'file:///x?y=1',
    'file:///a%2fb',
    'file:///a%00b',
    'ftp://x',
    '',
    'not an address',
  ])('refuses %s with a remedy', (text) => {
    const failure = refusalOf(text);

    expect(failure.code).toBe('usage');
    expect(failure.remedy).toBeDefined();
    expect(failure.message).not.toMatch(/password|plain|:pw@/);
  });

  it('never throws anything but a Failure, and never leaves a prefix that climbs', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.webUrl(),
          fc.string({ unit: 'binary' }).map((text) => `s3://bucket/${text}`),
        ),
        (text) => {
          try {
            const config = parse(text);
            if (config.kind === 's3') expect(config.prefix.split('/')).not.toContain('..');
          } catch (error) {
            expect(error).toBeInstanceOf(Failure);
          }
        },
      ),
      { numRuns: 3000 },
    );
  });
});
