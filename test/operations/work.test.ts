import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { insertReport } from '../../src/catalog/repositories/reports.ts';
import { claimRun, finishRun } from '../../src/catalog/repositories/run-lease.ts';
import { Failure } from '../../src/domain/failure.ts';
import {
  addBackup,
  DATABASE,
  newOwner,
  type Person,
  refusal,
  startWorld,
  verifiedPlaces,
  type World,
} from '../support/operations-world.ts';

let world: World;
let owner: Person;
let databaseId: string;
let destinationId: string;

beforeAll(async () => {
  world = await startWorld();
  owner = await newOwner(world);
  ({ databaseId, destinationId } = await verifiedPlaces(owner));
});
afterAll(() => world.stop());

const startBackup = (more: object = {}) =>
  owner.ask('backups.start', { body: { databaseId, destinationIds: [destinationId], ...more } });
const cancel = (runId: string) => owner.ask('runs.cancel', { params: { runId } });
const SCHEDULE = { name: 'nightly', cron: '30 2 * * *', zone: 'Europe/Berlin' };
const schedule = (more: object = {}) =>
  owner.ask('schedules.create', { body: { ...SCHEDULE, databaseId, destinationIds: [destinationId], ...more } });

describe('a backup by hand', () => {
  it('is a queued run and an audit event, and then a start', async () => {
    const run = await startBackup({ name: 'before the release', type: 'schema' });

    expect(run).toMatchObject({ kind: 'backup', state: 'queued', trigger: 'manual', attempt: 0, databaseId });
    expect(world.outside.started.at(-1)).toEqual({ workflow: 'backup', runId: run.id });
    const [event] = (await owner.ask('audit.list', { query: { limit: 1 } })).items;
    expect(event).toMatchObject({ action: 'backups.start', object: `database ${databaseId}`, after: { run: run.id } });
    await cancel(run.id);
  });

  it('B-14 is in the catalog before anybody is told, and a start that is lost leaves it for the sweep', async () => {
    const seen: string[] = [];
    const launcher = {
      ...world.runtime.launcher,
      start: async (_workflow: string, { tenantId, runId }: { tenantId: string; runId: string }) => {
        const row = await world.catalog.withTenant(tenantId, (trx) =>
          trx.selectFrom('runs').select('state').where('id', '=', runId).executeTakeFirst(),
        );
        seen.push(row?.state ?? 'no row');
        throw new Error('lost');
      },
    };
    const body = { databaseId, destinationIds: [destinationId] };

    const run = await new (owner.constructor as typeof Person)({ ...world.runtime, launcher }, owner.asker).ask(
      'backups.start',
      { body },
    );

    expect(seen).toEqual(['queued']);
    expect(run.state).toBe('queued');
    expect((await world.catalog.find.queuedRuns(1000)).map(({ id }) => id)).toContain(run.id);
    expect(world.outside.log.at(-1)).toContain('waits for the sweep');
    await cancel(run.id);
  });

  it('is refused for a type that the engine does not make, and for a recipient that is none', async () => {
    const mongo = await verifiedPlaces(owner, { engine: 'mongodb' });
    const body = { databaseId: mongo.databaseId, destinationIds: [mongo.destinationId], type: 'schema' };

    expect(await refusal(owner.ask('backups.start', { body }))).toBe('usage');
    expect(await refusal(startBackup({ recipients: ['age1notone'] }))).toBe('usage');
    expect(await refusal(startBackup({ destinationIds: [destinationId, destinationId] }))).toBe('usage');
  });

  it('stops at the tenant’s runs a day', async () => {
    const tenant = await newOwner(world);
    const places = await verifiedPlaces(tenant);
    await tenant.ask('tenant.update', { body: { limits: { runsPerDay: 2 } } });
    const body = { databaseId: places.databaseId, destinationIds: [places.destinationId] };

    const answers = await Promise.all(Array.from({ length: 5 }, () => refusal(tenant.ask('backups.start', { body }))));

    expect(answers.filter((code) => code === 'limit_reached')).toHaveLength(3);
  });

  it('says where it came from', async () => {
    const run = await owner
      .with({ via: 'api-key' })
      .ask('backups.start', { body: { databaseId, destinationIds: [destinationId] } });

    expect(run.trigger).toBe('api');
    await cancel(run.id);
  });
});

describe('a run', () => {
  it('that is queued is cancelled at once; one that runs is told; one that is over stays', async () => {
    const queued = await startBackup();
    expect((await cancel(queued.id)).state).toBe('cancelled');

    const running = await startBackup();
    const claim = await owner.within((trx) =>
      claimRun(trx, { runId: running.id, leaseSeconds: 60, attempts: 3, concurrent: 4 }),
    );
    expect((await cancel(running.id)).state).toBe('running');
    expect(world.outside.cancelled.at(-1)).toBe(running.id);
    const lease = claim.outcome === 'claimed' ? claim.lease : '';
    await owner.within((trx) => finishRun(trx, { runId: running.id, lease }, { state: 'succeeded' }));
    expect((await cancel(running.id)).state).toBe('succeeded');
  });

  it('is listed by database, kind and state', async () => {
    const run = await startBackup();
    const list = async (query: Record<string, string>) =>
      (await owner.ask('runs.list', { query })).items.map(({ id }: { id: string }) => id);

    expect(await list({ databaseId, kind: 'backup', state: 'queued' })).toEqual([run.id]);
    expect(await list({ databaseId, kind: 'restore' })).toEqual([]);
    expect((await owner.ask('runs.log', { params: { runId: run.id } })).lines).toEqual([]);
    await cancel(run.id);
  });
});

describe('a schedule', () => {
  it('says in words what it means, and when it runs next', async () => {
    const made = await schedule({ jitterMinutes: 10, retention: { keepLast: 3 } });

    expect(made.words).toBe('At 02:30, every day (Europe/Berlin)');
    expect(made.nextRuns).toHaveLength(5);
    expect(world.outside.timetable.get(made.id)).toEqual({
      tenantId: owner.tenantId,
      scheduleId: made.id,
      pattern: SCHEDULE.cron,
      zone: SCHEDULE.zone,
      jitterMinutes: 10,
      enabled: true,
    });
    const rows = await world.world.sql(`SELECT next_slot::text FROM schedules WHERE id = '${made.id}'`);
    expect(new Date(rows[0]?.next_slot ?? '').toISOString()).toBe(made.nextRuns[0]);
    const preview = { body: { cron: SCHEDULE.cron, zone: SCHEDULE.zone, count: 5 } };
    expect(await owner.ask('schedules.preview', preview)).toEqual({ words: made.words, nextRuns: made.nextRuns });
  });

  it.each([
    ['a pattern that is none', { cron: 'every night please now ok' }],
    ['a day that never comes', { cron: '0 0 30 2 *' }],
    ['a zone that is none', { zone: 'Mars/Olympus' }],
    ['a type that the engine does not make', { type: 'globals' }],
  ])('B-10 refuses %s before it is saved', async (_what, more) => {
    const before = (await owner.ask('schedules.list')).items.length;

    await expect(schedule(more)).rejects.toThrow();

    expect((await owner.ask('schedules.list')).items).toHaveLength(before);
  });

  it('RU-09 does not promise a retention that no role can keep', async () => {
    const role = 'arn:aws:iam::111122223333:role/backup';
    const s3 = { bucket: 'a-bucket', region: 'eu-west-1', writeRoleArn: role };
    const made = await owner.ask('destinations.create', { body: { kind: 's3', name: 'b', s3 } });
    await owner.within((trx) =>
      trx.updateTable('destinations').set({ state: 'verified' }).where('id', '=', made.id).execute(),
    );
    const to = { destinationIds: [made.id] };

    expect(await refusal(schedule({ ...to, retention: { keepDays: 7 } }))).toBe('usage');
    expect((await schedule(to)).retention).toEqual({});
    await owner.ask('destinations.update', {
      params: { destinationId: made.id },
      body: { s3: { deleteRoleArn: role } },
    });
    await owner.within((trx) =>
      trx.updateTable('destinations').set({ state: 'verified' }).where('id', '=', made.id).execute(),
    );
    expect((await schedule({ ...to, retention: { keepDays: 7 } })).retention).toEqual({ keepDays: 7 });
  });

  it('B-10 changes what is named, keeps the rest, and moves its next slot with its pattern', async () => {
    const made = await schedule({ retention: { keepLast: 3 }, retries: 4, level: 3 });
    const params = { scheduleId: made.id };

    const after = await owner
      .with({ ifMatch: made.version })
      .ask('schedules.update', { params, body: { cron: '0 5 * * *' } });

    expect(after).toMatchObject({ retention: { keepLast: 3 }, retries: 4, level: 3, cron: '0 5 * * *', version: 2 });
    expect(after.nextRuns[0]).not.toBe(made.nextRuns[0]);
    const stale = owner.with({ ifMatch: made.version });
    expect(await refusal(stale.ask('schedules.update', { params, body: { name: 'x' } }))).toBe('version_conflict');
  });

  it('is not due while it is paused, and does not make up for what passed', async () => {
    const made = await schedule();
    const params = { scheduleId: made.id };
    const due = async () => (await world.catalog.find.dueSchedules(new Date('2999-01-01'), 1000)).map(({ id }) => id);
    expect(await due()).toContain(made.id);

    const paused = await owner.ask('schedules.pause', { params });

    expect([paused.enabled, paused.nextRuns]).toEqual([false, []]);
    expect(await due()).not.toContain(made.id);
    expect(world.outside.timetable.get(made.id)?.enabled).toBe(false);
    expect(Date.parse((await owner.ask('schedules.resume', { params })).nextRuns[0])).toBeGreaterThan(Date.now());
    expect(await due()).toContain(made.id);
    await owner.ask('schedules.delete', { params });
    expect(world.outside.timetable.has(made.id)).toBe(false);
  });

  it('runs now with all that it says, beside its own slots', async () => {
    const made = await schedule({ retention: { keepLast: 3 }, level: 3 });

    const run = await owner.ask('schedules.runNow', { params: { scheduleId: made.id } });
    const again = await owner.ask('schedules.runNow', { params: { scheduleId: made.id } });

    expect(run).toMatchObject({ kind: 'backup', scheduleId: made.id, trigger: 'manual' });
    expect(run.slot).toBeUndefined();
    const rows = await world.world.sql(`SELECT request::text FROM runs WHERE id = '${run.id}'`);
    expect(JSON.parse(rows[0]?.request ?? '')).toMatchObject({
      level: 3,
      retention: { keepLast: 3 },
      zone: 'Europe/Berlin',
    });
    for (const { id } of [run, again]) await cancel(id);
  });
});

describe('a backup that is there', () => {
  it('is renamed and tagged on the version that was read', async () => {
    const backupId = await addBackup(owner, { databaseId, destinationId });
    const update = (ifMatch: number, body: object) =>
      owner.with({ ifMatch }).ask('backups.update', { params: { backupId }, body });

    const named = await update(1, { name: 'golden', tags: ['release', 'v2'] });

    expect(named).toMatchObject({ name: 'golden', tags: ['release', 'v2'], version: 2 });
    expect(await refusal(update(1, { name: 'late' }))).toBe('version_conflict');
    const list = await owner.ask('backups.list', { query: { tag: 'v2' } });
    expect(list.items.map(({ id }: { id: string }) => id)).toEqual([backupId]);
    expect((await update(2, { name: null })).name).toBeUndefined();
  });

  it('shows its manifest, its tables and its reports', async () => {
    const backupId = await addBackup(owner, { databaseId, destinationId });
    const body = { reached: 3, restoreSeconds: 4 };
    await owner.within((trx) => insertReport(trx, { tenantId: owner.tenantId, id: randomUUID(), backupId, body }));

    const detail = await owner.ask('backups.get', { params: { backupId } });

    expect(detail).toMatchObject({ tableCounts: [{ name: 'public.a', rows: 7 }], reports: [body], engine: 'postgres' });
    expect(detail.manifest.format).toBe('database-dump/manifest');
  });

  it('goes in two phases, and comes back within the time of grace', async () => {
    const places = await verifiedPlaces(owner);
    const [first, second] = [await addBackup(owner, places), await addBackup(owner, places)];
    const params = { backupId: first };

    const gone = await owner.ask('backups.delete', { params });

    expect(gone.state).toBe('deleting');
    expect((await owner.ask('backups.delete', { params })).deleteAfter).toBe(gone.deleteAfter);
    expect(await refusal(owner.ask('backups.pin', { params, body: { reason: 'x' } }))).toBe('conflict');
    expect(await refusal(owner.ask('backups.download', { params }))).toBe('conflict');
    expect((await owner.ask('backups.undelete', { params })).state).toBe('good');
    expect(await refusal(owner.ask('backups.undelete', { params }))).toBe('conflict');
    await owner.ask('backups.delete', { params: { backupId: second } });
    expect(await refusal(owner.ask('backups.delete', { params }))).toBe('conflict');
  });

  it('is not deleted while it is pinned, locked or read', async () => {
    const places = await verifiedPlaces(owner);
    await addBackup(owner, places);
    const remove = (backupId: string) => refusal(owner.ask('backups.delete', { params: { backupId } }));
    const pinned = await addBackup(owner, places);
    await owner.ask('backups.pin', { params: { backupId: pinned }, body: { reason: 'the auditor wants it' } });
    const locked = await addBackup(owner, places, { lockedUntil: new Date(Date.now() + 60_000) });
    const read = await addBackup(owner, places);
    await owner.ask('backups.download', { params: { backupId: read } });

    expect([await remove(pinned), await remove(locked), await remove(read)]).toEqual([
      'conflict',
      'storage_locked',
      'target_in_use',
    ]);
  });

  it('F77 is downloaded by links of five minutes to its own objects, told in the chain and kept nowhere', async () => {
    const backupId = await addBackup(owner, { databaseId, destinationId });

    const grant = await owner.ask('backups.download', { params: { backupId } });

    const [link] = world.outside.links.slice(-1);
    expect(link).toMatchObject({ destinationId, seconds: 300, bytes: 5, fileName: 'shop-20261124T101113000Z.pgc.zst' });
    expect(link?.key).toBe(`shop-1/2026/11/24T101112Z-${backupId}/dump.pgc.zst`);
    expect(grant.sha256sum).toBe(`${'a'.repeat(64)}  ${grant.fileName}`);
    expect(Date.parse(grant.expiresAt) - Date.now()).toBeLessThanOrEqual(300_000);
    const [event] = (await owner.ask('audit.list', { query: { limit: 1 } })).items;
    expect(event).toMatchObject({ action: 'backups.download', object: `backup ${backupId}` });
    const rows = await world.world.sql('SELECT string_agg(to_jsonb(a)::text, $$ $$) AS text FROM audit_events a');
    expect(rows[0]?.text).not.toContain('signature=abc');
  });

  it('F79 says why it cannot be downloaded, and a store without links says so', async () => {
    const archived = await addBackup(owner, { databaseId, destinationId }, { state: 'archived' });
    expect(await refusal(owner.ask('backups.download', { params: { backupId: archived } }))).toBe('backup_archived');
    const backupId = await addBackup(owner, { databaseId, destinationId });
    const downloads = { link: () => Promise.reject(new Failure('storage_unsupported', 'This store gives no links.')) };
    const there = new (owner.constructor as typeof Person)({ ...world.runtime, downloads }, owner.asker);

    expect(await refusal(there.ask('backups.download', { params: { backupId } }))).toBe('storage_unsupported');
  });

  it('is verified by a run that holds it', async () => {
    const backupId = await addBackup(owner, { databaseId, destinationId });

    const run = await owner.ask('backups.verify', { params: { backupId }, body: { level: 3 } });

    expect(run).toMatchObject({ kind: 'verify', backupId });
    expect(await refusal(owner.ask('backups.delete', { params: { backupId } }))).toBe('target_in_use');
    await cancel(run.id);
  });
});

describe('RU-15 a restore', () => {
  const restore = (body: object) => owner.ask('restores.start', { body });
  const plan = (backupId: string, body: object) =>
    owner.ask('backups.restorePlan', { params: { backupId }, body: { backupId, ...body } });

  it('needs the typed name where something is replaced, and another name where nothing is', async () => {
    const backupId = await addBackup(owner, { databaseId, destinationId });
    const to = (target: object) => refusal(restore({ backupId, target: { databaseId, ...target } }));

    expect(await to({ kind: 'swap', confirm: 'shpo' })).toBe('confirmation_missing');
    expect(await to({ kind: 'in-place', confirm: '' })).toBe('confirmation_missing');
    expect(await to({ kind: 'new', name: 'shop' })).toBe('target_not_empty');
  });

  it('is a run, a restore and a hold at once, and one at a time per target', async () => {
    const places = await verifiedPlaces(owner);
    const backupId = await addBackup(owner, places);
    const target = { kind: 'swap', databaseId: places.databaseId, confirm: 'shop' };

    const answers = await Promise.all([1, 2, 3].map(() => refusal(restore({ backupId, target }))));

    expect(answers.filter((code) => code === 'already_running')).toHaveLength(2);
    const [made] = (await owner.ask('restores.list', { query: { limit: 1 } })).items;
    expect(made).toMatchObject({ backupId, databaseId: places.databaseId, state: 'queued', tables: [] });
    expect(world.outside.started.at(-1)).toEqual({ workflow: 'restore', runId: made.runId });
    const backUp = { databaseId: places.databaseId, destinationIds: [places.destinationId] };
    expect(await refusal(owner.ask('backups.start', { body: backUp }))).toBe('already_running');
    expect(await refusal(owner.ask('backups.delete', { params: { backupId } }))).toBe('target_in_use');
    await cancel(made.runId);
    expect((await owner.ask('restores.get', { params: { restoreId: made.id } })).state).toBe('cancelled');
  });

  it('is refused while a backup of the target is queued or running', async () => {
    const places = await verifiedPlaces(owner);
    const backupId = await addBackup(owner, places);
    const run = await owner.ask('backups.start', {
      body: { databaseId: places.databaseId, destinationIds: [places.destinationId] },
    });
    const target = { kind: 'new', databaseId: places.databaseId, name: 'copy' };

    expect(await refusal(restore({ backupId, target }))).toBe('already_running');
    await cancel(run.id);
    expect((await restore({ backupId, target })).state).toBe('queued');
  });

  it.each([
    ['backup_lost', { state: 'lost' }],
    ['backup_archived', { state: 'archived' }],
    ['backup_damaged', { state: 'suspect' }],
  ])('says %s of a backup that cannot be used', async (code, { state }) => {
    const places = await verifiedPlaces(owner);
    const backupId = await addBackup(owner, places);
    await owner.within((trx) => trx.updateTable('backups').set({ state }).where('id', '=', backupId).execute());
    const target = { kind: 'new', databaseId: places.databaseId, name: 'copy' };

    expect(await refusal(restore({ backupId, target }))).toBe(code);
  });

  it('is planned with everything that stands in its way at once, and what it replaces', async () => {
    const places = await verifiedPlaces(owner);
    const mysql = await verifiedPlaces(owner, { engine: 'mysql' });
    const backupId = await addBackup(owner, places);
    const body = { target: { kind: 'swap', databaseId: mysql.databaseId, confirm: '' } };
    world.outside.lookFails = new Failure('database_unreachable', 'No answer.', { remedy: 'Start it.' });

    const bad = await plan(backupId, body);
    world.outside.lookFails = undefined;
    const good = await plan(backupId, { target: { kind: 'in-place', databaseId: places.databaseId, confirm: 'shop' } });

    const wrong = bad.items.filter(({ ok }: { ok: boolean }) => !ok).map(({ name }: { name: string }) => name);
    expect(wrong).toEqual(['engine', 'confirmation', 'target']);
    expect(bad.replaces[0]).toContain('shop_before_');
    expect(good.items.every(({ ok }: { ok: boolean }) => ok)).toBe(true);
    expect(good).toMatchObject({ sourceDatabase: 'shop', finalDatabase: 'shop', plainBytes: 10 });
    expect(await refusal(plan(randomUUID(), { ...body, backupId }))).toBe('usage');
  });
});

describe('retention', () => {
  it('F61 is previewed with a reason for each backup, and changes nothing', async () => {
    const places = await verifiedPlaces(owner);
    for (let n = 0; n < 5; n += 1) await addBackup(owner, places);
    const preview = (retention: object) =>
      owner.ask('retention.preview', { body: { databaseId: places.databaseId, retention } });

    const two = await preview({ keepLast: 2 });

    expect([two.keeps, two.deletes, two.freesBytes]).toEqual([2, 3, 15]);
    for (const verdict of two.verdicts) expect(verdict.reason.length).toBeGreaterThan(5);
    expect((await preview({ keepLast: 0 })).keeps).toBe(1);
    expect((await preview({})).deletes).toBe(0);
    const list = await owner.ask('backups.list', { query: { databaseId: places.databaseId } });
    expect(list.items.every(({ state }: { state: string }) => state === 'good')).toBe(true);
    const zone = { databaseId: places.databaseId, retention: {}, zone: 'Nowhere' };
    expect(await refusal(owner.ask('retention.preview', { body: zone }))).toBe('usage');
  });
});

describe('channels', () => {
  it('show a webhook’s signing secret once, keep it sealed, and send a test through the outbox', async () => {
    const target = { kind: 'webhook', url: 'https://hooks.example.org/x' };
    const made = await owner.ask('channels.create', { body: { name: 'hook', target } });
    const params = { channelId: made.id };

    expect(made.signingSecret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(await owner.ask('channels.get', { params })).not.toHaveProperty('signingSecret');
    const delivery = await owner.ask('channels.test', { params });
    expect((await owner.ask('channels.deliveries', { params })).items).toEqual([delivery]);
    expect((await world.catalog.find.dueNotices(new Date(Date.now() + 1000), 1000)).map(({ id }) => id)).toContain(
      delivery.id,
    );
    const rows = await world.world.sql('SELECT string_agg(to_jsonb(c)::text, $$ $$) AS text FROM channels c');
    expect(rows[0]?.text).not.toContain(made.signingSecret);
    await owner.ask('channels.delete', { params });
    expect(await refusal(owner.ask('channels.deliveries', { params }))).toBe('not_found');
  });

  it('do not put a chat’s address into the audit chain, and change only what is named', async () => {
    const target = { kind: 'slack', url: 'https://hooks.slack.example/T0/canary-slack' };
    const body = { name: 'chat', target, events: ['run.failed'], minimumSeverity: 'critical' };
    const made = await owner.ask('channels.create', { body });
    const params = { channelId: made.id };

    const after = await owner.ask('channels.update', { params, body: { enabled: false } });

    expect(after).toMatchObject({ ...body, enabled: false });
    expect(JSON.stringify(await owner.ask('audit.list', { query: { limit: 5 } }))).not.toContain('canary-slack');
    const credentials = { ...target, url: 'https://u:p@hooks.slack.example/' };
    expect(await refusal(owner.ask('channels.update', { params, body: { target: credentials } }))).toBe('usage');
    const webhook = { kind: 'webhook', url: 'https://x.example' };
    expect(await refusal(owner.ask('channels.update', { params, body: { target: webhook } }))).toBe('usage');
  });
});

describe('figures', () => {
  it('B-19 speak of verified backups, not of runs that ended', async () => {
    const tenant = await newOwner(world);
    const fresh = await verifiedPlaces(tenant, { name: 'fresh' });
    await addBackup(tenant, fresh, { snapshotAt: new Date(Date.now() - 3_600_000) });
    const stale = await verifiedPlaces(tenant, { name: 'stale' });
    await addBackup(tenant, stale, { snapshotAt: new Date(Date.now() - 50 * 3_600_000) });
    const unproved = await verifiedPlaces(tenant, { name: 'unproved' });
    await addBackup(tenant, unproved, { state: 'stored', level: 1, snapshotAt: new Date() });

    const overview = await tenant.ask('overview.get');

    expect([overview.databases, overview.restorable]).toEqual([3, 1]);
    expect(overview.attention.map(({ name, problem }: Record<string, string>) => [name, problem])).toEqual([
      ['stale', 'Its last verified backup is 50 h old (RPO 24 h).'],
      ['unproved', 'It has no verified backup.'],
    ]);
    expect(overview.days).toHaveLength(30);
    expect(overview.storedBytes.at(-1).bytes).toBe(15);
    const one = await tenant.ask('databases.overview', { params: { databaseId: stale.databaseId } });
    expect(one).toMatchObject({ rpoOk: false, backups: 1, storedBytes: 5, rpoHours: 24 });
    const usage = await tenant.ask('usage.get');
    expect(usage).toMatchObject({ storedBytes: 15, plainBytes: 30, runs: 0 });
    expect(await refusal(tenant.ask('usage.get', { query: { from: '2026-02-02', to: '2026-02-01' } }))).toBe('usage');
    expect((await tenant.ask('databases.list')).items.map(({ name }: { name: string }) => name)).toEqual([
      'unproved',
      'stale',
      'fresh',
    ]);
  });

  it('put the keys and the command for every place into the recovery kit', async () => {
    const tenant = await newOwner(world);
    expect((await tenant.ask('recoveryKit.get')).text).toContain('YOUR-BUCKET');
    await addBackup(tenant, await verifiedPlaces(tenant));

    const { text } = await tenant.ask('recoveryKit.get');

    expect(text).toContain('file:///srv/backups');
    expect(text).toContain('BEGIN PUBLIC KEY');
  });

  it('name the engines with their rules, and a guide for each', async () => {
    const { items } = await owner.ask('engines.list');
    for (const { id } of items) {
      const { statements } = await owner.ask('engines.guide', { params: { engine: id } });
      expect(statements).toMatch(/CREATE (USER|ROLE)|createUser/);
    }
    expect(items.map(({ id }: { id: string }) => id)).toEqual(world.runtime.engines.map(({ id }) => id));
    expect(await refusal(owner.ask('engines.guide', { params: { engine: 'oracle' } }))).toBe('usage');
    expect(DATABASE.engine).toBe('postgres');
  });
});

describe('F90 a role template', () => {
  const s3 = {
    bucket: 'a-bucket',
    region: 'eu-west-1',
    prefix: 'dumps',
    kmsKeyArn: 'arn:aws:kms:eu-west-1:1:key/k',
    writeRoleArn: 'arn:aws:iam::111122223333:role/w',
  };

  it('trusts our principal with the tenant’s external id alone, and gives no role more than one purpose', async () => {
    const made = await owner.ask('destinations.create', { body: { kind: 's3', name: 'b', s3 } });
    const { externalId } = await owner.ask('tenant.get');
    const params = { destinationId: made.id };
    const { text, fileName } = await owner.ask('destinations.roleTemplate', { params });
    const { Resources } = JSON.parse(text);

    expect(fileName).toBe('database-dump.json');
    const actions = (role: string) =>
      Resources[role].Properties.Policies[0].PolicyDocument.Statement.flatMap(
        ({ Action }: { Action: string[] }) => Action,
      );
    for (const role of ['BackupWrite', 'BackupRead', 'BackupDelete']) {
      const [trust] = Resources[role].Properties.AssumeRolePolicyDocument.Statement;
      expect(trust.Principal).toEqual({ AWS: 'arn:aws:iam::111122223333:role/broker' });
      expect(trust.Condition).toEqual({ StringEquals: { 'sts:ExternalId': externalId } });
      for (const action of actions(role)) expect(action).not.toContain('*');
    }
    expect(actions('BackupWrite').join(' ')).not.toMatch(/s3:(Get|List|Delete)Object/);
    expect(actions('BackupRead').join(' ')).not.toMatch(/Put|Delete/);
    expect(actions('BackupDelete').join(' ')).not.toMatch(/Put|GetObject/);
  });

  it.each(['terraform', 'cli'])('says the same as %s', async (format) => {
    const made = await owner.ask('destinations.create', { body: { kind: 's3', name: 'b', s3 } });
    const { externalId } = await owner.ask('tenant.get');

    const { text } = await owner.ask('destinations.roleTemplate', {
      params: { destinationId: made.id },
      query: { format },
    });

    expect(text).toContain(externalId);
    expect(text).toContain('arn:aws:s3:::a-bucket/dumps/*');
    expect(text.match(/s3:DeleteObjectVersion/g)).toHaveLength(1);
  });
});
