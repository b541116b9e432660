import { Failure } from '../domain/failure.ts';
import { backup } from './backup.ts';
import type { Lease, Needs, RestoreJob, TrustedManifest } from './pipeline.ts';
import type { RestoreSource } from './restore-source.ts';
import { verify } from './verify.ts';

export interface SafetyJob {
  readonly job: Pick<RestoreJob, 'target' | 'databaseId'>;
  /** The target's marker, which the restore holds already. */
  readonly lease: Lease;
  /** What is being restored: the safety backup is encrypted to the same recipients. */
  readonly like: RestoreSource;
}

const INACTIVITY_MS = 5 * 60_000;
const LOCK_WAIT_MS = 30_000;

/** Backs up what is about to be overwritten, and reads it back: an unproven copy is no reason to destroy the original. */
export async function safetyBackup(needs: Needs, { job, lease, like }: SafetyJob): Promise<TrustedManifest> {
  const { target, databaseId } = job;
  needs.bench.note(`Backing up ${target.database} before it is replaced.`);
  const manifest = await backup(needs, {
    source: target,
    ...(databaseId === undefined ? {} : { databaseId }),
    lease,
    type: 'full',
    include: [],
    exclude: [],
    compression: { algorithm: 'zstd', level: 3 },
    recipients: like.recipients,
    rateLimit: undefined,
    sizeCap: undefined,
    plainHash: false,
    sourceDigest: false,
    passwordHashes: false,
    inactivityMs: INACTIVITY_MS,
    lockWaitMs: LOCK_WAIT_MS,
    blockLimitMs: 0,
  });
  const { status, reason } = await verify(needs, { manifest, level: 2, scratch: undefined, assertions: {} });
  if (status === 'good') return manifest;
  const why = [status, reason].filter((word) => word !== undefined).join(': ');
  throw new Failure('restore_refused', `The safety backup of ${target.database} is not good: ${why}`, {
    remedy: 'Nothing was changed. Restore into a new database instead.',
  });
}
