import type { Dirent } from 'node:fs';
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isKey } from '../key.ts';
import type { ListedObject } from '../storage.ts';
import { codeOf, ifThere } from './file-failure.ts';

/** All objects whose key begins with `prefix`, in the byte order of their keys as S3 lists them. One folder's names in memory at a time. */
export async function* walk(root: string, prefix: string): AsyncIterable<ListedObject> {
  const slash = prefix.lastIndexOf('/');
  yield* walkFolder({ root, folder: prefix.slice(0, slash + 1), prefix });
}

interface Step {
  readonly root: string;
  /** Key of the folder with its slash; empty for the root. */
  readonly folder: string;
  readonly prefix: string;
}

async function* walkFolder({ root, folder, prefix }: Step): AsyncIterable<ListedObject> {
  for (const name of await namesIn(join(root, folder))) {
    const key = folder + name;
    if (!(key.startsWith(prefix) || prefix.startsWith(key))) continue;
    if (name.endsWith('/')) yield* walkFolder({ root, folder: key, prefix });
    else if (key.startsWith(prefix) && isKey(key)) yield* objectAt(root, key);
  }
}

async function* objectAt(root: string, key: string): AsyncIterable<ListedObject> {
  const facts = await ifThere(lstat(join(root, key)));
  if (facts?.isFile() === true) yield { key, bytes: facts.size, modifiedAt: facts.mtime };
}

// A folder sorts as its name with the slash: `a-b` comes before `a/c`.
async function namesIn(folder: string): Promise<readonly string[]> {
  const entries = await readFolder(folder);
  const visible = entries.filter((entry) => !entry.name.startsWith('.') && (entry.isFile() || entry.isDirectory()));
  const names = visible.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name));
  return names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

async function readFolder(folder: string): Promise<readonly Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return [];
    throw error;
  }
}
