import { link, lstat, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Failure } from '../../domain/failure.ts';
import { codeOf } from './file-failure.ts';
import { type Kept, writeSide } from './object-file.ts';
import { makeFolder, type Place, syncFolder } from './place.ts';

export interface Finished {
  readonly key: string;
  /** A complete file, already on disk. */
  readonly temporary: string;
  readonly target: string;
  readonly kept: Kept;
}

/**
 * Makes a finished file visible under a key that must be free: a hard link has one winner. The side file follows; a crash
 * in between leaves an object without metadata, and no manifest speaks of it yet.
 */
export async function commitNew(place: Place, { key, temporary, target, kept }: Finished): Promise<void> {
  await place.makeParent(target);
  await linkOnce(place, temporary, target).catch((error: unknown) => {
    throw codeOf(error) === 'EEXIST' ? conflict(key) : error;
  });
  await writeSide(target, kept);
  await syncFolder(dirname(target));
  await rm(temporary, { force: true });
}

/** Makes a finished file visible in place of whatever has the key. Call it under the key's lock. */
export async function commitOver(place: Place, { temporary, target, kept }: Finished): Promise<void> {
  await place.makeParent(target);
  const found = await lstat(target).catch(() => undefined);
  if (found?.isDirectory() === true)
    throw new Failure('usage', `${target} is a folder.`, { remedy: 'Choose another key.' });
  await rename(temporary, target);
  await writeSide(target, kept);
  await syncFolder(dirname(target));
}

// The folder may be pruned by a removal between its making and the link: then it is made once more.
async function linkOnce(place: Place, temporary: string, target: string): Promise<void> {
  try {
    await link(temporary, target);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    await makeFolder(place.root);
    await place.makeParent(target);
    await link(temporary, target);
  }
}

export function conflict(key: string): Failure {
  return new Failure('storage_conflict', `There is already an object ${key}.`, {
    remedy: 'Write under a new key; an existing backup is never overwritten.',
  });
}

export function otherContent(key: string): Failure {
  return new Failure('storage_conflict', `The object ${key} is not the one that was expected.`, {
    remedy: 'Read it again and decide anew.',
  });
}
