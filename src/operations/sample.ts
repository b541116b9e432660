import { messageOf } from '../domain/failure.ts';
import type { Connection } from '../engines/engine.ts';
import { listBackups } from '../pipeline/list.ts';
import type { BackupSummary, Needs, TrustedManifest, VerifyOutcome } from '../pipeline/pipeline.ts';
import { backUpAlone } from '../pipeline/protect.ts';
import { storedBytes } from '../pipeline/stored-bytes.ts';
import { verify } from '../pipeline/verify.ts';

/** A backup of the sample that was made earlier, looked at again. */
export interface Remembered {
  readonly summary: BackupSummary;
  /** Undefined: its object is there and hashes to what was signed. Else one sentence that says what is wrong. */
  readonly wrong: string | undefined;
}

/** Backs the sample up. */
export function backUpSample(needs: Needs, source: Connection): Promise<TrustedManifest> {
  return backUpAlone(needs, {
    source,
    type: 'full',
    include: [],
    exclude: [],
    compression: { algorithm: 'zstd', level: 3 },
    recipients: [],
    rateLimit: undefined,
    sizeCap: undefined,
    plainHash: false,
    sourceDigest: false,
    passwordHashes: false,
    inactivityMs: 300_000,
    lockWaitMs: 30_000,
    blockLimitMs: 0,
  });
}

/** Restores the backup into a scratch database of that server, compares everything, and removes the copy. */
export function proveSample(needs: Needs, manifest: TrustedManifest, server: Connection): Promise<VerifyOutcome> {
  return verify(needs, { manifest, level: 3, scratch: server, assertions: {} });
}

/** The newest level 3 backup of that database, with every stored byte read again; undefined where there is none. */
export async function recallSample(needs: Needs, database: string): Promise<Remembered | undefined> {
  const backups = await listBackups(needs);
  const summary = backups.find(({ manifest, level }) => manifest.body.database.name === database && level === 3);
  if (summary === undefined) return undefined;
  try {
    const { storage, bench } = needs;
    for await (const _ of storedBytes({ storage, manifest: summary.manifest, signal: bench.signal }));
    return { summary, wrong: undefined };
  } catch (error) {
    needs.bench.signal.throwIfAborted();
    return { summary, wrong: messageOf(error) };
  }
}
