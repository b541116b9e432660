import { createHash } from 'node:crypto';
import { lstat, readlink, rm, symlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../domain/failure.ts';
import { codeOf, ifThere } from './file-failure.ts';
import { makeFolder } from './place.ts';

const POLL_MS = 20;
const PATIENCE_MS = 15_000;
/** Work under a lock takes milliseconds; an older lock whose owner cannot be asked for belongs to a process that died. */
const ABANDONED_MS = 60_000;

/**
 * Runs work while no other process writes the same key through this room. A lock whose process died on this machine is
 * broken at once, one of another machine after a minute. Without the lock in time: `storage_conflict`.
 */
export async function withKeyLock<T>(folder: string, key: string, work: () => Promise<T>): Promise<T> {
  await makeFolder(folder);
  const path = join(folder, createHash('sha256').update(key).digest('hex'));
  await take(path, key);
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

async function take(path: string, key: string): Promise<void> {
  const owner = await ownName();
  const started = performance.now();
  while (!(await tryTake(path, owner))) {
    await breakAbandoned(path);
    if (performance.now() - started > PATIENCE_MS) {
      throw new Failure('storage_conflict', `Another process is writing ${key}.`, {
        remedy: 'Try again when it has ended.',
      });
    }
    await sleep(POLL_MS);
  }
}

/** A symbolic link is made with its content, its owner's name, in one step: a lock never stands there without saying whose it is. */
async function tryTake(path: string, owner: string): Promise<boolean> {
  try {
    await symlink(owner, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

/** Of several that find a dead process's lock one removes it: a second removal could hit the lock of the next owner. */
async function breakAbandoned(path: string): Promise<void> {
  if (!(await isAbandoned(path))) return;
  const breaking = `${path}.breaking`;
  if (!(await tryTake(breaking, await ownName()))) {
    if (await isOld(breaking)) await rm(breaking, { force: true });
    return;
  }
  try {
    if (await isAbandoned(path)) await rm(path, { force: true });
  } finally {
    await rm(breaking, { force: true });
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const owner = await readlink(path).catch(() => '');
  const [pid, ...home] = owner.split(' ');
  if (home.join(' ') === (await homeName()) && isDead(Number(pid))) return true;
  return isOld(path);
}

async function isOld(path: string): Promise<boolean> {
  const found = await ifThere(lstat(path));
  return found !== undefined && Date.now() - found.mtimeMs > ABANDONED_MS;
}

function isDead(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return false;
  } catch (error) {
    return codeOf(error) === 'ESRCH';
  }
}

async function ownName(): Promise<string> {
  return `${process.pid} ${await homeName()}`;
}

/** Where a process id means the same process: this machine and, in a container, this space of process ids. */
async function homeName(): Promise<string> {
  const space = await readlink('/proc/self/ns/pid').catch(() => '');
  return `${hostname()} ${space}`;
}
