import { describe, expect, it } from '@jest/globals';
import { Failure } from '../../src/domain/failure.ts';
import { cleanUp, publishManifest } from '../../src/pipeline/publish.ts';
import { makeStop } from '../../src/pipeline/stop.ts';
import { VolumeWriter } from '../../src/pipeline/volume-writer.ts';
import { MemoryStorage } from '../support/memory-storage.ts';

const KEY = 'shop/run/manifest.json';
const VOLUME = 'shop/run/dump.stub';
const manifest = () => ({ key: KEY, text: '{}', stop: makeStop(new AbortController().signal) });
const lease = { attempt: 1, check: async () => undefined, release: async () => undefined };
const now = () => new Date('2026-11-24T10:00:00Z');

/** A clock on which five minutes pass between any two looks. */
function slowClock() {
  let minutes = 0;
  return () => {
    minutes += 5;
    return new Date(Date.UTC(2026, 10, 24, 10, minutes));
  };
}

/** A lease that is another's at its second look. */
function lostLater(before: () => unknown = () => undefined) {
  let checks = 0;
  const check = async () => {
    checks += 1;
    if (checks < 2) return;
    before();
    throw new Failure('lease_lost', 'Another run has taken over.');
  };
  return { ...lease, check };
}

/** A store with one whole volume of a run, and its writer. */
async function written() {
  const storage = new MemoryStorage();
  const metadata = { backup: 'b1', run: 'r1', attempt: '1' };
  const writer = new VolumeWriter({ storage, folder: 'shop/run', base: 'dump.stub', metadata });
  await writer.write(Buffer.from('some bytes'));
  await writer.finish();
  await writer.complete();
  return { storage, writer };
}

describe('the manifest of a run that slept', () => {
  it('F51 is taken back once its lease is found to be lost', async () => {
    const storage = new MemoryStorage();

    const published = publishManifest({ storage, now: slowClock() }, lostLater(), manifest());

    await expect(published).rejects.toMatchObject({ code: 'lease_lost' });
    expect([...storage.objects.keys()]).toEqual([]);
  });

  it('F51 that someone removed already needs no taking back', async () => {
    const storage = new MemoryStorage();
    const gone = lostLater(() => storage.objects.delete(KEY));

    await expect(publishManifest({ storage, now: slowClock() }, gone, manifest())).rejects.toMatchObject({
      code: 'lease_lost',
    });
    expect(storage.calls).not.toContain('remove');
  });

  it('stays where the lease still holds', async () => {
    const storage = new MemoryStorage();

    await publishManifest({ storage, now: slowClock() }, lease, manifest());

    expect([...storage.objects.keys()]).toEqual([KEY]);
  });
});

describe('a manifest whose answer was lost', () => {
  it.each([
    [new Failure('session_expired', 'The credentials ran out.'), 'session_expired'],
    [new Error('socket hang up'), 'storage_unreachable'],
  ])('and cannot be looked up keeps its volumes, since the backup may exist (%s)', async (lost, code) => {
    const { storage, writer } = await written();
    storage.hook = ({ name }) => {
      if (name === 'put' || name === 'get') throw lost;
    };

    const error = await publishManifest({ storage, now }, lease, manifest()).catch((cause) => cleanUp(cause, writer));

    expect(error).toMatchObject({ code, message: expect.stringContaining('The backup is whole if it shows') });
    expect([...storage.objects.keys()]).toEqual([VOLUME]);
  });

  it('is published where the store has exactly these bytes, and refused where it has others or none', async () => {
    const storage = new MemoryStorage();
    storage.hook = ({ name, when }) => {
      if (name === 'put' && when === 'after') throw new Error('socket hang up');
    };
    await publishManifest({ storage, now }, lease, manifest());
    storage.hook = undefined;
    await expect(publishManifest({ storage, now }, lease, { ...manifest(), text: '[]' })).rejects.toMatchObject({
      code: 'storage_conflict',
    });
    storage.hook = ({ name }) => {
      if (name === 'put') throw new Error('denied');
    };

    await expect(publishManifest({ storage, now }, lease, { ...manifest(), key: 'other' })).rejects.toThrow('denied');
  });
});

describe('what a failed run leaves behind', () => {
  it.each([
    [
      new Failure('dump_failed', 'pg_dump died.', { remedy: 'Look at its log.', details: { exit: 1 } }),
      {
        code: 'dump_failed',
        message: 'pg_dump died.',
        remedy: expect.stringMatching(/^Look at its log\. The next run/),
      },
      { exit: 1, leftovers: [VOLUME] },
    ],
    [
      new Error('out of memory'),
      { code: 'internal', message: 'out of memory', remedy: expect.stringMatching(/^The next run/) },
      { leftovers: [VOLUME] },
    ],
    [
      new Failure('lease_lost', 'Another run has taken over.'),
      { code: 'lease_lost', remedy: `Remove by hand what could not be removed now: ${VOLUME}.` },
      { leftovers: [VOLUME] },
    ],
  ])('is named in its failure where the store does not let it be removed (%s)', async (cause, failure, details) => {
    const { storage, writer } = await written();
    storage.hook = ({ name }) => {
      if (name === 'remove') throw new Failure('storage_denied', 'No permission to delete.');
    };

    expect(await cleanUp(cause, writer)).toMatchObject({ ...failure, details, cause });
  });

  it('is nothing where all of it could be removed: the failure stays itself', async () => {
    const { storage, writer } = await written();
    const cause = new Error('out of memory');

    expect(await cleanUp(cause, writer)).toBe(cause);
    expect(storage.objects.size).toBe(0);
  });
});
