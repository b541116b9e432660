import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Failure } from '../../src/domain/failure.ts';
import { clientCredentials } from '../../src/platform/aws/client-credentials.ts';
import type { CredentialRequest, CredentialSource } from '../../src/platform/platform.ts';
import { type SecretsServer, startSecretsServer } from '../support/secrets-server.ts';
import { type StsServer, startStsServer } from '../support/sts-server.ts';

const ROLE = 'arn:aws:iam::111122223333:role/secret-reader';
const SECRET = 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:shop-AbCdEf';
const EXTERNAL_ID = 'external-0123456789abcdef0123456789abcdef';
const LOGIN = { host: 'shop.abc.eu-west-1.rds.amazonaws.com', port: 5432, user: 'backup' };

let sts: StsServer;
let secrets: SecretsServer;

beforeEach(async () => {
  sts = await startStsServer({ roles: [{ arn: ROLE, externalIds: [EXTERNAL_ID] }] });
  secrets = await startSecretsServer(sts);
});

afterEach(async () => {
  await secrets.close();
  await sts.close();
});

function ask(source: Partial<Extract<CredentialSource, { kind: 'secret' }>> = {}, externalId = EXTERNAL_ID) {
  return opened({ kind: 'secret', secretArn: SECRET, roleArn: ROLE, ...source }, externalId);
}

function opened(source: Extract<CredentialSource, { kind: 'secret' | 'rds-iam' }>, externalId = EXTERNAL_ID) {
  const request: CredentialRequest = {
    source,
    tenantId: 'tenant',
    externalId,
    runId: 'run-1',
    sealed: undefined,
    login: LOGIN,
  };
  const places = {
    stsEndpoint: sts.endpoint,
    secretsEndpoint: secrets.endpoint,
    credentials: async () => sts.credentials,
  };
  return clientCredentials(places)(source, request);
}

async function failureOf(work: Promise<unknown>): Promise<Failure> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (error instanceof Failure) return error;
  throw new Error(`no Failure: ${String(error)}`);
}

describe('a password in the client’s own Secrets Manager', () => {
  it.each([
    ['plain text', 'hunter2', {}, 'hunter2'],
    ['the password of an object as AWS makes it', '{"username":"u","password":"p\\"w"}', {}, 'p"w'],
    ['the field that is named', '{"dsn":"x","shop":"s3"}', { field: 'shop' }, 's3'],
    ['text that only looks like JSON', '12345', {}, '12345'],
  ])('is %s', async (_what, text, source, password) => {
    secrets.secrets.set(SECRET, text);

    expect((await ask(source)).reveal()).toBe(password);
  });

  it('is read through the role, with the tenant’s external id and the run’s name in the client’s log', async () => {
    secrets.secrets.set(SECRET, 'hunter2');

    await ask();

    expect(sts.log.map(({ roleArn, externalId, sessionName }) => [roleArn, externalId, sessionName])).toEqual([
      [ROLE, EXTERNAL_ID, 'run-1'],
    ]);
  });

  it('F97 is read in a session that can read no other secret, whatever the role may do', async () => {
    secrets.secrets.set(SECRET, 'hunter2');
    await ask();
    const policies = sts.sessions[0]?.policies ?? [];

    const { allows } = await import('../support/policy.ts');
    const may = (arn: string) =>
      policies.every((policy) => allows(policy, { permission: 'secretsmanager:GetSecretValue', arn, context: {} }));

    expect(policies).toHaveLength(1);
    expect(may(SECRET)).toBe(true);
    expect(may(SECRET.replace('shop', 'other'))).toBe(false);
  });

  it('F90 is not read with another tenant’s external id', async () => {
    secrets.secrets.set(SECRET, 'hunter2');

    const failure = await failureOf(ask({}, 'external-of-somebody-else-00000000000000'));

    expect(failure.code).toBe('authentication_failed');
    expect(failure.message).toContain(`sts:AssumeRole is denied on ${ROLE}`);
    expect(secrets.log).toEqual([]);
  });

  it.each([
    ['is not there', undefined, {}, 'ResourceNotFoundException'],
    ['has no such field', '{"password":"x"}', { field: 'other' }, 'no text in its field "other"'],
    ['has a field that is no text', '{"password":{"a":1}}', {}, 'no text in its field "password"'],
    ['has a field only by inheritance', '{"a":"b"}', { field: 'constructor' }, 'no text in its field "constructor"'],
  ])('is refused when it %s, and nothing of it is repeated', async (_what, text, source, words) => {
    if (text !== undefined) secrets.secrets.set(SECRET, text);

    const failure = await failureOf(ask(source));

    expect(failure.code).toBe('authentication_failed');
    expect(failure.message).toContain(words);
    expect(failure.message).not.toContain('{');
  });

  it.each(['arn:aws:s3:::bucket', 'arn:aws:secretsmanager:eu-west-1:111122223333:secret:*', 'shop'])(
    'is not asked for by %s',
    async (secretArn) => {
      expect((await failureOf(ask({ secretArn }))).code).toBe('usage');
      expect(sts.log).toEqual([]);
    },
  );

  it('is asked for again when AWS stumbles, and says so when it does not come back', async () => {
    secrets.secrets.set(SECRET, 'hunter2');
    secrets.failures.push(500, 503);
    expect((await ask()).reveal()).toBe('hunter2');

    secrets.failures.push(500, 500, 500);
    const failure = await failureOf(ask());

    expect(failure.code).toBe('database_unreachable');
    expect(failure.message).toContain('secretsmanager:GetSecretValue');
  });
});

describe('a token of RDS', () => {
  it('is for that host, port and user, for fifteen minutes, signed by the role’s session', async () => {
    const source = { kind: 'rds-iam', roleArn: ROLE, region: 'eu-west-1' } as const;

    const token = new URL(`https://${(await opened(source)).reveal()}`);

    expect(token.host).toBe(`${LOGIN.host}:5432`);
    expect(token.searchParams.get('Action')).toBe('connect');
    expect(token.searchParams.get('DBUser')).toBe('backup');
    expect(token.searchParams.get('X-Amz-Expires')).toBe('900');
    expect(token.searchParams.get('X-Amz-Credential')).toContain(`${sts.sessions[0]?.accessKeyId}/`);
    expect(token.searchParams.get('X-Amz-Credential')).toContain('/eu-west-1/rds-db/');
  });
});
