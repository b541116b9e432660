import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import {
  AssumeRoleCommand,
  type AssumeRoleCommandInput,
  type Credentials,
  GetCallerIdentityCommand,
  STSClient,
} from '@aws-sdk/client-sts';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { clientFor, outcome } from './s3-check.ts';
import type { AccessKey } from './s3-server/identity.ts';
import { type S3Server, startS3Server } from './s3-server/s3-server.ts';
import { type StsServer, startStsServer } from './sts-server.ts';

const ROLE = 'arn:aws:iam::111122223333:role/backup-write';
const OPEN_ROLE = 'arn:aws:iam::111122223333:role/open';
const OTHER = { accessKeyId: 'AKIASTRANGER00000001', secretAccessKey: 'strangers-secret' };

let sts: StsServer;
let s3: S3Server;
let clients: (S3Client | STSClient)[];

beforeEach(async () => {
  clients = [];
  sts = await startStsServer({ keys: [OTHER] });
  sts.roles.push({
    arn: ROLE,
    externalIds: ['tenant-a'],
    trusted: [sts.credentials.accessKeyId],
    maxSessionSeconds: 3600,
  });
  sts.roles.push({ arn: OPEN_ROLE, externalIds: [], maxSessionSeconds: 43_200 });
  s3 = await startS3Server({ sessions: sts, limits: { minPartBytes: 1 } });
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  await Promise.all([sts.close(), s3.close()]);
});

function stsClient(credentials: AccessKey | Credentials = sts.credentials, maxAttempts = 1): STSClient {
  const client = new STSClient({
    endpoint: sts.endpoint,
    region: 'us-east-1',
    credentials: asIdentity(credentials),
    maxAttempts,
  });
  clients.push(client);
  return client;
}

function asIdentity(credentials: AccessKey | Credentials) {
  if ('accessKeyId' in credentials) return credentials;
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = credentials;
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
}

function assume(more: Partial<AssumeRoleCommandInput> = {}, client = stsClient()) {
  return client.send(
    new AssumeRoleCommand({ RoleArn: ROLE, RoleSessionName: 'run-1', ExternalId: 'tenant-a', ...more }),
  );
}

async function session(more: Partial<AssumeRoleCommandInput> = {}): Promise<Credentials> {
  const { Credentials: given } = await assume(more);
  if (given === undefined) throw new Error('no credentials');
  return given;
}

function s3Client(credentials: Credentials | AccessKey): S3Client {
  const client = clientFor({ ...s3, credentials: asIdentity(credentials) });
  clients.push(client);
  return client;
}

function put(client: S3Client, Key = 'run-1/part') {
  return outcome(client.send(new PutObjectCommand({ Bucket: 'backups', Key, Body: 'x' })));
}

describe('the STS server', () => {
  it('gives a session that the S3 server takes', async () => {
    const { Credentials: given, AssumedRoleUser } = await assume();

    expect(AssumedRoleUser?.Arn).toBe('arn:aws:sts::111122223333:assumed-role/backup-write/run-1');
    expect(await put(s3Client(given ?? sts.credentials))).toBe('ok');
    expect(s3.log[0]?.accessKeyId).toBe(given?.AccessKeyId);
    expect((given?.Expiration?.getTime() ?? 0) - Date.now()).toBeGreaterThan(3_500_000);
  });

  it.each([
    ['no external id', { ExternalId: undefined }],
    ['a wrong external id', { ExternalId: 'tenant-b' }],
    ['an unknown role', { RoleArn: 'arn:aws:iam::111122223333:role/none' }],
  ])('F90 refuses %s', async (_, more) => {
    expect(await outcome(assume(more))).toBe('AccessDenied 403');
  });

  it('F90 refuses a caller whom the role does not trust', async () => {
    expect(await outcome(assume({}, stsClient(OTHER)))).toBe('AccessDenied 403');
    expect(await outcome(assume({ RoleArn: OPEN_ROLE }, stsClient(OTHER)))).toBe('ok');
  });

  it('refuses a wrong secret and an unknown key', async () => {
    expect(await outcome(assume({}, stsClient({ ...sts.credentials, secretAccessKey: 'x' })))).toBe(
      'SignatureDoesNotMatch 403',
    );
    expect(await outcome(assume({}, stsClient({ accessKeyId: 'AKIANOBODY', secretAccessKey: 'x' })))).toBe(
      'InvalidClientTokenId 403',
    );
  });

  it('refuses durations that AWS refuses', async () => {
    expect(await outcome(assume({ DurationSeconds: 899 }))).toBe('ValidationError 400');
    expect(await outcome(assume({ DurationSeconds: 3601 }))).toBe('ValidationError 400');
    expect(await outcome(assume({ DurationSeconds: 900 }))).toBe('ok');
  });

  it('allows a chained role one hour at most', async () => {
    const chained = stsClient(await session());

    expect(await outcome(assume({ RoleArn: OPEN_ROLE, DurationSeconds: 3601 }, chained))).toBe('ValidationError 400');
    expect(await outcome(assume({ RoleArn: OPEN_ROLE, DurationSeconds: 3601 }))).toBe('ok');
    expect(await outcome(assume({}, chained))).toBe('ok');
  });

  it('F32 ends a session of one second, in S3 and in STS', async () => {
    sts.lifetimeSeconds = 1;
    const given = await session();
    const client = s3Client(given);
    expect(await put(client)).toBe('ok');

    await new Promise((resolve) => setTimeout(resolve, 1100));

    expect(await put(client)).toBe('ExpiredToken 400');
    expect(await outcome(assume({}, stsClient(given)))).toBe('ExpiredToken 403');
  });

  it('T6 serves an SDK client that renews its sessions of two seconds, none of them used when ended', async () => {
    sts.lifetimeSeconds = 2;
    const source = stsClient();
    const credentials = async () => {
      const { Credentials: given } = await assume({}, source);
      return { ...asIdentity(given ?? sts.credentials), expiration: given?.Expiration };
    };
    const client = clientFor(s3, { credentials: credentials as never });
    clients.push(client);
    const outcomes = [];
    for (const deadline = Date.now() + 2500; Date.now() < deadline; ) outcomes.push(await put(client));

    expect(new Set(outcomes)).toEqual(new Set(['ok']));
    expect(sts.log.length).toBeGreaterThanOrEqual(2);
  });

  it('F32 ends all sessions when told', async () => {
    const client = s3Client(await session());
    sts.expireAll();

    expect(await put(client)).toBe('ExpiredToken 400');
  });

  it('refuses a session’s key with another’s token, or with none', async () => {
    const [mine, other] = [await session(), await session()];

    expect(await put(s3Client({ ...mine, SessionToken: other.SessionToken }))).toBe('InvalidToken 400');
    expect(
      await put(s3Client({ accessKeyId: mine.AccessKeyId ?? '', secretAccessKey: mine.SecretAccessKey ?? '' })),
    ).toBe('InvalidToken 400');
  });

  it.each([
    ['unavailable', /^ServiceUnavailable 503$/],
    ['throttled', /^Throttling 400$/],
    ['reset', / no answer$/],
  ] as const)('F33 can be %s', async (outage, expected) => {
    sts.outage = outage;
    expect(await outcome(assume())).toMatch(expected);

    sts.outage = ({ index }) => (index === 1 ? outage : undefined);
    expect(await outcome(assume({}, stsClient(sts.credentials, 2)))).toBe('ok');
    sts.outage = undefined;
    expect(sts.log.filter(({ code, status }) => code === undefined && status === 200)).toHaveLength(1);
  });

  it('F33 can stall', async () => {
    sts.outage = 'stall';
    const call = stsClient().send(new GetCallerIdentityCommand({}), { abortSignal: AbortSignal.timeout(200) });

    expect(await outcome(call)).toBe('AbortError no answer');
  });

  it('F97 narrows a session to the prefix and verbs of its policy', async () => {
    const Statement = [
      { Effect: 'Allow', Action: ['s3:PutObject'], Resource: 'arn:aws:s3:::backups/run-1/*' },
      {
        Effect: 'Allow',
        Action: 's3:ListBucket',
        Resource: 'arn:aws:s3:::backups',
        Condition: { StringLike: { 's3:prefix': ['run-1/*'] } },
      },
      { Effect: 'Deny', Action: 's3:*', Resource: 'arn:aws:s3:::backups/run-1/secret*' },
    ];
    const client = s3Client(await session({ Policy: JSON.stringify({ Version: '2012-10-17', Statement }) }));
    const list = (Prefix: string) => outcome(client.send(new ListObjectsV2Command({ Bucket: 'backups', Prefix })));

    expect(await put(client, 'run-1/a')).toBe('ok');
    expect(await put(client, 'run-2/a')).toBe('AccessDenied 403');
    expect(await put(client, 'run-1/secret')).toBe('AccessDenied 403');
    expect(await outcome(client.send(new GetObjectCommand({ Bucket: 'backups', Key: 'run-1/a' })))).toBe(
      'AccessDenied 403',
    );
    expect([await list('run-1/'), await list('run-2/')]).toEqual(['ok', 'AccessDenied 403']);
  });

  it('answers 403 for a missing key to a session that may not list', async () => {
    const Statement = [{ Effect: 'Allow', Action: 's3:GetObject', Resource: 'arn:aws:s3:::backups/*' }];
    const client = s3Client(await session({ Policy: JSON.stringify({ Statement }) }));

    expect(await outcome(client.send(new HeadObjectCommand({ Bucket: 'backups', Key: 'none' })))).toMatch(/ 403$/);
  });

  it('refuses a policy that is too long, no policy at all, or not understood', async () => {
    const odd = {
      Statement: [
        { Effect: 'Allow', Action: 's3:*', Resource: '*', Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } },
      ],
    };

    expect(await outcome(assume({ Policy: 'x'.repeat(2049) }))).toBe('ValidationError 400');
    expect(await outcome(assume({ Policy: 'x' }))).toMatch(/^MalformedPolicyDocument/);
    expect(await outcome(assume({ Policy: JSON.stringify(odd) }))).toMatch(/^MalformedPolicyDocument/);
  });

  it('F34 refuses a caller whose clock is off by more than 15 minutes', async () => {
    sts.clockOffsetMs = 16 * 60_000;
    expect(await outcome(assume())).toBe('SignatureDoesNotMatch 403');
  });

  it('tells who is calling', async () => {
    expect(await stsClient().send(new GetCallerIdentityCommand({}))).toMatchObject({ Account: '111122223333' });
  });
});
