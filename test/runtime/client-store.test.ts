import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { getTenant } from '../../src/catalog/repositories/tenants.ts';
import { S3Place } from '../../src/contract/resources/places.ts';
import { rolePolicies, type Statement } from '../../src/operations/role-permissions.ts';
import { clientStoreSurvey, clientStores, type StoreParts, sessionPolicy } from '../../src/runtime/client-store.ts';
import type { StoragePurpose } from '../../src/runtime/runtime.ts';
import { crc32Base64 } from '../../src/storage/crc32.ts';
import type { Survey } from '../../src/storage/storage.ts';
import { newOwner, type Person, refusal, startWorld, type World } from '../support/operations-world.ts';
import { allows, type PolicyDocument, parsePolicy } from '../support/policy.ts';
import { type S3Server, type S3ServerOptions, startS3Server } from '../support/s3-server/s3-server.ts';
import { HOST_FORMS } from '../support/ssrf-corpus.ts';
import type { Role } from '../support/sts-assume-role.ts';
import { type StsServer, startStsServer } from '../support/sts-server.ts';

const ACCOUNT = '111122223333';
const KEY = `arn:aws:kms:us-east-1:${ACCOUNT}:key/1`;
const PURPOSES = ['write', 'read', 'delete'] as const;

let world: World;
let person: Person;
let externalId: string;
let sts: StsServer;
let server: S3Server;
let count = 0;

beforeAll(async () => {
  world = await startWorld();
});

afterAll(() => world.stop());

beforeEach(async () => {
  person = await newOwner(world);
  externalId = await person.within(async (trx) => (await getTenant(trx)).external_id);
  sts = await startStsServer();
  server = await startS3Server({ sessions: sts, limits: { minPartBytes: 1 }, buckets: [versioned] });
});

afterEach(async () => {
  await server.close();
  await sts.close();
});

const versioned = { name: 'backups', versioning: 'Enabled' } as const;

async function restart(options: S3ServerOptions): Promise<void> {
  await server.close();
  server = await startS3Server({ sessions: sts, limits: { minPartBytes: 1 }, buckets: [versioned], ...options });
}

/** A bucket's place with the three roles, as after the template was run. */
function place(more: Partial<S3Place> = {}): S3Place {
  count += 1;
  return S3Place.parse({
    bucket: 'backups',
    region: 'us-east-1',
    prefix: 'tenant/one',
    endpoint: server.endpoint,
    pathStyle: true,
    expectedOwner: ACCOUNT,
    writeRoleArn: arn('write'),
    readRoleArn: arn('read'),
    deleteRoleArn: arn('delete'),
    ...more,
  });
}

function arn(purpose: StoragePurpose): string {
  return `arn:aws:iam::${ACCOUNT}:role/${purpose}-${count}`;
}

type Edit = (statements: Statement[]) => Statement[];

function policyOf(wanted: S3Place, purpose: StoragePurpose, edit: Edit = (same) => same): PolicyDocument {
  const statements = rolePolicies(wanted).find((policy) => policy.purpose === purpose)?.statements ?? [];
  return parsePolicy(JSON.stringify({ Version: '2012-10-17', Statement: edit([...statements]) }));
}

/** What the template makes on the client's side, with changes to what one role may do or whom it trusts. */
function makeRoles(wanted: S3Place, edits: Partial<Record<StoragePurpose, Edit>> = {}, trust: Partial<Role> = {}) {
  for (const purpose of PURPOSES) {
    const name = wanted[`${purpose}RoleArn`];
    if (name === undefined) continue;
    const policy = policyOf(wanted, purpose, edits[purpose]);
    sts.roles.push({ arn: name, externalIds: [externalId], policy, ...trust });
  }
}

const without =
  (action: string): Edit =>
  (statements) =>
    statements.flatMap((statement) => {
      const left = statement.Action.filter((name) => name !== action);
      return left.length === 0 ? [] : [{ ...statement, Action: left }];
    });

const withMore =
  (action: string, resource = 'arn:aws:s3:::backups/*'): Edit =>
  (statements) => [...statements, { Effect: 'Allow', Action: [action], Resource: resource }];

function parts(more: Partial<StoreParts> = {}): StoreParts {
  return {
    catalog: world.catalog,
    resolver: { addresses: async () => [] },
    allowed: ['127.0.0.0/8'],
    privateFolders: [],
    context: {
      credentials: async () => sts.credentials,
      stsEndpoint: sts.endpoint,
      retry: { attempts: 3, baseMs: 1, capMs: 5, budget: 100 },
    },
    ...more,
  };
}

async function destination(s3: S3Place): Promise<string> {
  return (await person.ask('destinations.create', { body: { kind: 's3', name: `d${count}`, s3 } })).id;
}

async function survey(s3: S3Place, more: Partial<StoreParts> = {}): Promise<Survey> {
  const destinationId = await destination(s3);
  return clientStoreSurvey(parts(more))({ tenantId: person.tenantId, destinationId, runId: 'run-1' });
}

async function open(destinationId: string, purpose: StoragePurpose) {
  return clientStores(parts())({ tenantId: person.tenantId, destinationId, purpose, runId: 'run-1' });
}

function problemIn({ findings }: Survey): string | undefined {
  return findings.find(({ ok }) => !ok)?.detail;
}

/** Actions of findings that are not as they must be. */
function wrong({ findings }: Survey): string[] {
  return findings.filter(({ ok }) => !ok).map(({ action }) => action);
}

describe('the survey of a bucket with roles of the template', () => {
  it('finds everything allowed that a run needs, everything else denied, and leaves nothing', async () => {
    const wanted = place();
    makeRoles(wanted);

    const found = await survey(wanted);

    expect(wrong(found)).toEqual([]);
    expect(found.capabilities).toEqual({ conditionalWrites: true, checksums: true, versioned: true });
    expect(found.findings.map(({ action, expected }) => `${expected}: ${action}`)).toEqual([
      'allowed: sts:AssumeRole as write',
      'denied: sts:AssumeRole as write without an external id',
      'denied: sts:AssumeRole as write with a wrong external id',
      'allowed: sts:AssumeRole as read',
      'denied: sts:AssumeRole as read without an external id',
      'denied: sts:AssumeRole as read with a wrong external id',
      'allowed: sts:AssumeRole as delete',
      'denied: sts:AssumeRole as delete without an external id',
      'denied: sts:AssumeRole as delete with a wrong external id',
      'allowed: s3:PutObject',
      'allowed: s3:PutObject and s3:AbortMultipartUpload',
      'allowed: s3:ListBucketMultipartUploads',
      'denied: s3:PutObject outside tenant/one/',
      'denied: a bucket of another owner',
      'allowed: s3:GetObject',
      'allowed: s3:ListBucket',
      'denied: s3:GetObject as write',
      'denied: s3:DeleteObject as write',
      'denied: s3:PutObject as read',
      'denied: s3:DeleteObject as read',
      'denied: s3:GetObject as delete',
      'denied: s3:PutObject as delete',
      'allowed: s3:ListBucketVersions',
      'allowed: s3:DeleteObjectVersion',
      'allowed: clock',
    ]);
    expect(server.versions()).toEqual([]);
    expect(server.uploads()).toEqual([]);
  });

  it.each([
    ['write', 's3:PutObject', 's3:PutObject'],
    ['write', 's3:AbortMultipartUpload', 's3:PutObject and s3:AbortMultipartUpload'],
    ['write', 's3:ListBucketMultipartUploads', 's3:ListBucketMultipartUploads'],
    ['read', 's3:GetObjectVersion', 's3:GetObject'],
    ['read', 's3:ListBucket', 's3:ListBucket'],
    ['delete', 's3:ListBucketVersions', 's3:ListBucketVersions'],
    ['delete', 's3:DeleteObjectVersion', 's3:DeleteObjectVersion'],
  ] as const)('F37 names what is missing when the role %s lacks %s', async (purpose, action, finding) => {
    const wanted = place();
    makeRoles(wanted, { [purpose]: without(action) });

    expect(wrong(await survey(wanted))).toContain(finding);
  });

  it.each([
    ['write', 's3:GetObject', 's3:GetObject as write'],
    ['write', 's3:DeleteObjectVersion', 's3:DeleteObject as write'],
    ['write', 's3:PutObject', 's3:PutObject outside tenant/one/'],
    ['read', 's3:PutObject', 's3:PutObject as read'],
    ['read', 's3:DeleteObjectVersion', 's3:DeleteObject as read'],
    ['delete', 's3:GetObject', 's3:GetObject as delete'],
    ['delete', 's3:PutObject', 's3:PutObject as delete'],
  ] as const)('F97 names what is too much when the role %s also has %s', async (purpose, action, finding) => {
    const wanted = place();
    makeRoles(wanted, { [purpose]: withMore(action) });

    const found = await survey(wanted);

    expect(wrong(found)).toContain(finding);
    expect(found.findings.find(({ action: name }) => name === finding)?.expected).toBe('denied');
  });

  it('asks one role that is given for everything for nothing but that, and only once for its trust', async () => {
    const one = place();
    const whole = { ...one, readRoleArn: one.writeRoleArn, deleteRoleArn: one.writeRoleArn };
    const policy = parsePolicy(
      JSON.stringify({
        Statement: {
          Effect: 'Allow',
          Action: 's3:*',
          Resource: ['arn:aws:s3:::backups', 'arn:aws:s3:::backups/tenant/one/*'],
        },
      }),
    );
    sts.roles.push({ arn: whole.writeRoleArn ?? '', externalIds: [externalId], policy });

    const found = await survey(whole);

    expect(wrong(found)).toEqual([]);
    expect(found.findings.filter(({ action }) => action.startsWith('sts:'))).toHaveLength(3);
    expect(
      found.findings.filter(({ action }) => / as (write|read|delete)$/.test(action) && action.startsWith('s3:')),
    ).toEqual([]);
  });

  it('says that without a role that reads nothing can be verified, and without one that deletes leaves its one object', async () => {
    const wanted = place({ readRoleArn: undefined, deleteRoleArn: undefined });
    makeRoles(wanted);

    const found = await survey(wanted);

    expect(wrong(found)).toEqual(['s3:GetObject']);
    expect(server.versions()).toHaveLength(1);
  });
});

describe('the trust of a role', () => {
  it('F90 is refused when the role can be assumed without an external id', async () => {
    const wanted = place();
    makeRoles(wanted, {}, { externalIds: [] });

    expect(wrong(await survey(wanted))).toEqual(
      PURPOSES.flatMap((purpose) =>
        ['without an external id', 'with a wrong external id'].map((how) => `sts:AssumeRole as ${purpose} ${how}`),
      ),
    );
  });

  it('F90 is refused when the role trusts another tenant’s external id instead of ours', async () => {
    const wanted = place();
    makeRoles(wanted, {}, { externalIds: ['external-id-of-somebody-else-0000000'] });

    const found = await survey(wanted);

    expect(wrong(found)).toEqual(PURPOSES.map((purpose) => `sts:AssumeRole as ${purpose}`));
    expect(found.capabilities).toBeUndefined();
    expect(JSON.stringify(found)).not.toContain(externalId);
    expect(server.log).toEqual([]);
  });

  it('F90 is not taken for proven when the service of sessions does not answer', async () => {
    const wanted = place();
    makeRoles(wanted);
    sts.outage = (call) => (call.externalId === externalId ? undefined : 'unavailable');

    const found = await survey(wanted);

    expect(wrong(found)).toHaveLength(6);
    expect(problemIn(found)).toContain('does not answer');
  });
});

describe('what the bucket is expected to be', () => {
  it('F35 is found out when it belongs to another account', async () => {
    const wanted = place({ expectedOwner: '999988887777' });
    makeRoles(wanted);

    expect(problemIn(await survey(wanted))).toContain('is not owned by the account 999988887777');
  });

  it('F38 is encrypted by the key that was named, or the finding says which it was', async () => {
    await restart({ kmsKeys: { [KEY]: 'enabled' } });
    const wanted = place({ kmsKeyArn: KEY });
    makeRoles(wanted);
    expect(wrong(await survey(wanted))).toEqual([]);

    await restart({ kmsKeys: { [KEY]: 'disabled' } });
    const off = place({ kmsKeyArn: KEY });
    makeRoles(off);
    expect(wrong(await survey(off))).toContain('s3:PutObject');
  });

  it('F34 has a clock that agrees with ours', async () => {
    const wanted = place();
    makeRoles(wanted);
    server.clockOffsetMs = 6 * 60_000;
    sts.clockOffsetMs = 6 * 60_000;

    const found = await survey(wanted);

    expect(wrong(found)).toEqual(['clock']);
    expect(problemIn(found)).toMatch(/3[56]\d seconds from ours/);
  });

  it('keeps its promises, or loses the capability', async () => {
    await restart({ features: { conditions: 'ignored', checksums: 'ignored' }, buckets: [{ name: 'backups' }] });
    const wanted = place();
    makeRoles(wanted);

    const found = await survey(wanted);

    expect(found.capabilities).toEqual({ conditionalWrites: false, checksums: false, versioned: false });
    expect(server.objects()).toEqual([]);
  });
});

describe('sessions by purpose', () => {
  const body = Buffer.from('x'.repeat(1000));

  it('F97 write with a session that cannot read, look with one that can, and delete with one that can do nothing else', async () => {
    const wanted = place();
    makeRoles(wanted);
    const id = await destination(wanted);
    const writing = await open(id, 'write');

    const upload = await writing.upload('db/run/dump.0001', { run: 'run-1' });
    await upload.part(1, body);
    const stat = await upload.complete({ bytes: body.length, crc32: crc32Base64(body) });
    await writing.close();
    const reading = await open(id, 'read');
    expect(Buffer.from((await reading.get('db/run/dump.0001'))?.body ?? []).equals(body)).toBe(true);
    expect(await refusal(reading.put('db/run/x', body))).toBe('storage_denied');
    const deleting = await open(id, 'delete');
    expect(await refusal(deleting.put('db/run/x', body))).toBe('storage_denied');
    await deleting.remove('db/run/dump.0001', { versionId: stat.versionId ?? '' });
    await Promise.all([reading.close(), deleting.close()]);

    expect(server.versions()).toEqual([]);
    const names = new Map(sts.log.map(({ roleArn, sessionName }) => [roleArn, sessionName]));
    expect([...names.keys()].sort()).toEqual([arn('delete'), arn('read'), arn('write')]);
    expect(new Set(names.values())).toEqual(new Set(['database-dump-run-1']));
    expect(
      server.log
        .filter(({ status, action }) => status === 403 && action !== 'ListObjectsV2')
        .map(({ action }) => action),
    ).toEqual(['PutObject', 'PutObject']);
  });

  it('F97 are narrowed to the place and its verbs, whatever the role may do besides', async () => {
    const wanted = place();
    for (const purpose of PURPOSES) sts.roles.push({ arn: arn(purpose), externalIds: [externalId] });
    const id = await destination(wanted);
    const writing = await open(id, 'write');
    await writing.put('db/a', body);
    const reading = await open(id, 'read');
    await reading.get('db/a');
    const deleting = await open(id, 'delete');

    expect(await refusal(reading.put('db/b', body))).toBe('storage_denied');
    expect(await refusal(deleting.put('db/b', body))).toBe('storage_denied');
    for (const storage of [writing, reading, deleting]) await storage.close();

    const inside = 'arn:aws:s3:::backups/tenant/one/x';
    const may = (permission: string, where = inside) =>
      sts.sessions.map(({ policies }) =>
        policies.every((policy) => allows(policy, { permission, arn: where, context: {} })),
      );
    expect(may('s3:PutObject')).toContain(true);
    for (const permission of ['s3:PutObject', 's3:GetObject', 's3:DeleteObjectVersion'])
      expect([permission, may(permission, 'arn:aws:s3:::backups/other/x')]).toEqual([
        permission,
        sts.sessions.map(() => false),
      ]);
    for (const permission of ['s3:PutBucketPolicy', 's3:DeleteBucket', 'iam:CreateUser', 'kms:Decrypt'])
      expect(may(permission)).not.toContain(true);
  });

  it('F97 have policies that STS takes, however long the prefix is', () => {
    for (const length of [0, 1, 100, 300, 512]) {
      for (const purpose of PURPOSES) {
        const wanted = place({ prefix: 'p'.repeat(length), kmsKeyArn: KEY });
        expect(sessionPolicy(wanted, purpose).length).toBeLessThanOrEqual(2048);
      }
    }
  });

  it('believe the store’s checksum where no role may look, and say so when something must be read', async () => {
    const wanted = place({ readRoleArn: undefined });
    makeRoles(wanted);
    const id = await destination(wanted);
    const writing = await open(id, 'write');

    const upload = await writing.upload('db/run/dump.0001', {});
    await upload.part(1, body);
    const stat = await upload.complete({ bytes: body.length, crc32: crc32Base64(body) });

    expect(stat).toMatchObject({ key: 'db/run/dump.0001', bytes: body.length, crc32: crc32Base64(body) });
    expect(await refusal(writing.head('db/run/dump.0001'))).toBe('storage_denied');
    expect(await refusal(open(id, 'read'))).toBe('storage_denied');
    const deleting = await open(id, 'delete');
    await deleting.remove('db/run/dump.0001', { versionId: stat.versionId ?? '' });
    expect(server.versions()).toEqual([]);
    await Promise.all([writing.close(), deleting.close()]);
  });

  it('F34 delete nothing while the clocks disagree, though nothing may be looked at first', async () => {
    const wanted = place({ readRoleArn: undefined });
    makeRoles(wanted);
    const id = await destination(wanted);
    server.clockOffsetMs = 10 * 60_000;
    sts.clockOffsetMs = 10 * 60_000;
    const deleting = await open(id, 'delete');

    expect(await refusal(deleting.remove('db/x', { versionId: 'v1' }))).toBe('clock_skew');
    await deleting.close();
  });

  it('put the class of the place on what is uploaded in parts, and on nothing else', async () => {
    const wanted = place({ storageClass: 'STANDARD_IA' });
    makeRoles(wanted);
    const writing = await open(await destination(wanted), 'write');

    const upload = await writing.upload('db/dump', {});
    await upload.part(1, body);
    await upload.complete({ bytes: body.length, crc32: crc32Base64(body) });
    await writing.put('db/manifest.json', body);
    await writing.close();

    expect(server.objects().map(({ key, storageClass }) => [key, storageClass])).toEqual([
      ['tenant/one/db/dump', 'STANDARD_IA'],
      ['tenant/one/db/manifest.json', 'STANDARD'],
    ]);
  });
});

describe('endpoints of a client’s choosing', () => {
  it(`T15 F87 none of ${HOST_FORMS.length} forms of denied addresses is dialled`, async () => {
    let connections = 0;
    const listener = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => listener.listen(0, '::', resolve));
    const address = listener.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const outcomes = new Map<string, number>();
    const means = new Map(HOST_FORMS.map((form) => [form.host, form.means]));
    let asked: S3Place | undefined;
    const worst = clientStoreSurvey(
      parts({
        resolver: { addresses: async (host: string) => [means.get(host) ?? '127.0.0.1'] },
        allowed: [],
        // A row that holds whatever place is asked about.
        catalog: { withTenant: async () => ({ place: { s3: asked }, externalId, runId: 'run-1' }) } as never,
      }),
    );

    for (const { host } of HOST_FORMS) {
      const endpoint = `http://${host.includes(':') && !host.includes('[') ? `[${host}]` : host}:${port}`;
      const read = S3Place.safeParse({ bucket: 'backups', region: 'us-east-1', pathStyle: true, endpoint });
      asked = read.data;
      const wish = { tenantId: person.tenantId, destinationId: 'any', runId: 'run-1' };
      const outcome = read.success ? await refusal(worst(wish)) : 'no address';
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    listener.close();

    expect([...outcomes.keys()].sort()).toEqual(['no address', 'usage']);
    expect(outcomes.get('usage')).toBeGreaterThan(100);
    expect(connections).toBe(0);
  });

  it('F88 are looked up again at each connection: a name that has moved is not followed', async () => {
    let asked = 0;
    let connections = 0;
    const listener = createServer((socket) => {
      connections += 1;
      socket.destroy();
    });
    await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
    const address = listener.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const moving = { addresses: async () => [asked++ === 0 ? '127.0.0.2' : '127.0.0.1'] };
    const wanted = place({ endpoint: `http://store.example.org:${port}` });
    makeRoles(wanted);

    const found = await survey(wanted, { resolver: moving, allowed: ['127.0.0.2/32'] });
    listener.close();

    expect(asked).toBeGreaterThan(1);
    expect(connections).toBe(0);
    expect(found.capabilities).toBeUndefined();
  });

  it('F88 are dialled at the address that was checked', async () => {
    const { port } = new URL(server.endpoint);
    const wanted = place({ endpoint: `http://store.example.org:${port}` });
    makeRoles(wanted);

    expect(wrong(await survey(wanted, { resolver: { addresses: async () => ['127.0.0.1'] } }))).toEqual([]);
  });
});

describe('folders as destinations', () => {
  let folder: string;

  beforeAll(() => {
    folder = realpathSync(mkdtempSync(join(tmpdir(), 'client-store-')));
    mkdirSync(join(folder, 'data', 'secrets'), { recursive: true });
    symlinkSync(join(folder, 'data', 'secrets'), join(folder, 'link'));
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  async function surveyFolder(path: string): Promise<Survey> {
    const body = { kind: 'filesystem', name: 'disk', filesystem: { path } };
    const { id } = await person.ask('destinations.create', { body });
    const own = parts({ privateFolders: [join(folder, 'data', 'secrets')] });
    return clientStoreSurvey(own)({ tenantId: person.tenantId, destinationId: id, runId: 'run-1' });
  }

  it('are tried like a bucket, with their free space, and left as they were', async () => {
    const { findings, capabilities } = await surveyFolder(join(folder, 'backups'));

    expect(findings.map(({ action, ok }) => [action, ok])).toEqual([
      ['write, read, list and remove', true],
      ['free space', true],
    ]);
    expect(capabilities).toEqual({ conditionalWrites: true, checksums: true, versioned: false });
  });

  it('are refused where they cannot be written', async () => {
    expect(wrong(await surveyFolder('/proc/backups'))).toEqual(['write, read, list and remove']);
  });

  it.each(['data/secrets', 'data/secrets/deep/er', 'link', 'link/x', 'data/../data/secrets', 'data/secrets/'])(
    'are never among the service’s own: %s',
    async (path) => {
      expect(await refusal(surveyFolder(`${folder}/${path}`))).toBe('storage_denied');
    },
  );
});
