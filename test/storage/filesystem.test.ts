import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, mkdtemp, readdir, readFile, readlink, rm, symlink, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { openStorage } from '../../src/storage/registry.ts';
import type { Storage } from '../../src/storage/storage.ts';
import { SMALL_PART } from './stores.ts';
import { bytesOf, codeOf, collect, digest, failureOf, partsOf, sendParts, severalParts, store } from './uploading.ts';

let folder: string;
let root: string;
let storage: Storage;

const open = (at: string): Storage => openStorage({ kind: 'filesystem', root: at }, { partBytes: SMALL_PART });

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'store-'));
  root = join(folder, 'root');
  storage = open(root);
});

afterEach(async () => {
  await storage.close();
  await rm(folder, { recursive: true, force: true });
});

/** Runs work on a real file system of 1 MiB; false where this user may not mount one. */
async function onSmallDisk(work: (at: string) => Promise<void>): Promise<boolean> {
  const at = join(folder, 'small');
  await mkdir(at);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', at], { stdio: 'ignore' });
  } catch {
    return false;
  }
  try {
    await work(at);
  } finally {
    execFileSync('umount', [at]);
  }
  return true;
}

describe('a folder as a store', () => {
  it('keeps objects as plain files, and nothing else in sight', async () => {
    const body = severalParts(storage);
    await store(storage, { key: 'a/b/data.bin', body });

    expect(digest(await readFile(join(root, 'a', 'b', 'data.bin')))).toBe(digest(body));
    expect((await readdir(join(root, 'a', 'b'))).sort()).toEqual(['.data.bin.meta', 'data.bin']);
    expect((await readdir(root)).filter((name) => !name.startsWith('.'))).toEqual(['a']);
  });

  it('lets no one else read what it writes', async () => {
    await storage.put('a/private', Buffer.from('x'));

    const modes = execFileSync('stat', ['-c', '%a', join(root, 'a'), join(root, 'a', 'private')], { encoding: 'utf8' });

    expect(modes.trim().split('\n')).toEqual(['700', '600']);
  });

  it('removes the folders an object leaves empty', async () => {
    await storage.put('a/b/c/one', Buffer.from('1'));
    await storage.put('a/two', Buffer.from('2'));

    await storage.remove('a/b/c/one');

    expect(await readdir(join(root, 'a'))).toEqual(expect.arrayContaining(['two']));
    expect(await readdir(join(root, 'a'))).not.toContain('b');
  });

  it('creates nothing while it is only read', async () => {
    expect(await collect(storage.list(''))).toEqual([]);
    expect(await storage.head('a')).toBeUndefined();
    await storage.remove('a');

    expect(await readdir(folder)).toEqual([]);
  });

  it('refuses links inside that lead outside, in both directions', async () => {
    const outside = join(folder, 'outside');
    await mkdir(outside);
    await writeFile(join(outside, 'secret'), 'secret');
    await storage.put('in/one', Buffer.from('x'));
    await symlink(outside, join(root, 'link'));
    await symlink(join(outside, 'secret'), join(root, 'in', 'file-link'));
    await symlink(join(outside, 'not-yet'), join(root, 'dangling'));

    for (const key of ['link/secret', 'in/file-link']) {
      expect(await codeOf(storage.get(key))).toBe('storage_denied');
      expect(await codeOf(bytesOf(storage, key))).toBe('storage_denied');
      expect(await codeOf(storage.remove(key))).toBe('storage_denied');
    }
    expect(await codeOf(storage.put('link/new', Buffer.from('x')))).toBe('storage_denied');
    expect(await codeOf(storage.upload('link/new', {}))).toBe('storage_denied');
    await expect(storage.put('dangling/new', Buffer.from('x'))).rejects.toThrow();
    expect((await collect(storage.list(''))).map(({ key }) => key)).toEqual(['in/one']);
    expect(await readdir(outside)).toEqual(['secret']);
    expect(await readFile(join(outside, 'secret'), 'utf8')).toBe('secret');
  });

  it('takes a link as the root itself', async () => {
    const real = join(folder, 'real');
    await mkdir(real);
    await symlink(real, join(folder, 'alias'));

    await open(join(folder, 'alias')).put('a/one', Buffer.from('x'));

    expect(await readFile(join(real, 'a', 'one'), 'utf8')).toBe('x');
  });

  it('F39 finds a changed byte, with the times left as they were', async () => {
    const body = severalParts(storage);
    const { etag, modifiedAt } = await store(storage, { key: 'one', body });
    const changed = Buffer.from(body);
    changed[100] = (changed[100] ?? 0) ^ 1;
    await writeFile(join(root, 'one'), changed);
    const byTime = await codeOf(bytesOf(storage, 'one', { ifMatch: etag }));
    await utimes(join(root, 'one'), modifiedAt, modifiedAt);

    expect([byTime, await codeOf(bytesOf(storage, 'one', { ifMatch: etag }))]).toEqual([
      'backup_damaged',
      'backup_damaged',
    ]);
  });

  it('F40 finds a file cut short', async () => {
    const body = severalParts(storage);
    const { etag } = await store(storage, { key: 'one', body });
    await writeFile(join(root, 'one'), body.subarray(0, -1));

    expect(await codeOf(bytesOf(storage, 'one', { ifMatch: etag }))).toBe('backup_damaged');
  });

  it('knows a copied store again, whose times are new', async () => {
    const body = severalParts(storage);
    const stat = await store(storage, { key: 'a/one', body, metadata: { run: 'r-1' } });
    const copy = join(folder, 'copy');
    execFileSync('cp', ['-r', root, copy]);

    const found = await open(copy).head('a/one');

    expect(found).toMatchObject({ etag: stat.etag, crc32: stat.crc32, metadata: { run: 'r-1' } });
  });

  it('reads a file that was put there by hand, and trusts no side file that is nonsense', async () => {
    await mkdir(root);
    await writeFile(join(root, 'by-hand'), 'hello');
    await writeFile(join(root, '.by-hand.meta'), '{"etag":3}');

    const got = await storage.get('by-hand');

    expect([String(got?.body), got?.stat.metadata]).toEqual(['hello', {}]);
  });

  it('gives equal content an equal etag, put or uploaded', async () => {
    const body = severalParts(storage);

    const uploaded = await store(storage, { key: 'up', body });
    const put = await storage.put('put', body);

    expect(put.etag).toBe(uploaded.etag);
  });

  it('F26 what a killed process leaves is no object, and is found', async () => {
    const script = `
      const { openStorage } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/storage/registry.ts'))});
      const storage = openStorage({ kind: 'filesystem', root: ${JSON.stringify(root)} }, { partBytes: ${SMALL_PART} });
      const upload = await storage.upload('dead/one', {});
      await upload.part(1, Buffer.alloc(${SMALL_PART}));
      process.kill(process.pid, 'SIGKILL');`;
    expect(() =>
      execFileSync(process.execPath, ['--input-type=module', '-e', script], { env: {}, stdio: 'ignore' }),
    ).toThrow();

    const found = await collect(storage.unfinishedUploads(''));
    const listed = await collect(storage.list(''));
    for (const upload of found) await storage.abortUpload(upload);

    expect([found.map(({ key }) => key), listed]).toEqual([['dead/one'], []]);
    expect(await readdir(join(root, '.uploads'))).toEqual([]);
  });

  it('a lock left by a dead process holds no one for ever', async () => {
    const { etag } = await storage.put('one', Buffer.from('1'));
    const [name = ''] = await lockNames('one', etag);
    const past = new Date(Date.now() - 3_600_000);
    await writeFile(join(root, '.locks', name), '');
    await utimes(join(root, '.locks', name), past, past);

    await storage.put('one', Buffer.from('3'));

    expect(String((await storage.get('one'))?.body)).toBe('3');
  });

  it('F26 the lock of a process killed in the middle of a write is broken at once, by one of those that wait', async () => {
    const { etag: before } = await storage.put('one', Buffer.from('1'));
    const script = `
      const { withKeyLock } = await import(${JSON.stringify(join(import.meta.dirname, '../../src/storage/filesystem/key-lock.ts'))});
      await withKeyLock(${JSON.stringify(join(root, '.locks'))}, 'one', () => process.kill(process.pid, 'SIGKILL'));`;
    expect(() =>
      execFileSync(process.execPath, ['--input-type=module', '-e', script], { env: {}, stdio: 'ignore' }),
    ).toThrow();
    expect(await readdir(join(root, '.locks'))).toHaveLength(1);

    const began = performance.now();
    const waiting = Array.from({ length: 8 }, () => open(root));
    const outcomes = await Promise.allSettled(
      waiting.map((each, n) => each.put('one', Buffer.from(`by ${n}`), { ifMatch: before })),
    );
    await Promise.all(waiting.map((each) => each.close()));

    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(performance.now() - began).toBeLessThan(14_000);
    expect(await readdir(join(root, '.locks'))).toEqual([]);
  });

  it('a living process keeps its lock, however many ask', async () => {
    const { etag } = await storage.put('one', Buffer.from('1'));
    const [name = ''] = await lockNames('one', etag);
    const space = await readlink('/proc/self/ns/pid').catch(() => '');
    await symlink(`${process.pid} ${hostname()} ${space}`, join(root, '.locks', name));

    let done = false;
    const waiting = storage.put('one', Buffer.from('3')).then(() => {
      done = true;
    });
    await sleep(300);
    const early = done;
    await rm(join(root, '.locks', name));
    await waiting;

    expect([early, done]).toEqual([false, true]);
  });

  it('F37 a folder that may not be written is named with the remedy', async () => {
    const closed = process.platform === 'linux' ? '/proc/database-dump-store' : '/System/database-dump-store';

    const failure = await failureOf(open(closed).put('a/one', Buffer.from('x')));

    expect(['storage_denied', 'backup_lost']).toContain(failure.code);
    expect(failure.message).toContain(closed);
    expect(failure.remedy).toBeDefined();
  });

  it('F37 a folder without rights is refused to an ordinary user', async () => {
    await mkdir(root);
    await chmod(root, 0o500);
    const failure = await storage.put('a/one', Buffer.from('x')).then(
      () => undefined,
      (error: { code: string }) => error,
    );
    await chmod(root, 0o700);

    // To root nothing is refused.
    expect(failure?.code).toBe(process.getuid?.() === 0 ? undefined : 'storage_denied');
  });

  it('a full disk is disk_full, leaves no object, and can be cleaned up', async () => {
    const done = await onSmallDisk(async (at) => {
      const small = open(at);
      await small.put('good', Buffer.from('good'));
      const upload = await small.upload('big/one', {});
      const body = randomBytes(2 * 1024 * 1024);

      const failure = await failureOf(sendParts(upload, partsOf(small, body)));
      await upload.abort();
      const put = await codeOf(small.put('big/two', body));

      expect([failure.code, put]).toEqual(['disk_full', 'disk_full']);
      expect(failure.message).toContain(at);
      expect((await collect(small.list(''))).map(({ key }) => key)).toEqual(['good']);
      expect(await readdir(join(at, '.uploads'))).toEqual([]);
      await small.put('good', Buffer.from('still works'));
      await small.close();
    });
    if (done) return;
    if (process.env.CI === 'true') throw new Error('a tmpfs could not be mounted');
    process.stdout.write('skipped: the full disk. It needs the right to mount a tmpfs.\n');
  });
});

/** The name of a key's lock, seen while it is held. */
async function lockNames(key: string, etag: string): Promise<string[]> {
  const seen = new Set<string>();
  const work = storage.put(key, Buffer.alloc(4_000_000), { ifMatch: etag });
  let ended = false;
  const end = work.then(() => {
    ended = true;
  });
  while (!ended) {
    for (const name of await readdir(join(root, '.locks')).catch(() => [])) seen.add(name);
  }
  await end;
  return [...seen];
}
