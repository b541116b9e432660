import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile, readlink, rm, stat } from 'node:fs/promises';
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

async function tryTake(path: string, owner: string): Promise<boolean> {
  const handle = await openNew(path);
  if (handle === undefined) return false;
  try {
    await handle.writeFile(owner);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
  return true;
}

async function openNew(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'wx');
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return undefined;
    throw error;
  }
}

/** Of several that find a dead process's lock one removes it: a second removal could hit the lock of the next owner. */
async function breakAbandoned(path: string): Promise<void> {
  if (!(await isAbandoned(path))) return;
  const breaking = `${path}.breaking`;
  const handle = await openNew(breaking);
  if (handle === undefined) {
    if (await isOld(breaking)) await rm(breaking, { force: true });
    return;
  }
  try {
    await handle.close();
    if (await isAbandoned(path)) await rm(path, { force: true });
  } finally {
    await rm(breaking, { force: true });
  }
}

async function isAbandoned(path: string): Promise<boolean> {
  const owner = await ifThere(readFile(path, 'utf8'));
  if (owner === undefined) return false;
  const [pid, ...home] = owner.split(' ');
  if (home.join(' ') === (await homeName()) && isDead(Number(pid))) return true;
  return isOld(path);
}

async function isOld(path: string): Promise<boolean> {
  const found = await ifThere(stat(path));
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
