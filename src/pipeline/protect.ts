import { backup } from './backup.ts';
import { databaseFolder } from './layout.ts';
import type { BackupRequest, Needs, TrustedManifest, VerifyOutcome, VerifyRequest } from './pipeline.ts';
import { takeRunMarker } from './run-marker.ts';
import { verify } from './verify.ts';

export type ProtectRequest = Omit<BackupRequest, 'lease'> & Omit<VerifyRequest, 'manifest'>;

export interface Protected {
  readonly manifest: TrustedManifest;
  readonly outcome: VerifyOutcome;
}

/**
 * A backup and the proof of it: takes the database's run marker, backs up, gives the marker back, then verifies what was
 * stored. A backup that was sealed stays, whatever the verification says of it.
 */
export async function protect(needs: Needs, request: ProtectRequest): Promise<Protected> {
  const manifest = await backUpAlone(needs, request);
  const { level, scratch, assertions } = request;
  return { manifest, outcome: await verify(needs, { manifest, level, scratch, assertions }) };
}

/** A backup under the database's run marker: a second live run of the same database is refused. */
export async function backUpAlone(needs: Needs, request: Omit<BackupRequest, 'lease'>): Promise<TrustedManifest> {
  const lease = await takeRunMarker(needs, databaseFolder(request.source));
  try {
    return await backup(needs, { ...request, lease });
  } finally {
    await lease.release();
  }
}
