import { afterEach, describe, expect, it } from '@jest/globals';
import { Failure } from '../../src/domain/failure.ts';
import { backup } from '../../src/pipeline/backup.ts';
import { folderOf } from '../../src/pipeline/layout.ts';
import { removeBackup } from '../../src/pipeline/remove-backup.ts';
import { verify } from '../../src/pipeline/verify.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { type StubBench, stubBench } from '../support/pipeline-bench.ts';

const made: StubBench[] = [];
afterEach(() => {
  for (const one of made.splice(0)) one.close();
});

/** Two backups of one database in one store, the first with a report. */
async function twoBackups(storage: MemoryStorage) {
  const bench = stubBench({ storage });
  made.push(bench);
  const first = await backup(bench.needs, bench.request);
  await verify(bench.needs, { manifest: first, level: 1, scratch: undefined, assertions: {} });
  const own = [...storage.objects.keys()];
  const next = stubBench({ storage });
  made.push(next);
  await backup(next.needs, next.request);
  return { first, own };
}

describe('the removal of a backup', () => {
  it.each([true, false])(
    'leaves nothing of it and everything of the next, in a store with versions: %p',
    async (versioned) => {
      const storage = new MemoryStorage({ versioned });
      const { first, own } = await twoBackups(storage);
      const others = [...storage.objects.keys()].filter((key) => !own.includes(key));

      await removeBackup(storage, first);

      expect(own.length).toBeGreaterThan(2);
      expect(others.length).toBeGreaterThan(1);
      expect([...storage.objects.keys()]).toEqual(others);
    },
  );

  it('F43 asks for the version that was written, and never for whatever is there', async () => {
    const storage = new MemoryStorage({ versioned: true });
    const { first } = await twoBackups(storage);
    const asked: unknown[] = [];
    const remove = storage.remove.bind(storage);
    storage.remove = (key, options) => {
      asked.push(options?.versionId ?? options?.ifMatch);
      return remove(key, options);
    };

    await removeBackup(storage, first);

    expect(asked.length).toBeGreaterThan(1);
    expect(asked).not.toContain(undefined);
    expect(asked).toContain(first.body.volumes[0]?.versionId);
  });

  it('takes the manifest first, so that what a crash leaves is no backup', async () => {
    const storage = new MemoryStorage();
    const { first } = await twoBackups(storage);
    const removed: string[] = [];
    storage.hook = ({ name, key, when }) => {
      if (name === 'remove' && when === 'before') removed.push(key);
    };

    await removeBackup(storage, first);

    expect(removed[0]).toBe(first.key);
    expect(new Set(removed.map(folderOf)).has(folderOf(first.key))).toBe(true);
  });

  it('F64 is done again after it was broken off anywhere, and again when nothing is left', async () => {
    const storage = new MemoryStorage();
    const { first, own } = await twoBackups(storage);
    for (let broken = 0; broken < own.length; broken += 1) {
      let calls = 0;
      storage.hook = ({ name, when }) => {
        if (name !== 'remove' || when !== 'after') return;
        calls += 1;
        if (calls === 1) throw new Failure('storage_unreachable', 'The store does not answer.');
      };
      await removeBackup(storage, first).catch(() => undefined);
    }
    storage.hook = undefined;

    await removeBackup(storage, first);
    await removeBackup(storage, first);

    expect(own.filter((key) => storage.objects.has(key))).toEqual([]);
  });

  it('says so where a lock stands, and goes no further', async () => {
    const storage = new MemoryStorage();
    const { first } = await twoBackups(storage);
    const before = storage.objects.size;
    storage.hook = ({ name, when }) => {
      if (name === 'remove' && when === 'before') throw new Failure('storage_locked', 'A lock stands.');
    };

    await expect(removeBackup(storage, first)).rejects.toMatchObject({ code: 'storage_locked' });
    expect(storage.objects.size).toBe(before);
  });
});
