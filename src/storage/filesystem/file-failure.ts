import { Failure } from '../../domain/failure.ts';

const FULL = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);
const DENIED = new Set(['EACCES', 'EPERM', 'EROFS']);
const AWAY = new Set(['ESTALE', 'ENOTCONN', 'ENODEV', 'ENXIO', 'EIO', 'EHOSTDOWN', 'ETIMEDOUT']);
const MISFIT = new Set(['ENOTDIR', 'EISDIR', 'ELOOP', 'ENAMETOOLONG']);
const NO_LINKS = new Set(['ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV']);

/** Runs work on files; what the system refuses becomes a Failure that names the path and what to do about it. */
export async function guarded<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileFailure(error, path);
  }
}

/** The same for a stream of results. */
export async function* guardedStream<T>(path: string, results: AsyncIterable<T>): AsyncIterable<T> {
  try {
    yield* results;
  } catch (error) {
    throw fileFailure(error, path);
  }
}

/** The Failure for a refusal of the operating system; Failures and unknown errors come back as they are. */
export function fileFailure(error: unknown, path: string): unknown {
  const code = codeOf(error);
  if (error instanceof Failure || code === undefined) return error;
  const details = { path, code };
  if (FULL.has(code)) {
    const remedy = 'Free space or raise the quota there, or choose another folder.';
    return new Failure('disk_full', `There is no room left for ${path}.`, { cause: error, details, remedy });
  }
  if (DENIED.has(code)) {
    const remedy = 'Give the user who runs this program the right to read and write there.';
    return new Failure('storage_denied', `The system refuses access to ${path} (${code}).`, {
      cause: error,
      details,
      remedy,
    });
  }
  return otherFailure(error, code, path);
}

function otherFailure(error: unknown, code: string, path: string): unknown {
  const details = { path, code };
  if (code === 'ENOENT') {
    const remedy = 'Look whether the folder was moved or its disk is not mounted.';
    return new Failure('backup_lost', `${path} is not there.`, { cause: error, details, remedy });
  }
  if (AWAY.has(code)) {
    const remedy = 'Check the disk or the network share that holds the folder.';
    return new Failure('storage_unreachable', `The disk that holds ${path} does not answer properly (${code}).`, {
      cause: error,
      details,
      remedy,
    });
  }
  if (NO_LINKS.has(code)) {
    const remedy = 'Choose a folder on a file system with hard links, such as ext4, XFS, ZFS, APFS or NTFS.';
    return new Failure('storage_unsupported', `The file system of ${path} cannot create files exclusively (${code}).`, {
      cause: error,
      details,
      remedy,
    });
  }
  if (!MISFIT.has(code)) return error;
  const remedy = 'Choose another key, or another folder for the store.';
  return new Failure('usage', `${path} cannot be used as a file of the store (${code}).`, {
    cause: error,
    details,
    remedy,
  });
}

/** The system's name of an error. Told by its shape: an error may come from another realm, where it is no `Error` of ours. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The result, or undefined where the file is not there. */
export async function ifThere<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
