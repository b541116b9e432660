import { Failure } from '../domain/failure.ts';
import type { Connection, GlobalsItem } from '../engines/engine.ts';
import { originOf, storedPlain } from './decode.ts';
import { databaseFolder } from './layout.ts';
import type { Needs, TrustedManifest } from './pipeline.ts';
import { takeRunMarker } from './run-marker.ts';

export interface GlobalsRequest {
  readonly target: Connection;
  /** False: says what would be done, and changes nothing. */
  readonly apply: boolean;
}

/**
 * Makes on a server what it lacks of a backup of roles and globals; what is there is never changed. Every byte of the backup
 * is read and checked before the first statement. What was refused is in the result, not a Failure.
 */
export async function restoreGlobals(
  needs: Needs,
  manifest: TrustedManifest,
  { target, apply }: GlobalsRequest,
): Promise<readonly GlobalsItem[]> {
  const { body } = manifest;
  if (body.type !== 'globals') {
    throw new Failure('restore_refused', `Backup ${body.backup} is of a database, not of roles and globals.`, {
      remedy: 'Name a backup of globals, as --all-databases makes one beside those of the databases.',
    });
  }
  if (!apply) return work(needs, manifest, { target, apply });
  const lease = await takeRunMarker(needs, databaseFolder(target), { purpose: 'restore' });
  try {
    return await work(needs, manifest, { target, apply });
  } finally {
    await lease.release();
  }
}

async function work(needs: Needs, manifest: TrustedManifest, request: GlobalsRequest): Promise<readonly GlobalsItem[]> {
  await storedPlain(needs, manifest).check();
  needs.bench.signal.throwIfAborted();
  const job = { origin: originOf(manifest), ...request };
  return needs.engine.restoreGlobals(needs.bench, storedPlain(needs, manifest), job);
}
