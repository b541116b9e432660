import { execFileSync } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { MongoClient } from 'mongodb';
import type { ManifestBody } from '../../src/domain/manifest.ts';
import { loadSigningKey } from '../../src/pipeline/keys.ts';
import { seal } from '../../src/pipeline/seal.ts';
import { cliFolder, dbdump, urlOf } from '../support/cli.ts';
import { type MongoServer, startMongoServer } from '../support/mongo-server/mongo-server.ts';
import { describeWith } from '../support/need-programs.ts';
import { type PostgresServer, startPostgres, testTools } from '../support/postgres-server.ts';
import { type S3Server, startS3Server } from '../support/s3-server/s3-server.ts';

const [MOUNT, UNMOUNT] = ['/bin/mount', '/bin/umount'];
const SECRET = 'canary-Pa55word';

describeWith(['postgres', 'initdb', 'pg_dump', 'pg_restore', 'mongodump', 'mongorestore', 'zstd'], 'refusals', () => {
  const folder = cliFolder();
  const common = [...folder.data];
  let postgres: PostgresServer;
  let mongo: MongoServer;
  let s3: S3Server;
  let good = '';
  let mongoUrl = '';
  let backup = '';

  beforeAll(async () => {
    [postgres, mongo, s3] = await Promise.all([startPostgres(), startMongoServer(), startS3Server()]);
    await postgres.sql(
      'postgres',
      `create role reader login password '${SECRET}'; create role nothing login password '${SECRET}'`,
    );
    await postgres.sql('postgres', 'create database shop owner reader');
    await postgres.sql(
      'shop',
      'create table orders (id int primary key); insert into orders select generate_series(1, 100); alter table orders owner to reader',
    );
    good = folder.urlFile('good.url', postgres.connection('shop', { user: 'reader', password: SECRET }));
    const client = new MongoClient(mongo.url);
    await client
      .db('shop')
      .collection<{ _id: number }>('orders')
      .insertMany([{ _id: 1 }, { _id: 2 }]);
    await client.close();
    mongoUrl = `mongodb://127.0.0.1:${mongo.port}/shop`;
    const made = await dbdump(['rescue', 'backup', mongoUrl, '--to', folder.store, '--json', ...common]);
    backup = (JSON.parse(made.stdout) as { key: string }).key;
  });
  afterAll(async () => {
    await Promise.all([postgres?.stop(), mongo?.close(), s3?.close()]);
    folder.remove();
  });

  interface Want {
    readonly code: string;
    readonly exit: number;
    readonly cause: RegExp;
    readonly remedy: RegExp;
  }

  /** Every refusal, whatever it is about: the code's exit status, one cause, one remedy, no stack, no secret. */
  async function expectRefusal(args: readonly string[], want: Want, env = {}) {
    const { code, stdout, stderr } = await dbdump([...args, '--json'], { env });

    expect(stdout + stderr).not.toContain(SECRET);
    expect(stdout + stderr).not.toMatch(/^\s+at .*[:(]\d+/m);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    const problem = JSON.parse(stdout) as Record<string, unknown>;
    expect({ code, problem }).toMatchObject({
      code: want.exit,
      problem: {
        code: want.code,
        type: `urn:database-dump:problem:${want.code}`,
        status: expect.any(Number),
        detail: expect.stringMatching(want.cause),
        remedy: expect.stringMatching(want.remedy),
      },
    });
    expect(problem.detail).toMatch(/[.!?…]$|: /);
  }

  const backUp = (url: string, to = folder.store) => ['rescue', 'backup', url, '--to', to, '--level', '1', ...common];

  it('a wrong password', async () => {
    const wrong = folder.urlFile(
      'wrong.url',
      postgres.connection('shop', { user: 'reader', password: `${SECRET}-wrong` }),
    );

    await expectRefusal(backUp(wrong), {
      code: 'authentication_failed',
      exit: 21,
      cause: /reader|password/i,
      remedy: /password/i,
    });
  });

  it('no such host', async () => {
    const url = `postgres://reader:${SECRET}@no-such-host.invalid/shop`;
    writeFileSync(join(folder.path, 'nohost.url'), url, { mode: 0o600 });

    await expectRefusal(backUp(`file:${join(folder.path, 'nohost.url')}`), {
      code: 'database_unreachable',
      exit: 20,
      cause: /no-such-host\.invalid/,
      remedy: /host/i,
    });
  });

  it('nothing listens', async () => {
    await expectRefusal(backUp('postgres://reader@127.0.0.1:1/shop'), {
      code: 'database_unreachable',
      exit: 20,
      cause: /127\.0\.0\.1.*\b1\b/,
      remedy: /port|running|firewall/i,
    });
  });

  it('TLS refused', async () => {
    const url = `${urlOf(postgres.connection('shop', { user: 'reader', password: SECRET }))}?sslmode=verify-full`;
    writeFileSync(join(folder.path, 'tls.url'), url, { mode: 0o600 });

    await expectRefusal(backUp(`file:${join(folder.path, 'tls.url')}`), {
      code: 'tls_refused',
      exit: 22,
      cause: /TLS|SSL/,
      remedy: /sslmode|TLS/,
    });
  });

  it('a missing privilege, with the statement that grants it', async () => {
    const poor = folder.urlFile('poor.url', postgres.connection('shop', { user: 'nothing', password: SECRET }));

    await expectRefusal(backUp(poor), {
      code: 'privilege_missing',
      exit: 23,
      cause: /orders|privilege|SELECT/i,
      remedy: /GRANT/,
    });
  });

  it('a tool below its floor', async () => {
    const bin = join(folder.path, 'old');
    mkdirSync(bin);
    writeFileSync(join(bin, 'mongodump'), '#!/bin/sh\necho "mongodump version: 100.9.4"\n');
    chmodSync(join(bin, 'mongodump'), 0o755);
    const tools = await testTools();
    for (const name of ['zstd', 'setpriv', 'stdbuf']) {
      const found = tools.all(name)[0];
      if (found !== undefined) symlinkSync(found.path, join(bin, name));
    }
    chmodSync(folder.path, 0o711);
    const env = { PATH: bin, DATABASE_DUMP_CACHE: join(folder.path, 'no-cache') };

    await expectRefusal(
      backUp(mongoUrl),
      { code: 'tool_too_old', exit: 26, cause: /mongodump.*100\.9\.4/, remedy: /100\.12\.2|newer|install/i },
      env,
    );
  });

  it('a tool that is not there', async () => {
    const bin = join(folder.path, 'empty');
    mkdirSync(bin);
    const env = { PATH: bin, DATABASE_DUMP_CACHE: join(folder.path, 'no-cache') };

    await expectRefusal(
      backUp(mongoUrl),
      { code: 'tool_missing', exit: 25, cause: /mongodump.*not (found|installed)/, remedy: /install/i },
      env,
    );
  });

  const bucketUrl = (prefix = 'prefix') =>
    `s3://backups/${prefix}?endpoint=${encodeURIComponent(s3.endpoint)}&path-style=true&region=${s3.region}`;
  const bucketEnv = () => ({
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
  });

  // A reader without s3:ListBucket is refused at the first object that is not there yet.
  it.each([
    ['PutObject', /s3:PutObject is denied/],
    ['GetObject', /s3:GetObject is denied/],
    ['ListBucket', /s3:(ListBucket|GetObject) is denied/],
    ['DeleteObject', /s3:DeleteObject(Version)? is denied/],
  ])('a bucket that denies s3:%s', async (action, cause) => {
    s3.deny.add(`s3:${action}`);
    try {
      const want = { code: 'storage_denied', exit: 41, cause, remedy: /s3:/ };
      await expectRefusal(backUp(mongoUrl, bucketUrl(action.toLowerCase())), want, bucketEnv());
    } finally {
      s3.deny.clear();
    }
  });

  it('F34 a clock that differs from the store', async () => {
    s3.clockOffsetMs = 3 * 3_600_000;
    try {
      const { code, stdout } = await dbdump(['doctor', '--to', bucketUrl(), '--json', ...common], { env: bucketEnv() });

      expect(code).toBe(49);
      expect((JSON.parse(stdout) as { checks: object[] }).checks).toContainEqual({
        name: 'clock',
        verdict: 'fail',
        detail: expect.stringMatching(/^this machine's clock is 3 h behind the store's$/),
        remedy: expect.stringContaining('NTP'),
        code: 'clock_skew',
      });
    } finally {
      s3.clockOffsetMs = 0;
    }
  });

  it('a bucket that is not there', async () => {
    const url = bucketUrl().replace('s3://backups', 's3://no-such-bucket');
    const want = { code: 'storage_denied', exit: 41, cause: /no bucket no-such-bucket/, remedy: /Create it/ };

    await expectRefusal(backUp(mongoUrl, url), want, bucketEnv());
  });

  it('a store that cannot be reached', async () => {
    const url = 's3://backups/prefix?endpoint=http://127.0.0.1:1&path-style=true';
    const want = { code: 'storage_unreachable', exit: 40, cause: /127\.0\.0\.1:1/, remedy: /endpoint|network/i };

    await expectRefusal(['rescue', 'list', '--from', url, ...common], want, bucketEnv());
  });

  it('a full disk', async () => {
    if (process.getuid?.() !== 0) return console.log('skipped: a small disk can be made by root only');
    const disk = join(folder.path, 'small');
    mkdirSync(disk);
    execFileSync(MOUNT, ['-t', 'tmpfs', '-o', 'size=64k', 'tmpfs', disk]);
    try {
      writeFileSync(join(disk, 'ballast'), Buffer.alloc(60_000));
      await expectRefusal(backUp(mongoUrl, `file://${disk}`), {
        code: 'disk_full',
        exit: 50,
        cause: /room|space|full/i,
        remedy: /space|disk/i,
      });
    } finally {
      execFileSync(UNMOUNT, [disk]);
    }
  });

  it('a signer that is not trusted, also when its key lies beside the manifest', async () => {
    const stranger = ['--data-dir', join(folder.path, 'stranger')];
    const [kit = ''] = readdirSync(join(folder.path, 'data')).filter((name) => name.startsWith('recovery-kit'));
    cpSync(join(folder.path, 'data', kit), join(folder.path, 'store', 'key.txt'));
    const verify = ['rescue', 'verify', '--from', folder.store, '--level', '1', ...stranger];

    await expectRefusal(verify, {
      code: 'signer_unknown',
      exit: 65,
      cause: /not among the trusted keys/,
      remedy: /--trust/,
    });

    const trusted = await dbdump([...verify, '--trust', join(folder.path, 'data', kit)]);
    expect(trusted.code).toBe(0);
    const unsigned = await dbdump([...verify, '--accept-unsigned']);
    expect({ code: unsigned.code, stderr: unsigned.stderr }).toMatchObject({
      code: 12,
      stderr: expect.stringContaining('--confirm shop'),
    });
    const accepted = await dbdump([...verify, '--accept-unsigned', '--confirm', 'shop']);
    expect(accepted.code).toBe(0);
  });

  it('a wrong age identity, and none', async () => {
    const [mine, other] = await Promise.all([generateIdentity(), generateIdentity()]);
    const store = `file://${join(folder.path, 'encrypted')}`;
    const made = await dbdump([...backUp(mongoUrl, store), '--encrypt-to', await identityToRecipient(mine)]);
    writeFileSync(join(folder.path, 'other.txt'), `${other}\n`, { mode: 0o600 });
    writeFileSync(join(folder.path, 'mine.txt'), `# mine\n${mine}\n`, { mode: 0o600 });
    const fetch = [
      'rescue',
      'download',
      '--from',
      store,
      '--decompress',
      '--output',
      join(folder.path, 'plain'),
      ...common,
    ];
    const want = { code: 'decryption_failed', exit: 67, cause: /identit/i, remedy: /identity/i };

    expect({ code: made.code, stderr: made.stderr }).toMatchObject({ code: 0 });
    await expectRefusal([...fetch, '--identity', join(folder.path, 'other.txt')], want);
    await expectRefusal(fetch, want);
    expect((await dbdump([...fetch, '--identity', join(folder.path, 'mine.txt')])).code).toBe(0);
    expect(readdirSync(folder.path)).toContain('plain');
  });

  it('a manifest that was tampered with', async () => {
    const store = join(folder.path, 'tampered');
    cpSync(join(folder.path, 'store'), store, { recursive: true });
    const manifest = join(store, backup);
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('"attempt": 1', '"attempt": 2'));
    expect(readFileSync(manifest, 'utf8')).toContain('"attempt": 2');

    await expectRefusal(['rescue', 'restore', '--from', `file://${store}`, '--into', mongoUrl, ...common], {
      code: 'signature_wrong',
      exit: 66,
      cause: /changed after it was signed/,
      remedy: /another backup/,
    });
  });

  it('a manifest of a version to come', async () => {
    const store = join(folder.path, 'future');
    cpSync(join(folder.path, 'store'), store, { recursive: true });
    const manifest = join(store, backup);
    const { signature: _, ...body } = JSON.parse(readFileSync(manifest, 'utf8')) as ManifestBody & {
      signature: unknown;
    };
    const signer = await loadSigningKey(join(folder.path, 'data', 'signing-key.pem'));
    if (signer === undefined) throw new Error('the key is gone');
    writeFileSync(manifest, await seal(signer, { ...body, version: 2 } as unknown as ManifestBody));

    await expectRefusal(['rescue', 'verify', '--from', `file://${store}`, ...common], {
      code: 'manifest_version_unknown',
      exit: 64,
      cause: /version 2/,
      remedy: /newer release/,
    });
  });

  it('a second run of the same database while one is alive', async () => {
    let first = 0;
    const slow = dbdump([...backUp(good), '--rate-limit', '100'], {
      onStart: (pid) => {
        first = pid;
      },
    });
    const names = () => readdirSync(join(folder.path, 'store'), { recursive: true }).map(String);
    while (!names().some((name) => name.endsWith('running.json'))) await new Promise((wait) => setTimeout(wait, 50));

    const want = { code: 'already_running', exit: 11, cause: /is at work on this database/, remedy: /10 minutes/ };
    await expectRefusal(backUp(good), want);
    process.kill(first, 'SIGTERM');

    expect((await slow).code).toBe(15);
  });
});
