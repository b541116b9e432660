import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { insertRun } from '../../src/catalog/repositories/runs.ts';
import { Failure } from '../../src/domain/failure.ts';
import { Secret } from '../../src/domain/secret.ts';
import {
  addBackup,
  DATABASE,
  FOLDER,
  type Json,
  newOwner,
  Person,
  refusal,
  setVerified,
  startWorld,
  verifiedPlaces,
  type World,
} from '../support/operations-world.ts';

let world: World;
let owner: Person;
/** The same catalog in an installation that many share. */
let shared: Person;

beforeAll(async () => {
  world = await startWorld();
  owner = await newOwner(world);
  const installation = { ...world.runtime.installation, kind: 'aws' as const };
  shared = new Person({ ...world.runtime, installation }, owner.asker);
});
afterAll(() => world.stop());

const create = (change: object, person = owner) => person.ask('databases.create', { body: { ...DATABASE, ...change } });
const ARN = 'arn:aws:iam::111122223333:role/backup';
const SECRET = { kind: 'secret', secretArn: 'arn:aws:secretsmanager:eu-west-1:1:secret:x', roleArn: ARN };
const S3 = { bucket: 'a-bucket', region: 'eu-west-1', writeRoleArn: ARN };

describe('what may be registered', () => {
  it.each([
    ['RU-01', 'no database and not all of them', { databaseName: undefined }],
    ['RU-01', 'one database and all of them', { allDatabases: true }],
    ['RU-01', 'an engine that is none', { engine: 'oracle' }],
    ['RU-02', 'PostgreSQL without a user', { user: '' }],
    ['RU-02', 'PostgreSQL without a password', { credential: { kind: 'none' } }],
    ['RU-02', 'MySQL without a user', { engine: 'mysql', user: '' }],
    ['RU-02', 'MongoDB with a user and no password', { engine: 'mongodb', credential: { kind: 'none' } }],
    ['RU-02', 'MongoDB with a password and no user', { engine: 'mongodb', user: '' }],
    ['RU-03', 'a TLS mode that MongoDB cannot keep', { engine: 'mongodb', tls: { mode: 'verify-ca' } }],
    ['RU-04', 'an option that the engine does not take', { options: { sslrootcert: '/etc/passwd' } }],
    [
      'RU-05',
      'an authMechanism that would read our own credentials',
      { engine: 'mongodb', options: { authMechanism: 'MONGODB-AWS' } },
    ],
  ])('%s refuses %s', async (_rule, _what, change) => {
    expect(await refusal(create(change))).toBe('usage');
  });

  it.each([
    ['MySQL without a password', { engine: 'mysql', credential: { kind: 'none' } }],
    ['MongoDB without access control', { engine: 'mongodb', user: '', credential: { kind: 'none' } }],
    ['a whole server', { databaseName: undefined, allDatabases: true }],
    ['an IPv6 address', { host: '2001:db8::1' }],
  ])('RU-02 takes %s', async (_what, change) => {
    expect((await create(change)).state).toBe('created');
  });

  it('RU-06 refuses a production database without TLS, at once and later', async () => {
    expect(await refusal(create({ tls: { mode: 'disable' } }))).toBe('tls_refused');
    const db = await create({ environment: 'staging', tls: { mode: 'disable' } });
    const update = (body: object) => owner.ask('databases.update', { params: { databaseId: db.id }, body });

    expect(await refusal(update({ environment: 'production' }))).toBe('tls_refused');
    expect((await update({ environment: 'production', tls: { mode: 'verify-full' } })).environment).toBe('production');
  });

  it('S-05 refuses this machine’s files, variables, programs and folders where many share it', async () => {
    const kinds = [
      { kind: 'file', path: '/etc/shadow' },
      { kind: 'env', name: 'HOME' },
      { kind: 'command', program: '/bin/cat', args: ['/etc/shadow'] },
    ];
    for (const credential of kinds) expect(await refusal(create({ credential }, shared))).toBe('usage');
    const tunnel = { host: 'b', user: 'u', hostKey: 'ssh-ed25519 AAAAAAAA', privateKey: { kind: 'file', path: '/k' } };
    expect(await refusal(create({ credential: SECRET, tunnel }, shared))).toBe('usage');
    expect((await create({ credential: SECRET }, shared)).state).toBe('created');

    expect(await refusal(shared.ask('destinations.create', { body: FOLDER }))).toBe('usage');
    const keyless = { kind: 's3', name: 'b', s3: { bucket: 'a-bucket', region: 'eu-west-1' } };
    expect(await refusal(shared.ask('destinations.create', { body: keyless }))).toBe('usage');
    expect((await shared.ask('destinations.create', { body: { ...keyless, s3: S3 } })).state).toBe('created');
  });

  it('stops at the tenant’s limit, however many ask at once', async () => {
    const small = await newOwner(world);
    await small.ask('tenant.update', { body: { limits: { databases: 3 } } });

    const answers = await Promise.all(Array.from({ length: 8 }, () => refusal(create({}, small))));

    expect(answers.filter((code) => code === 'limit_reached')).toHaveLength(5);
    expect((await small.ask('databases.list')).items).toHaveLength(3);
  });
});

describe('RU-07 verification', () => {
  it('goes from created to verifying, once at a time, and a verdict on an older version is dropped', async () => {
    const db = await create({});
    const params = { databaseId: db.id };
    expect(db.state).toBe('created');

    const run = await owner.ask('databases.verify', { params });

    expect(run.kind).toBe('probe');
    expect(world.outside.started.at(-1)).toEqual({ workflow: 'probe', runId: run.id });
    expect((await owner.ask('databases.get', { params })).state).toBe('verifying');
    expect(await refusal(owner.ask('databases.verify', { params }))).toBe('already_running');

    await owner.ask('databases.update', { params, body: { host: 'other.example.org' } });
    await setVerified(owner, db);
    expect((await owner.ask('databases.get', { params })).state).toBe('created');
  });

  it.each([
    ['host', { host: 'elsewhere.example.org' }],
    ['port', { port: 5433 }],
    ['engine', { engine: 'mysql' }],
    ['user', { user: 'other' }],
    ['credential', { credential: { kind: 'env', name: 'OTHER' } }],
    ['TLS mode', { tls: { mode: 'require' } }],
    ['database', { databaseName: 'other' }],
  ])('is undone by another %s', async (_what, body) => {
    const { databaseId } = await verifiedPlaces(owner);

    const after = await owner.ask('databases.update', { params: { databaseId }, body });

    expect([after.state, after.verifiedAt]).toEqual(['created', undefined]);
  });

  it('stands through a change of what does not matter to it, and nothing that was not named changes', async () => {
    const { databaseId } = await verifiedPlaces(owner, { rpoHours: 6, labels: { team: 'a' }, include: ['public.*'] });
    const params = { databaseId };
    const before = await owner.ask('databases.get', { params });

    const after = await owner.ask('databases.update', { params, body: { name: 'renamed', rtoMinutes: 30 } });

    expect(after).toMatchObject({
      ...before,
      name: 'renamed',
      rtoMinutes: 30,
      version: before.version + 1,
      state: 'verified',
    });
    const without = await owner.ask('databases.update', { params, body: { rtoMinutes: null } });
    expect(without.rtoMinutes).toBeUndefined();
  });

  it('is needed before a backup, a schedule or a restore', async () => {
    const { destinationId, databaseId } = await verifiedPlaces(owner);
    const raw = await create({});
    const unproved = await owner.ask('destinations.create', { body: FOLDER });
    const backupId = await addBackup(owner, { databaseId, destinationId });
    const backUp = (db: string, to: string) =>
      refusal(owner.ask('backups.start', { body: { databaseId: db, destinationIds: [to] } }));
    const schedule = (db: string, to: string) =>
      refusal(
        owner.ask('schedules.create', {
          body: { name: 's', databaseId: db, destinationIds: [to], cron: '0 1 * * *', zone: 'UTC' },
        }),
      );
    const target = { kind: 'new', databaseId: raw.id, name: 'copy' };

    expect(await backUp(raw.id, destinationId)).toBe('not_verified');
    expect(await backUp(databaseId, unproved.id)).toBe('not_verified');
    expect(await schedule(raw.id, destinationId)).toBe('not_verified');
    expect(await schedule(databaseId, unproved.id)).toBe('not_verified');
    expect(await refusal(owner.ask('restores.start', { body: { backupId, target } }))).toBe('not_verified');
    expect(await refusal(owner.ask('databases.capabilities', { params: { databaseId: raw.id } }))).toBe('not_verified');
  });

  it('is undone by another place of a destination, and a place with backups stays where it is', async () => {
    const { destinationId, databaseId } = await verifiedPlaces(owner);
    const params = { destinationId };
    const move = () => owner.ask('destinations.update', { params, body: { filesystem: { path: '/srv/other' } } });
    expect((await owner.ask('destinations.update', { params, body: { name: 'renamed' } })).state).toBe('verified');
    const backupId = await addBackup(owner, { databaseId, destinationId });

    expect(await refusal(move())).toBe('conflict');

    await owner.within((trx) => trx.deleteFrom('backups').where('id', '=', backupId).execute());
    expect((await move()).state).toBe('created');
    expect(await refusal(owner.ask('destinations.update', { params, body: { s3: { bucket: 'other' } } }))).toBe(
      'usage',
    );
  });
});

describe('passwords', () => {
  it('are sealed only where an owner turned that on, and never shown or told', async () => {
    const tenant = await newOwner(world);
    const credential = { kind: 'sealed', password: 'canary-7f3a' };
    expect(await refusal(create({ credential }, tenant))).toBe('forbidden');
    await tenant.ask('tenant.update', { body: { sealedCredentials: true } });
    expect(await refusal(create({ credential: { kind: 'sealed' } }, tenant))).toBe('usage');

    const db = await create({ credential }, tenant);

    expect(db.credential).toEqual({ kind: 'sealed' });
    const { items } = await tenant.ask('audit.list');
    const rows = await world.world.sql('SELECT to_jsonb(d)::text AS row FROM databases d');
    expect(JSON.stringify([items, rows, world.outside.log])).not.toContain('canary-7f3a');
  });

  it('S-03 are not sent to another address: a sealed one must be typed again', async () => {
    const tenant = await newOwner(world);
    await tenant.ask('tenant.update', { body: { sealedCredentials: true } });
    const db = await create({ credential: { kind: 'sealed', password: 'first' } }, tenant);
    const update = (body: object) => tenant.ask('databases.update', { params: { databaseId: db.id }, body });

    for (const body of [{ host: 'evil.example.org' }, { port: 1 }, { tls: { mode: 'require' } }, { user: 'x' }])
      expect(await refusal(update(body))).toBe('usage');
    expect((await update({ name: 'renamed' })).name).toBe('renamed');
    const credential = { kind: 'sealed', password: 'second' };
    expect((await update({ host: 'new.example.org', credential })).host).toBe('new.example.org');
    const plain = await update({ credential: { kind: 'env', name: 'X' } });
    expect(plain.credential).toEqual({ kind: 'env', name: 'X' });
    const kept = await world.world.sql(`SELECT sealed_secret FROM databases WHERE id = '${db.id}'`);
    expect(kept).toEqual([{ sealed_secret: null }]);
  });

  it('S-03 of a dry run are those given with it, and nothing is kept', async () => {
    const body: Json = { ...DATABASE, host: 'looked.example.org', credential: { kind: 'one-off' } };
    const before = (await owner.ask('databases.list', { query: { limit: 200 } })).items.length;
    expect(await refusal(owner.ask('databases.dryRun', { body }))).toBe('usage');

    const verdict = await owner.ask('databases.dryRun', { body: { ...body, password: 'canary-dry' } });

    expect(verdict).toMatchObject({ ok: true, probe: { flavour: 'PostgreSQL', tables: 1 } });
    const look = world.outside.looks.at(-1);
    expect([look?.settings.host, look?.password?.reveal(), look?.sealed]).toEqual([
      'looked.example.org',
      'canary-dry',
      undefined,
    ]);
    expect((await owner.ask('databases.list', { query: { limit: 200 } })).items).toHaveLength(before);
    expect(JSON.stringify(await owner.ask('audit.list'))).not.toContain('canary-dry');
  });

  it('RU-17 of a server that refuses are told by cause and remedy', async () => {
    world.outside.lookFails = new Failure('authentication_failed', 'The password is wrong.', {
      remedy: 'Type it again.',
    });

    const verdict = await owner.ask('databases.dryRun', { body: { ...DATABASE, password: 'x' } });

    world.outside.lookFails = undefined;
    expect(verdict).toEqual({ ok: false, problem: 'The password is wrong.', remedy: 'Type it again.' });
  });

  it('of one run go to the vault and to nothing that is kept', async () => {
    const { databaseId, destinationId } = await verifiedPlaces(owner, { credential: { kind: 'one-off' } });
    const start = (more: object) =>
      owner.ask('backups.start', { body: { databaseId, destinationIds: [destinationId], ...more } });
    expect(await refusal(start({}))).toBe('usage');

    const run = await start({ password: 'canary-one-off' });

    expect(world.outside.lent.get(run.id)).toEqual(new Secret('canary-one-off'));
    expect(world.outside.lent.get(run.id)?.reveal()).toBe('canary-one-off');
    const rows = await world.world.sql(
      'SELECT to_jsonb(r)::text AS row FROM runs r UNION ALL SELECT to_jsonb(a)::text FROM audit_events a',
    );
    expect(JSON.stringify([rows, world.outside.log])).not.toContain('canary-one-off');
    const other = await verifiedPlaces(owner);
    const superfluous = { databaseId: other.databaseId, destinationIds: [other.destinationId], password: 'x' };
    expect(await refusal(owner.ask('backups.start', { body: superfluous }))).toBe('usage');
  });
});

describe('leaving', () => {
  const leave = (databaseId: string, query: Record<string, string>) =>
    owner.ask('databases.delete', { params: { databaseId }, query });

  it('keeps the backups, listed and restorable, and takes schedules and credential away', async () => {
    const { databaseId, destinationId } = await verifiedPlaces(owner);
    const backupId = await addBackup(owner, { databaseId, destinationId });
    const body = { name: 's', databaseId, destinationIds: [destinationId], cron: '0 1 * * *', zone: 'UTC' };
    const schedule = await owner.ask('schedules.create', { body });
    expect(world.outside.timetable.has(schedule.id)).toBe(true);

    const preview = await owner.ask('databases.leaving', { params: { databaseId } });
    const left = await leave(databaseId, {});

    expect(left).toEqual({ backups: 1, bytes: 5, runsLive: 0, held: 0, willKeep: true });
    expect(preview).toEqual(left);
    expect(world.outside.timetable.has(schedule.id)).toBe(false);
    expect((await owner.ask('databases.get', { params: { databaseId } })).managed).toBe(false);
    expect((await owner.ask('backups.get', { params: { backupId } })).state).toBe('good');
    expect(await refusal(leave(databaseId, {}))).toBe('not_found');
    const other = await verifiedPlaces(owner);
    const target = { kind: 'new', databaseId: other.databaseId, name: 'back_again' };
    expect((await owner.ask('restores.start', { body: { backupId, target } })).state).toBe('queued');
  });

  it('deletes them only with the name typed, by way of the time of grace', async () => {
    const { databaseId, destinationId } = await verifiedPlaces(owner, { name: 'gone soon' });
    const backupId = await addBackup(owner, { databaseId, destinationId });

    expect(await refusal(leave(databaseId, { backups: 'delete' }))).toBe('confirmation_missing');
    expect(await refusal(leave(databaseId, { backups: 'delete', confirm: 'shop' }))).toBe('confirmation_missing');
    await owner.ask('backups.pin', { params: { backupId }, body: { reason: 'audit' } });
    expect(await refusal(leave(databaseId, { backups: 'delete', confirm: 'gone soon' }))).toBe('conflict');
    await owner.ask('backups.unpin', { params: { backupId } });
    await leave(databaseId, { backups: 'delete', confirm: 'gone soon' });

    const backup = await owner.ask('backups.get', { params: { backupId } });
    expect(backup.state).toBe('deleting');
    expect(Date.parse(backup.deleteAfter) - Date.now()).toBeGreaterThan(6.9 * 86_400_000);
  });

  it('B-21 is refused while a run lives or a backup is held, and changes nothing then', async () => {
    const { databaseId, destinationId } = await verifiedPlaces(owner);
    const backupId = await addBackup(owner, { databaseId, destinationId });
    const run = await owner.ask('backups.start', { body: { databaseId, destinationIds: [destinationId] } });

    expect(await refusal(leave(databaseId, {}))).toBe('already_running');
    await owner.ask('runs.cancel', { params: { runId: run.id } });
    await owner.ask('backups.download', { params: { backupId } });
    expect(await refusal(leave(databaseId, {}))).toBe('target_in_use');

    const db = await owner.ask('databases.get', { params: { databaseId } });
    expect([db.managed, db.state]).toEqual([true, 'verified']);
  });

  it('of a destination waits for its schedules and runs', async () => {
    const { databaseId, destinationId } = await verifiedPlaces(owner);
    const body = { name: 's', databaseId, destinationIds: [destinationId], cron: '0 1 * * *', zone: 'UTC' };
    const { id: scheduleId } = await owner.ask('schedules.create', { body });
    const remove = () => owner.ask('destinations.delete', { params: { destinationId } });

    expect(await refusal(remove())).toBe('conflict');
    await owner.ask('schedules.delete', { params: { scheduleId } });
    const run = await owner.ask('backups.start', { body: { databaseId, destinationIds: [destinationId] } });
    expect(await refusal(remove())).toBe('already_running');
    await owner.ask('runs.cancel', { params: { runId: run.id } });

    expect((await remove()).willKeep).toBe(true);
    expect(await refusal(remove())).toBe('not_found');
  });

  it('of the whole tenant ends every key and keeps the audit chain and the backups', async () => {
    const tenant = await newOwner(world);
    const { databaseId, destinationId } = await verifiedPlaces(tenant);
    await addBackup(tenant, { databaseId, destinationId });
    const { name } = await tenant.ask('tenant.get');
    const exported = await tenant.ask('tenant.export');
    expect(exported.tables.backups).toHaveLength(1);
    expect(exported.recoveryKit).toContain('RECOVERY KIT');
    expect(JSON.stringify(exported.tables)).not.toMatch(/key_hash|token_hash|sealed_secret|lease_token/);

    expect(await refusal(tenant.ask('tenant.delete'))).toBe('confirmation_missing');
    await tenant.within((trx) =>
      insertRun(trx, {
        tenantId: tenant.tenantId,
        id: crypto.randomUUID(),
        kind: 'reconcile',
        trigger: 'system',
        request: {},
      }),
    );
    expect(await refusal(tenant.ask('tenant.delete', { query: { confirm: name } }))).toBe('already_running');
    await tenant.within((trx) => trx.deleteFrom('runs').execute());
    await tenant.ask('tenant.delete', { query: { confirm: name } });

    expect((await tenant.ask('apiKeys.list')).items).toEqual([]);
    expect((await tenant.ask('backups.list')).items).toHaveLength(1);
    expect((await tenant.ask('audit.verify')).intact).toBe(true);
  });
});
