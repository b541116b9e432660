import type { Stats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { Failure } from '../domain/failure.ts';
import type { ChildUser } from './child.ts';

/**
 * The first folder on the way to `path`, from the root down, that `user` may not enter; undefined where the way is free.
 * Judged by owner, group and mode alone, for a user with no further groups, as our children are.
 */
export async function firstBarrier(path: string, user: ChildUser): Promise<string | undefined> {
  if (user.uid === 0) return undefined;
  for (const folder of parents(resolve(path))) {
    if (!mayEnter(await stat(folder), user)) return folder;
  }
  return undefined;
}

/** Refuses a path that the other user cannot reach, naming the folder in the way and two ways out. */
export async function requireReach(path: string, user: ChildUser): Promise<void> {
  const barrier = await firstBarrier(path, user);
  if (barrier === undefined) return;
  throw new Failure('usage', `User ${user.uid} cannot enter ${barrier}, which is on the way to ${path}.`, {
    remedy: `Choose a folder that every user can reach (--data-dir /var/lib/database-dump), or run: chmod o+x ${barrier}`,
    details: { barrier, path, uid: user.uid },
  });
}

function parents(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [...parents(parent), parent];
}

function mayEnter(facts: Stats, user: ChildUser): boolean {
  if (facts.uid === user.uid) return (facts.mode & 0o100) !== 0;
  if (facts.gid === user.gid) return (facts.mode & 0o010) !== 0;
  return (facts.mode & 0o001) !== 0;
}
