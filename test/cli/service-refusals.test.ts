import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FAILURES } from '../../src/domain/failure.ts';
import { type Served, serve } from '../support/served.ts';
import { makeObjects, type TenantObjects } from '../support/tenant-objects.ts';

const NOBODY = '018f2c6e-0000-4000-8000-000000000001';
const ARN = 'arn:aws:iam::123456789012:role/x';

let served: Served;
let objects: TenantObjects;

beforeAll(async () => {
  served = await serve();
  objects = await makeObjects(served.service, served.tenant);
});
afterAll(() => served.stop());

const database = (url: string, ...rest: string[]) => ['database', 'add', 'x', url, '--environment', 'staging', ...rest];
const URL = 'postgres://backup@db.example.org/shop';

/** What is asked, how it is refused, and what the refusal speaks of. */
const REFUSALS: readonly [what: string, args: string[], code: keyof typeof FAILURES, speaks: RegExp][] = [
  ['an unknown command', ['databse'], 'usage', /databse/],
  ['an unknown option', ['database', 'list', '--al'], 'usage', /--al/],
  ['a missing argument', ['database', 'verify'], 'usage', /DATABASE/],
  ['a missing option', ['backup', 'pin', NOBODY], 'usage', /--reason/],
  ['an option that may not be so', ['verify', NOBODY, '--level', '4'], 'usage', /level/],
  [
    'two options that exclude each other',
    ['schedule', 'add', 'x', '--database', 'd', '--every', 'daily', '--cron', '* * * * *'],
    'usage',
    /--every|--cron/,
  ],
  ['a database that is not there', ['database', 'show', 'nope'], 'not_found', /"nope".*database list|nope/],
  ['a database of nobody', ['database', 'show', NOBODY], 'not_found', /./],
  ['a destination that is not there', ['destination', 'verify', 'nope'], 'not_found', /nope/],
  ['a schedule that is not there', ['schedule', 'pause', 'nope'], 'not_found', /nope/],
  ['a backup that is not there', ['backup', 'show', 'nope'], 'not_found', /nope/],
  ['no good backup', ['backup', 'show', 'latest:empty'], 'not_found', /empty/],
  ['a run that is not there', ['run', 'watch', 'nope'], 'not_found', /nope/],
  [
    'a URL with a password',
    database('postgres://backup:canary-url@db.example.org/shop', '--credential', 'none'),
    'usage',
    /password/,
  ],
  ['a URL of no engine', database('oracle://u@h/d', '--credential', 'none'), 'usage', /oracle/],
  ['a credential of no kind', database(URL, '--credential', 'canary-credential'), 'usage', /--credential/],
  ['a secret without its role', database(URL, '--credential', 'arn:aws:secretsmanager:x'), 'usage', /--role/],
  ['an IAM token without a region', database(URL, '--credential', 'rds-iam', '--role', ARN), 'usage', /--region/],
  ['a sealed credential without a password', database(URL, '--credential', 'sealed'), 'usage', /--password/],
  [
    'a sealed credential that no owner allowed',
    database(URL, '--credential', 'sealed', '--password', 'env:CANARY'),
    'forbidden',
    /owner/,
  ],
  [
    'a production database without TLS',
    ['database', 'add', 'x', `${URL}?sslmode=disable`, '--environment', 'production', '--credential', 'env:X'],
    'tls_refused',
    /TLS/,
  ],
  ['a place that is none', ['destination', 'add', 'x', 'ftp://h/x'], 'usage', /bucket nor a folder/],
  ['a place with credentials', ['destination', 'add', 'x', 's3://key:canary-place@bucket/x'], 'usage', /Credentials/],
  ['a place with a strange parameter', ['destination', 'add', 'x', 's3://bucket/x?secret=y'], 'usage', /secret/],
  ['a bucket that cannot be', ['destination', 'add', 'x', 's3://UP/x', '--write-role', 'no'], 'usage', /./],
  ['a template for a folder', ['destination', 'role-template', 'folder'], 'usage', /folder/],
  ['a schedule without a time', ['schedule', 'add', 'x', '--database', NOBODY], 'usage', /--every/],
  ['a pattern that is none', ['schedule', 'preview', 'every night'], 'usage', /five fields/],
  ['a zone that is none', ['schedule', 'preview', '0 3 * * *', '--zone', 'Mars/Base'], 'usage', /Mars/],
  ['several destinations and none named', ['backup', 'now', 'empty'], 'usage', /--to/],
  ['a database that is not verified', ['backup', 'now', 'empty', '--to', 'folder'], 'not_verified', /not verified/],
  ['a swap without the name', ['restore', 'run', 'latest', '--into', 'empty', '--swap'], 'not_verified', /./],
  [
    'an in-place restore and a swap',
    ['restore', 'run', 'latest', '--into', 'empty', '--swap', '--in-place'],
    'usage',
    /--swap|--in-place/,
  ],
  [
    'a download that the store refuses',
    ['backup', 'download', 'latest', '--output', '/nowhere/x'],
    'database_unreachable',
    /store/,
  ],
  ['a file that is not there', ['apply', '-f', '/does/not/exist.yaml'], 'usage', /exist\.yaml/],
];

describe('a refusal', () => {
  beforeAll(async () => {
    await served.json([
      'database',
      'add',
      'empty',
      URL,
      '--credential',
      'env:X',
      '--environment',
      'staging',
      '--no-wait',
    ]);
    await served.json(['destination', 'add', 'folder', 'file:///srv/x', '--no-wait']);
  });

  it.each(REFUSALS)('of %s is one problem with a remedy, and exits by its code', async (_what, args, code, speaks) => {
    const env = { CANARY: 'canary-variable' };

    const { code: exit, document } = await served.json(args, { env });

    expect({ document, exit }).toMatchObject({
      document: { code, remedy: expect.any(String) },
      exit: FAILURES[code].exit,
    });
    expect(`${document.detail} ${document.remedy}`).toMatch(speaks);
    expect(document.detail).toMatch(/^[^\n]+$/);
    expect(JSON.stringify(document)).not.toContain('canary');
  });

  it('by role is the API’s own', async () => {
    const env = { DATABASE_DUMP_API_KEY: served.tenant.keys.viewer };

    const { code, document } = await served.json(['backup', 'now', objects.databaseId, '--to', 'folder'], { env });

    expect({ code, document }).toMatchObject({ code: 4, document: { code: 'forbidden' } });
  });

  it('of a service that is not there says so and how to start one', async () => {
    const env = { DATABASE_DUMP_SERVER: 'http://127.0.0.1:9' };

    const { code, document } = await served.json(['run', 'list'], { env });

    expect({ code, document }).toMatchObject({
      code: 90,
      document: {
        code: 'not_ready',
        detail: expect.stringContaining('127.0.0.1:9'),
        remedy: expect.stringContaining('npm start'),
      },
    });
  });

  it('for people is a sentence and what to do', async () => {
    const env = { DATABASE_DUMP_SERVER: served.url, DATABASE_DUMP_API_KEY: served.tenant.keys.owner };

    const { code, stdout, stderr } = await served.run(['schedule', 'pause', 'nope'], { env });

    expect({ code, stdout }).toEqual({ code: 10, stdout: '' });
    expect(stderr).toBe('✘ There is no schedule "nope".\n  → See what there is: dbdump schedule list\n');
  });
});
