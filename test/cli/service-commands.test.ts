import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { endRunsAtOnce, type Served, serve } from '../support/served.ts';
import { makeObjects, type TenantObjects } from '../support/tenant-objects.ts';

let served: Served;
let objects: TenantObjects;

beforeAll(async () => {
  served = await serve();
  objects = await makeObjects(served.service, served.tenant);
  endRunsAtOnce(served, 'succeeded');
});
afterAll(() => served.stop());

const ok = async (...args: string[]) => {
  const { code, document, stderr } = await served.json(args);
  expect({ args, code, document, stderr }).toMatchObject({ code: 0 });
  return document;
};

describe('dbdump database', () => {
  it('add keeps a database by its URL and a reference to its password, and looks at it', async () => {
    const url = 'postgres://backup@db.example.org:5433/crm?sslmode=verify-full';
    const options = ['--credential', 'env:CRM_PASSWORD', '--environment', 'production', '--rpo', '12h'];
    const more = ['--label', 'team=sales', '--exclude', 'public.log_*', '--assert', 'rows=select true'];

    const added = await ok('database', 'add', 'crm', url, ...options, ...more);

    expect(added).toMatchObject({
      name: 'crm',
      engine: 'postgres',
      host: 'db.example.org',
      port: 5433,
      databaseName: 'crm',
      user: 'backup',
      credential: { kind: 'env', name: 'CRM_PASSWORD' },
      tls: { mode: 'verify-full' },
      rpoHours: 12,
      labels: { team: 'sales' },
      exclude: ['public.log_*'],
      state: 'verified',
    });
  });

  it('list, show and verify tell how it stands', async () => {
    const list = await ok('database', 'list');
    const shown = await ok('database', 'show', objects.databaseId);
    const verified = await ok('database', 'verify', 'crm');

    expect(list.items.map(({ name }: { name: string }) => name)).toContain('crm');
    expect(shown).toMatchObject({ id: objects.databaseId, overview: { databaseId: objects.databaseId } });
    expect(verified).toMatchObject({ name: 'crm', state: 'verified' });
  });

  it('remove says what would happen before it does it, and keeps the backups', async () => {
    expect(await ok('database', 'remove', 'crm', '--plan')).toMatchObject({ backups: 0, willKeep: true });
    expect(await ok('database', 'remove', 'crm')).toMatchObject({ backups: 0, willKeep: true });
    expect((await served.json(['database', 'show', 'crm'])).document).toMatchObject({ code: 'not_found' });
  });
});

describe('dbdump destination', () => {
  it('add keeps a folder or a bucket with its roles, and tries it', async () => {
    const role = (name: string) => `arn:aws:iam::123456789012:role/${name}`;
    const roles = ['--write-role', role('w'), '--read-role', role('r'), '--delete-role', role('d')];

    const folder = await ok('destination', 'add', 'disk', 'file:///srv/backups');
    const bucket = await ok('destination', 'add', 'acme', 's3://acme-backups/nightly?region=eu-west-1', ...roles);

    expect(folder).toMatchObject({ kind: 'filesystem', filesystem: { path: '/srv/backups' }, state: 'verified' });
    expect(bucket).toMatchObject({
      s3: { bucket: 'acme-backups', prefix: 'nightly', region: 'eu-west-1', deleteRoleArn: role('d') },
      state: 'verified',
    });
  });

  it('list, verify, role-template and remove', async () => {
    const list = await ok('destination', 'list');
    const verified = await ok('destination', 'verify', 'disk');
    const principalArn = 'arn:aws:iam::111122223333:role/broker';
    Object.assign(served.service.runtime.installation, { principalArn });
    const template = await ok('destination', 'role-template', 'acme', '--format', 'terraform');
    const removed = await ok('destination', 'remove', 'acme');

    expect(list.items).toHaveLength(3);
    expect(verified).toMatchObject({ name: 'disk', state: 'verified' });
    expect(template).toMatchObject({ format: 'terraform', text: expect.stringContaining('aws_iam_role') });
    expect(removed).toMatchObject({ willKeep: true });
  });
});

describe('dbdump backup', () => {
  it('now starts a run and ends as it does', async () => {
    const run = await ok(
      'backup',
      'now',
      objects.databaseId,
      '--to',
      'disk',
      '--level',
      '3',
      '--name',
      'before the move',
    );

    expect(run).toMatchObject({ kind: 'backup', state: 'succeeded', databaseId: objects.databaseId });
    const [row] = await served.service.world.sql(`SELECT request FROM runs WHERE id = '${run.id}'`);
    expect(row?.request).toContain('"level": 3');
  });

  it('list filters, show has the tables', async () => {
    const all = await ok('backup', 'list', '--database', objects.databaseId, '--state', 'good');
    const none = await ok('backup', 'list', '--tag', 'nowhere');
    const shown = await ok('backup', 'show', 'latest');

    expect(all.items).toHaveLength(1);
    expect(none.items).toEqual([]);
    expect(shown).toMatchObject({ id: objects.backupId, tableCounts: [{ name: 'public.a', rows: 1 }] });
  });

  it('pin, unpin, delete and undelete', async () => {
    const id = objects.backupId;

    expect(await ok('backup', 'pin', id, '--reason', 'audit')).toMatchObject({ pin: 'audit' });
    expect((await served.json(['backup', 'delete', id])).document).toMatchObject({ code: 'conflict' });
    expect((await ok('backup', 'unpin', id)).pin).toBeUndefined();
    const last = await served.json(['backup', 'delete', id]);
    expect(last.document).toMatchObject({
      code: 'conflict',
      detail: expect.stringContaining('fewer verified backups'),
    });
    await served.service.world.sql(`UPDATE backups SET state = 'suspect' WHERE id = '${id}'`);
    expect(await ok('backup', 'delete', id)).toMatchObject({ state: 'deleting', deleteAfter: expect.any(String) });
    expect(await ok('backup', 'undelete', id)).toMatchObject({ state: 'suspect' });
    await served.service.world.sql(`UPDATE backups SET state = 'good' WHERE id = '${id}'`);
  });
});

describe('dbdump verify', () => {
  it('starts a verification of that level and ends as it does', async () => {
    const run = await ok('verify', objects.backupId, '--level', '2');

    expect(run).toMatchObject({ kind: 'verify', state: 'succeeded', backupId: objects.backupId });
  });
});

describe('dbdump restore', () => {
  it('plan says what would happen and what stands in the way', async () => {
    const plan = await ok('restore', 'plan', objects.backupId, '--into', objects.databaseId, '--new-name', 'copy');

    expect(plan).toMatchObject({ finalDatabase: 'copy', items: expect.any(Array) });
  });

  it('run restores beside the target, and asks for the name where something is replaced', async () => {
    const beside = await ok('restore', 'run', objects.backupId, '--into', objects.databaseId);
    const swap = await served.json(['restore', 'run', objects.backupId, '--into', objects.databaseId, '--swap']);

    expect(beside).toMatchObject({ backupId: objects.backupId, run: { kind: 'restore', state: 'succeeded' } });
    expect(swap).toMatchObject({ code: 12, document: { code: 'confirmation_missing' } });
  });
});

describe('dbdump schedule', () => {
  it('add makes one by a preset, with what is kept', async () => {
    const keep = ['--keep-last', '7', '--keep-monthly', '12'];
    const where = ['--database', objects.databaseId, '--to', 'disk', '--every', 'daily', '--zone', 'Europe/Berlin'];

    const added = await ok('schedule', 'add', 'nightly', ...where, ...keep);

    expect(added).toMatchObject({
      cron: '0 3 * * *',
      zone: 'Europe/Berlin',
      retention: { keepLast: 7, monthly: 12 },
      enabled: true,
    });
  });

  it('list, preview, run-now, pause, resume and remove', async () => {
    const list = await ok('schedule', 'list');
    const preview = await ok('schedule', 'preview', '30 2 * * 1', '--zone', 'UTC', '--count', '3');
    const run = await ok('schedule', 'run-now', 'nightly');
    const paused = await ok('schedule', 'pause', 'nightly');
    const resumed = await ok('schedule', 'resume', 'nightly');
    const removed = await ok('schedule', 'remove', 'nightly');

    expect(list.items).toHaveLength(2);
    expect(preview).toMatchObject({ words: expect.stringContaining('02:30'), nextRuns: { length: 3 } });
    expect(run).toMatchObject({ kind: 'backup', state: 'succeeded', scheduleId: paused.id });
    expect([paused.enabled, resumed.enabled]).toEqual([false, true]);
    expect(removed).toMatchObject({ name: 'nightly', removed: true });
  });
});

describe('dbdump run', () => {
  it('list, show and cancel', async () => {
    const list = await ok('run', 'list', '--kind', 'restore', '--limit', '1');
    const shown = await ok('run', 'show', objects.runId);
    const over = await ok('run', 'cancel', objects.runId);

    expect(list.items).toHaveLength(1);
    expect(shown).toMatchObject({ id: objects.runId, log: [] });
    expect(over).toMatchObject({ state: 'succeeded' });
  });
});

describe('dbdump audit', () => {
  it('verify says that the chain is whole, and exits otherwise where it is not', async () => {
    const verdict = await ok('audit', 'verify');

    expect(verdict).toMatchObject({ intact: true, events: expect.any(Number) });
  });
});

describe('for people', () => {
  it('lists are tables, results are lines, and nothing is JSON', async () => {
    const options = ['--server', served.url, '--api-key', 'env:KEY'];
    const env = { KEY: served.tenant.keys.viewer };

    const list = await served.run(['destination', 'list', ...options], { env });
    const shown = await served.run(['backup', 'show', objects.backupId, ...options], { env });

    expect(list).toMatchObject({ code: 0, stderr: '' });
    expect(list.stdout).toMatch(/^NAME +KIND +PLACE +STATE +STORED +ID\n/);
    expect(shown.stdout).toMatch(/^id +[0-9a-f-]{36}\n/);
    expect(shown.stdout).toMatch(/public\.a +1\n$/);
  });

  it('a one-off password is read from a file, and travels in no argument', async () => {
    const file = join(served.home, 'password');
    writeFileSync(file, 'canary-one-off\n', { mode: 0o600 });
    const url = 'postgres://backup@db.example.org/erp';
    await ok('database', 'add', 'erp', url, '--credential', 'one-off', '--environment', 'staging');
    await served.service.world.sql(`UPDATE databases SET state = 'verified' WHERE name = 'erp'`);
    const lent: string[] = [];
    const lend = async (_run: string, secret: { reveal(): string }) => void lent.push(secret.reveal());
    Object.assign(served.service.runtime.vault, { lend });

    const typed = await served.json(['backup', 'now', 'erp', '--to', 'disk', '--password', 'canary-typed']);
    const missing = await served.json(['backup', 'now', 'erp', '--to', 'disk']);
    const given = await served.json(['backup', 'now', 'erp', '--to', 'disk', '--password', `file:${file}`]);

    expect(typed).toMatchObject({ code: 2, document: { code: 'usage' } });
    expect(JSON.stringify(typed)).not.toContain('canary-typed');
    expect(missing).toMatchObject({ code: 2, document: { detail: expect.stringContaining('with each run') } });
    expect({ code: given.code, lent }).toEqual({ code: 0, lent: ['canary-one-off'] });
    expect(JSON.stringify(given)).not.toContain('canary-one-off');
  });
});
