import { chmod, chown, lstat, mkdir, open, readdir, realpath, rename, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { Failure } from '../domain/failure.ts';
import type { ChildUser } from './child.ts';
import { requireReach } from './reach.ts';

export interface DataFolderPlan {
  readonly path: string;
  /** The user that the catalog's server runs as, where we are root; undefined where it runs as ourselves. */
  readonly catalogUser: ChildUser | undefined;
}

/** Where things lie in a prepared data folder; all absolute. */
export interface DataFolder {
  readonly path: string;
  readonly catalog: string;
  readonly secrets: string;
}

/**
 * Makes the data folder and its rooms, and gives them the modes they must have: the folder may be passed through but not
 * listed by others (0711), `catalog` belongs to its server's user alone (0700), `secrets` to us alone (0700).
 * A folder on the way that the catalog's user cannot enter is a Failure which names it. Running it again mends modes.
 */
export async function prepareDataFolder({ path, catalogUser }: DataFolderPlan): Promise<DataFolder> {
  await mkdir(resolve(path), { recursive: true, mode: 0o711 });
  const root = await realpath(path);
  await makeFolder(root, 0o711);
  const rooms = { path: root, catalog: join(root, 'catalog'), secrets: join(root, 'secrets') };
  if (catalogUser !== undefined) await requireReach(rooms.catalog, catalogUser);
  await makeFolder(rooms.secrets, 0o700);
  await makeFolder(rooms.catalog, 0o700);
  if (catalogUser !== undefined) await chown(rooms.catalog, catalogUser.uid, catalogUser.gid);
  for (const name of await readdir(rooms.secrets)) await chmod(join(rooms.secrets, name), 0o600);
  return rooms;
}

/** Writes a secret so that it is never readable by others and never half there: 0600, synced, then renamed into place. */
export async function writeSecret(file: string, content: string): Promise<void> {
  const draft = `${file}.${process.pid}.new`;
  await rm(draft, { force: true });
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
  const folder = await open(dirname(file), 'r');
  await folder.sync().finally(() => folder.close());
}

/** Refuses a link or a file where a room of ours belongs: following it would let its owner choose where we write. */
async function makeFolder(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true, mode });
  const facts = await lstat(path);
  if (!facts.isDirectory()) {
    throw new Failure('usage', `${path} is ${facts.isSymbolicLink() ? 'a symbolic link' : 'a file'}, not a folder.`, {
      remedy: 'Choose another data folder (--data-dir), or remove it.',
    });
  }
  if ((facts.mode & 0o777) !== mode) await chmod(path, mode);
}
