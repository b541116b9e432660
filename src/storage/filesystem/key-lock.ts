import { createHash } from 'node:crypto';
import { open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../../domain/failure.ts';
import { codeOf, ifThere } from './file-failure.ts';
import { makeFolder } from './place.ts';

const POLL_MS = 20;
const PATIENCE_MS = 15_000;
/** Work under a lock takes milliseconds; an older lock belongs to a process that died. */
const ABANDONED_MS = 60_000;

/** Runs work while no other process writes the same key through this room. Without the lock in time: `storage_conflict`. */
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
  const started = performance.now();
  while (!(await tryTake(path))) {
    const found = await ifThere(stat(path));
    if (found !== undefined && Date.now() - found.mtimeMs > ABANDONED_MS) await rm(path, { force: true });
    if (performance.now() - started > PATIENCE_MS) {
      throw new Failure('storage_conflict', `Another process is writing ${key}.`, {
        remedy: 'Try again when it has ended.',
      });
    }
    await sleep(POLL_MS);
  }
}

async function tryTake(path: string): Promise<boolean> {
  try {
    await (await open(path, 'wx')).close();
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}
