import { chown, copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../domain/failure.ts';
import type { Connection, Workbench } from '../engine.ts';

const NAME = 'certificate-authority.pem';

/** The given certificate authorities as a file that the child's user can read; undefined where none were given. */
export async function authorityFile(bench: Workbench, source: Connection): Promise<string | undefined> {
  const given = source.tls.caFile;
  if (given === undefined) return undefined;
  const { user } = bench.runner.place;
  if (user === undefined) return given;
  const copy = join(bench.folder, NAME);
  try {
    await copyFile(given, copy);
  } catch (cause) {
    throw new Failure('tls_refused', `The file of certificate authorities ${given} cannot be read.`, {
      remedy: 'Check sslrootcert in the database URL.',
      cause,
    });
  }
  await chown(copy, user.uid, user.gid);
  return copy;
}
