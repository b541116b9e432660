import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { endRunsAtOnce, type Json, type Served, serve } from '../support/served.ts';

const SLACK = 'https://hooks.slack.example/services/canary-address';
const CONFIG = `
version: 1
destinations:
  - name: acme
    kind: s3
    s3:
      bucket: acme-backups
      region: eu-central-1
      writeRoleArn: arn:aws:iam::123456789012:role/write
      deleteRoleArn: arn:aws:iam::123456789012:role/delete
  - { name: disk, kind: filesystem, filesystem: { path: /srv/backups }, labels: { room: "7" } }
databases:
  - name: shop
    engine: postgres
    host: db.example.org
    port: 5432
    databaseName: shop
    user: backup
    credential: { kind: file, path: /etc/shop.password }
    environment: production
    exclude: [public.log_*]
schedules:
  - name: shop nightly
    database: shop
    destinations: [acme, disk]
    cron: 30 2 * * *
    zone: Europe/Berlin
    retention: { daily: 7, monthly: 12 }
channels:
  - name: on call
    target: { kind: slack, url: env:SLACK_URL }
    events: [run.failed, run.missed]
`;

let served: Served;
beforeAll(async () => {
  served = await serve();
  endRunsAtOnce(served, 'succeeded');
});
afterAll(() => served.stop());

async function apply(text: string, ...options: string[]) {
  const file = join(served.home, 'config.yaml');
  writeFileSync(file, text);
  const result = await served.json(['apply', '-f', file, ...options], { env: { SLACK_URL: SLACK } });
  expect(JSON.stringify(result)).not.toContain('canary-address');
  return result;
}

const brief = ({ document }: { document: Json }): string[] =>
  (document.changes as { action: string; kind: string; name: string; fields: { field: string }[] }[]).map(
    ({ action, kind, name, fields }) =>
      `${action} ${kind} ${name}${action === 'update' ? `: ${fields.map(({ field }) => field).join(', ')}` : ''}`,
  );

/** Everything that an apply could have touched, and how many audit events there are. */
async function state(): Promise<string> {
  const tables = ['destinations', 'databases', 'schedules', 'channels', 'audit_events'];
  const counts = tables.map(
    (table) => `SELECT '${table}' t, count(*) n, md5(string_agg(x::text, '|' ORDER BY x::text)) h FROM ${table} x`,
  );
  return JSON.stringify(await served.service.world.sql(counts.join(' UNION ALL ')));
}

describe('dbdump apply', () => {
  it('with --dry-run prints every change and makes none', async () => {
    const before = await state();

    const dry = await apply(CONFIG, '--dry-run');

    expect(dry.code).toBe(0);
    expect(brief(dry)).toEqual([
      'create destination acme',
      'create destination disk',
      'create database shop',
      'create schedule shop nightly',
      'create channel on call',
    ]);
    expect(await state()).toBe(before);
  });

  it('makes it so, verifies what schedules need, and the second time changes nothing', async () => {
    const first = await apply(CONFIG);
    const after = await state();
    const second = await apply(CONFIG);
    const dry = await apply(CONFIG, '--dry-run');

    expect({ code: first.code, changes: brief(first).length }).toEqual({ code: 0, changes: 5 });
    expect([second.document, dry.document]).toEqual([
      { dryRun: false, changes: [] },
      { dryRun: true, changes: [] },
    ]);
    expect(await state()).toBe(after);
    const { items } = (await served.json(['schedule', 'list'])).document;
    expect(items).toMatchObject([{ name: 'shop nightly', cron: '30 2 * * *', retention: { daily: 7, monthly: 12 } }]);
    const [channel] = await served.service.world.sql(`SELECT settings->'target'->>'url' url FROM channels`);
    expect(channel?.url).toBe(SLACK);
  });

  it('changes what differs and nothing else, field by field', async () => {
    const changed = CONFIG.replace('eu-central-1', 'eu-west-1')
      .replace('    exclude: [public.log_*]\n', '')
      .replace('[acme, disk]', '[disk]')
      .replace('events: [run.failed, run.missed]', 'events: [run.failed]');
    const before = await state();

    const dry = await apply(changed, '--dry-run');
    expect(await state()).toBe(before);
    const made = await apply(changed);

    const changes = [
      'update destination acme: s3.region',
      'update database shop: exclude',
      'update schedule shop nightly: destinations',
      'update channel on call: events',
    ];
    expect([brief(dry), brief(made)]).toEqual([changes, changes]);
    expect(dry.document.changes[0].fields).toEqual([
      { field: 's3.region', before: 'eu-central-1', after: 'eu-west-1' },
    ]);
    expect((await apply(changed)).document.changes).toEqual([]);
    expect((await apply(CONFIG)).document.changes).toHaveLength(4);
  });

  it('removes nothing unless told to, and then of the kinds that the file has', async () => {
    const less = CONFIG.slice(0, CONFIG.indexOf('schedules:'));
    const without = `${CONFIG.slice(0, CONFIG.indexOf('  - { name: disk'))}${CONFIG.slice(CONFIG.indexOf('databases:'), CONFIG.indexOf('schedules:'))}schedules: []\n`;

    expect((await apply(less, '--prune')).document.changes).toEqual([]);
    expect((await apply(without)).document.changes).toEqual([]);
    expect(brief(await apply(without, '--prune', '--dry-run'))).toEqual([
      'remove schedule shop nightly',
      'remove destination disk',
    ]);
    expect(brief(await apply(without, '--prune'))).toEqual(['remove schedule shop nightly', 'remove destination disk']);
    const { items } = (await served.json(['destination', 'list'])).document;
    expect(items.map(({ name }: { name: string }) => name)).toEqual(['acme']);
    expect(brief(await apply(CONFIG))).toEqual(['create destination disk', 'create schedule shop nightly']);
  });

  it('prints a diff for people', async () => {
    const file = join(served.home, 'people.yaml');
    writeFileSync(file, CONFIG.replace('30 2 * * *', '0 4 * * *').replace('room: "7"', 'room: "8"'));
    const env = { DATABASE_DUMP_SERVER: served.url, DATABASE_DUMP_API_KEY: served.tenant.keys.owner, SLACK_URL: SLACK };

    const { code, stdout } = await served.run(['apply', '-f', file, '--dry-run'], { env });

    expect(code).toBe(0);
    expect(stdout.split('\n')).toEqual([
      '~ update destination disk',
      '    labels: {"room":"7"} → {"room":"8"}',
      '~ update schedule shop nightly',
      '    cron: "30 2 * * *" → "0 4 * * *"',
      '2 changes would be made; nothing was changed.',
      '',
    ]);
  });

  it('stops where a place cannot be verified, and says why', async () => {
    endRunsAtOnce(served, 'failed', `, code = 'storage_denied', cause = 'PutObject was denied.', remedy = 'Grant it.'`);

    const failed = await apply(CONFIG.replace('acme-backups', 'other-backups'));

    endRunsAtOnce(served, 'succeeded');
    expect(failed).toMatchObject({
      code: 41,
      document: { code: 'storage_denied', detail: expect.stringContaining('acme'), remedy: 'Grant it.' },
    });
    expect((await apply(CONFIG)).code).toBe(0);
    expect((await apply(CONFIG)).document.changes).toEqual([]);
  });

  it.each<[string, string, RegExp]>([
    ['no YAML', 'a: [1', /YAML/],
    ['no version', 'destinations: []', /version/],
    ['an unknown kind of thing', 'version: 1\nservers: []', /servers/],
    ['an unknown field', CONFIG.replace('engine:', 'motor:'), /databases\.0/],
    ['a name twice', CONFIG.replace('name: disk', 'name: acme'), /"acme" is there twice/],
    ['a chat’s address in the open', CONFIG.replace('env:SLACK_URL', SLACK), /secret/],
    [
      'a password',
      CONFIG.replace('{ kind: file, path: /etc/shop.password }', '{ kind: sealed, password: canary }'),
      /password of shop/,
    ],
    [
      'a schedule of no database',
      CONFIG.replace('database: shop', 'database: crm').replace('name: shop nightly', 'name: crm nightly'),
      /"crm"/,
    ],
    [
      'another kind of destination',
      CONFIG.replace(/kind: filesystem.*/, 'kind: s3, s3: { bucket: abc, region: x } }'),
      /kind/,
    ],
  ])('refuses a file with %s', async (_what, text, cause) => {
    const { code, document } = await apply(text);

    expect(code).toBeGreaterThan(0);
    expect(document.detail).toMatch(cause);
    expect(document.remedy).toEqual(expect.any(String));
    expect(JSON.stringify(document)).not.toContain('canary');
  });
});
