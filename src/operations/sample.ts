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

/**
 * The newest level 3 backup of that database, with every stored byte read again; where there is none, the newest that is
 * known to be lost or damaged; undefined where there is neither.
 */
export async function recallSample(needs: Needs, database: string): Promise<Remembered | undefined> {
  const backups = (await listBackups(needs)).filter(({ manifest }) => manifest.body.database.name === database);
  const proven = backups.find(({ level }) => level === 3);
  if (proven !== undefined) return { summary: proven, wrong: await problemWith(needs, proven) };
  const broken = backups.find(({ status }) => status === 'lost' || status === 'suspect');
  return broken === undefined ? undefined : { summary: broken, wrong: broken.reason ?? `It is ${broken.status}.` };
}

async function problemWith(needs: Needs, { manifest }: BackupSummary): Promise<string | undefined> {
  const { storage, bench } = needs;
  try {
    for await (const _ of storedBytes({ storage, manifest, signal: bench.signal })) bench.signal.throwIfAborted();
    return undefined;
  } catch (error) {
    bench.signal.throwIfAborted();
    return messageOf(error);
  }
}
