import { describe, expect, it } from '@jest/globals';
import { Failure } from '../../src/domain/failure.ts';
import { abortForsakenProbes } from '../../src/pipeline/leftovers.ts';
import { MemoryStorage } from '../support/memory-storage.ts';

const HOUR = 3_600_000;

/** A store with an upload under the key, begun so long ago by the store's own clock, which may be ahead of ours. */
async function withUpload(key: string, age: number, offsetMs = 0) {
  const clock = { now: Date.parse('2026-11-24T10:00:00Z') };
  const storage = new MemoryStorage({ now: () => clock.now });
  storage.offsetMs = offsetMs;
  await storage.upload(key, {});
  clock.now += age;
  return { storage, now: () => new Date(clock.now) };
}

describe('uploads of probes that were killed', () => {
  it.each([
    ['goes when it is older than any probe can be', 'database-dump-probe/x-parts', HOUR + 1000, 0, 0],
    ['goes by the time of the store, whatever ours is', 'database-dump-probe/x-parts', HOUR + 1000, -3 * HOUR, 0],
    ['stays while its probe may be at work', 'database-dump-probe/x-parts', HOUR - 1000, 0, 1],
    ['stays where it is none of a probe', 'shop/run/dump.stub', 24 * HOUR, 0, 1],
  ])('one %s', async (_, key, age, offset, left) => {
    const { storage, now } = await withUpload(key, age, offset);

    await abortForsakenProbes({ storage, now });

    expect(storage.uploads.size).toBe(left);
  });

  it('are left to a later run by a store that refuses, and any other error is not hidden', async () => {
    const { storage, now } = await withUpload('database-dump-probe/x-parts', 2 * HOUR);
    const failing = (error: Error) => {
      storage.hook = () => Promise.reject(error);
      return abortForsakenProbes({ storage, now });
    };

    await failing(new Failure('storage_denied', 's3:ListBucketMultipartUploads is denied.'));
    await expect(failing(new TypeError('a mistake of ours'))).rejects.toThrow('a mistake of ours');
  });
});
