import { describe, expect, it } from '@jest/globals';
import { readServiceConfig } from '../../src/runtime/config.ts';
import { openVault } from '../../src/runtime/local-vault.ts';

describe('what the operator decides by variables', () => {
  it('is nothing unless it is said: no private range, no program, no principal', () => {
    expect(readServiceConfig({})).toMatchObject({ allowedRanges: [], credentialCommands: [], principalArn: undefined });
  });

  it('is a list where several things may be named', () => {
    const config = readServiceConfig({
      ALLOWED_RANGES: '10.0.0.0/8, 192.168.1.0/24,',
      CREDENTIAL_COMMANDS: ' /usr/bin/pass , /opt/vault',
      PRINCIPAL_ARN: 'arn:aws:iam::111122223333:role/path/broker',
    });

    expect(config.allowedRanges).toEqual(['10.0.0.0/8', '192.168.1.0/24']);
    expect(config.credentialCommands).toEqual(['/usr/bin/pass', '/opt/vault']);
    expect(config.principalArn).toBe('arn:aws:iam::111122223333:role/path/broker');
  });

  it.each(['*', 'arn:aws:iam::111122223333:root', 'arn:aws:s3:::bucket', 'broker'])(
    'F90 is no principal that names more than one role or user: %s',
    (PRINCIPAL_ARN) => {
      expect(() => readServiceConfig({ PRINCIPAL_ARN })).toThrow('PRINCIPAL_ARN');
    },
  );

  it.each([
    'CATALOG_URL',
    'CATALOG_OWNER_URL',
    'OIDC_ISSUER',
    'AWS_SECRET_ACCESS_KEY',
    'DATABASE_DUMP_HOME',
    'SMTP_URL',
  ])('F85 is no password of a database: %s', async (name) => {
    const { mkdtempSync, mkdirSync, rmSync } = await import('node:fs');
    const dataFolder = mkdtempSync('/tmp/own-variables-');
    mkdirSync(`${dataFolder}/secrets`);
    const runner = { start: () => Promise.reject(new Error('nothing is started')), place: { folder: dataFolder } };
    const loans = { lend: () => undefined, take: () => undefined, waiting: () => 0 };
    process.env[name] = 'CANARY';
    try {
      const vault = await openVault({ dataFolder, commands: [], runner: runner as never, loans });
      const login = { host: 'db', port: 1, user: 'u' };
      const source = { kind: 'env', name } as const;
      const asked = vault.open({ source, tenantId: 't', externalId: 'e', runId: 'r', sealed: undefined, login });
      await expect(asked).rejects.toMatchObject({ code: 'authentication_failed' });
    } finally {
      delete process.env[name];
      rmSync(dataFolder, { recursive: true });
    }
  });
});
