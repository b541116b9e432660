import { mkdir, open, realpath, rmdir, stat } from 'node:fs/promises';
import { basename, dirname, join, sep } from 'node:path';
import { Failure } from '../../domain/failure.ts';
import { checkKey } from '../key.ts';
import { codeOf, ifThere } from './file-failure.ts';

const PRIVATE_FOLDER = 0o700;

/** Where things lie below one root. Hands out no path that leaves it, neither by name nor through a symbolic link. */
export class Place {
  readonly root: string;
  /** Unfinished uploads; no key can name a place whose name begins with a dot. */
  readonly uploads: string;
  readonly locks: string;

  constructor(root: string) {
    this.root = root;
    this.uploads = join(root, '.uploads');
    this.locks = join(root, '.locks');
  }

  /** The checked path of an object. */
  async file(key: string): Promise<string> {
    const path = join(this.root, ...checkKey(key).split('/'));
    await this.#demandInside(dirname(path));
    return path;
  }

  /** Makes the folder of an object, and makes its existence last. */
  async makeParent(path: string): Promise<void> {
    await makeFolder(dirname(path));
  }

  /** Removes the folders an object has left empty, up to the root. */
  async prune(path: string): Promise<void> {
    for (let folder = dirname(path); folder.startsWith(this.root + sep); folder = dirname(folder)) {
      try {
        await rmdir(folder);
      } catch {
        return;
      }
    }
  }

  async #demandInside(folder: string): Promise<void> {
    const root = await ifThere(realpath(this.root));
    if (root === undefined) return;
    const real = await this.#deepestReal(folder);
    if (real === root || real.startsWith(root.endsWith(sep) ? root : root + sep)) return;
    throw new Failure('storage_denied', `${folder} leads out of the store through a symbolic link.`, {
      remedy: `Remove the link below ${this.root}.`,
    });
  }

  async #deepestReal(folder: string): Promise<string> {
    const real = await ifThere(realpath(folder));
    if (real !== undefined) return real;
    return folder === this.root ? folder : this.#deepestReal(dirname(folder));
  }
}

/** The hidden file beside an object that keeps what the file itself cannot. */
export function sidePath(path: string): string {
  return join(dirname(path), `.${basename(path)}.meta`);
}

/**
 * Creates a folder with its parents; they are all on disk when this resolves. Step by step: on file systems that refuse
 * new names with ENOENT, such as /proc, the recursive mkdir of Node never ends.
 */
export async function makeFolder(folder: string): Promise<void> {
  if (await makeOne(folder)) return;
  await makeFolder(dirname(folder));
  if (!(await makeOne(folder))) await mkdir(folder, { mode: PRIVATE_FOLDER });
}

/** False where the parent is missing. */
async function makeOne(folder: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: PRIVATE_FOLDER });
  } catch (error) {
    const code = codeOf(error);
    if (code === 'ENOENT' && dirname(folder) !== folder) return false;
    // A read-only or foreign parent answers so for folders that are there, too.
    if (code === 'EEXIST' || (await isFolder(folder))) return true;
    throw error;
  }
  await syncFolder(dirname(folder));
  return true;
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (facts) => facts.isDirectory(),
    () => false,
  );
}

/** Makes names created, renamed or removed in a folder survive a crash. Some systems cannot open folders; they need not. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!['EISDIR', 'EPERM', 'EINVAL', 'EACCES', 'ENOTSUP'].includes(codeOf(error) ?? '')) throw error;
  }
}
