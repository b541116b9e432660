import { Failure, type FailureCode, messageOf } from '../domain/failure.ts';
import type { Storage } from '../storage/storage.ts';
import type { Lease, Needs } from './pipeline.ts';
import type { Stop } from './stop.ts';
import type { VolumeWriter } from './volume-writer.ts';
import { exactly } from './volumes.ts';

export interface ManifestPut {
  readonly key: string;
  readonly text: string;
  readonly stop: Stop;
}

/** A lease that was checked longer ago than this is checked again. */
const LEASE_FRESH_MS = 60_000;

/** Whether the manifest became visible is not known: its volumes must stay. */
class ManifestInDoubt extends Error {}

/** The commit itself: after this the backup exists. A process that slept between check and write takes it back (F51). */
export async function publishManifest(
  needs: Pick<Needs, 'storage' | 'now'>,
  lease: Lease,
  { key, text, stop }: ManifestPut,
): Promise<void> {
  const checkedAt = needs.now().getTime();
  await lease.check();
  stop.check();
  await put(needs.storage, key, Buffer.from(text));
  if (needs.now().getTime() - checkedAt < LEASE_FRESH_MS) return;
  try {
    await lease.check();
  } catch (error) {
    await takeBack(needs.storage, key);
    throw error;
  }
}

/** An answer that was lost is looked up: what is there is ours, or someone else's, or nothing. */
async function put(storage: Storage, key: string, bytes: Buffer): Promise<void> {
  try {
    await storage.put(key, bytes, { ifAbsent: true });
  } catch (error) {
    const found = await storage.get(key).catch(() => {
      throw new ManifestInDoubt('The store did not say whether it has the manifest.', { cause: error });
    });
    if (found === undefined || !Buffer.from(found.body).equals(bytes)) throw error;
  }
}

async function takeBack(storage: Storage, key: string): Promise<void> {
  const stat = await storage.head(key);
  if (stat !== undefined) await storage.remove(key, exactly(stat));
}

/** Removes what a failed run wrote; returns the failure to throw, which names what could not be removed. */
export async function cleanUp(cause: unknown, writer: VolumeWriter): Promise<unknown> {
  if (cause instanceof ManifestInDoubt) return inDoubt(cause);
  const left = await writer.discard();
  if (left.length === 0) return cause;
  const { code, message, remedy, details } =
    cause instanceof Failure ? cause : new Failure('internal', messageOf(cause));
  return new Failure(code, message, {
    cause,
    remedy: `${remedy ?? ''} ${whoRemoves(code, left)}`.trim(),
    details: { ...details, leftovers: left },
  });
}

/** The next run learns from the marker what to remove, and a lost one is no longer ours. */
function whoRemoves(code: FailureCode, left: readonly string[]): string {
  if (code === 'lease_lost') return `Remove by hand what could not be removed now: ${left.join(', ')}.`;
  return 'The next run removes what could not be removed now.';
}

function inDoubt(doubt: ManifestInDoubt): Failure {
  const { cause } = doubt;
  const code = cause instanceof Failure ? cause.code : 'storage_unreachable';
  return new Failure(code, `${doubt.message} The backup is whole if it shows in the list, and gone otherwise.`, {
    cause,
    remedy: 'List the backups once the store answers; the next run removes what is left over.',
  });
}
