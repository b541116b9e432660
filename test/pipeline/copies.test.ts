import { afterEach, describe, expect, it } from '@jest/globals';
import { Failure } from '../../src/domain/failure.ts';
import { backupToAll } from '../../src/pipeline/backup.ts';
import type { CopyOutcome } from '../../src/pipeline/copies.ts';
import { findLeftovers } from '../../src/pipeline/leftovers.ts';
import { surveyStore } from '../../src/pipeline/list.ts';
import { verify } from '../../src/pipeline/verify.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { realTools, type StubBench, stubBench } from '../support/pipeline-bench.ts';

let made: StubBench;
const start = async () => {
  made = stubBench({ databaseBytes: 200_000, tools: await realTools() });
  return made;
};
afterEach(() => made.close());

/** Parts so small that a dump has several, of another size in each store. */
const store = (partBytes: number) => new MemoryStorage({ partBytes });
const stateOf = (outcome: CopyOutcome | undefined): string => {
  if (outcome === undefined) return 'none';
  if ('manifest' in outcome) return 'backed up';
  return outcome.failure instanceof Failure ? outcome.failure.code : String(outcome.failure);
};

async function levelTwo(storage: MemoryStorage, outcome: CopyOutcome | undefined): Promise<string> {
  if (outcome === undefined || !('manifest' in outcome)) return 'no backup';
  const needs = { ...made.needs, storage };
  const { status } = await verify(needs, {
    manifest: outcome.manifest,
    level: 2,
    scratch: undefined,
    assertions: {},
  });
  return status;
}

const left = async (storage: MemoryStorage) => {
  const { backups } = await surveyStore({ ...made.needs, storage });
  const { uploads, objects } = await findLeftovers(storage, made.folder);
  return [backups.length, uploads.length, objects.length];
};

describe('one dump into several stores', () => {
  it('is read from the source once, and whole in each of them', async () => {
    const { needs, request, engine } = await start();
    const stores = [store(64 * 1024), store(24 * 1024), store(16 * 1024)];

    const outcomes = await backupToAll(needs, request, stores);

    expect(engine.opened).toBe(1);
    expect(outcomes.map(stateOf)).toEqual(['backed up', 'backed up', 'backed up']);
    expect(await Promise.all(stores.map((storage, n) => levelTwo(storage, outcomes[n])))).toEqual([
      'good',
      'good',
      'good',
    ]);
    const bodies = outcomes.flatMap((outcome) => ('manifest' in outcome ? [outcome.manifest.body] : []));
    expect(new Set(bodies.map(({ stored }) => stored.sha256)).size).toBe(1);
    expect(new Set(bodies.map(({ backup }) => backup)).size).toBe(1);
  });

  it('a store that fails at any call leaves the other whole and names its own failure', async () => {
    const { needs, request } = await start();
    const counted = store(16 * 1024);
    await backupToAll(needs, request, [store(64 * 1024), counted]);
    const steps = counted.calls.length * 2;
    const seen = new Map<string, number>();
    for (let point = 0; point < steps; point += 1) {
      for (const first of [true, false]) {
        const [well, ill] = [store(64 * 1024), store(16 * 1024)];
        let step = 0;
        // An upload that began and whose answer was lost has no name yet: the next run aborts it.
        let nameless = 0;
        ill.hook = ({ name, when }) => {
          step += 1;
          if (step !== point + 1) return;
          if (name === 'upload' && when === 'after') nameless = 1;
          throw new Failure('storage_denied', 'The store refuses.', { remedy: 'Ask it.' });
        };

        const stores = first ? [ill, well] : [well, ill];
        const outcomes = await backupToAll(needs, request, stores);

        const [own, other] = first ? [outcomes[0], outcomes[1]] : [outcomes[1], outcomes[0]];
        expect([point, stateOf(other), await levelTwo(well, other)]).toEqual([point, 'backed up', 'good']);
        expect([point, ...(await left(ill))]).toEqual([point, stateOf(own) === 'backed up' ? 1 : 0, nameless, 0]);
        seen.set(stateOf(own), (seen.get(stateOf(own)) ?? 0) + 1);
      }
    }

    expect(steps).toBeGreaterThan(20);
    expect(seen.get('storage_denied')).toBeGreaterThan(steps);
  }, 120_000);

  it('fails in all of them, and leaves nothing, when the dump fails', async () => {
    const { needs, request, engine } = await start();
    const stores = [store(64 * 1024), store(16 * 1024)];
    engine.dump = { exit: 3 };

    await expect(backupToAll(needs, request, stores)).rejects.toMatchObject({ code: 'dump_failed' });

    expect(await Promise.all(stores.map(left))).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });

  it('does not touch the source when no store will take it', async () => {
    const { needs, request, engine } = await start();
    const stores = [store(64 * 1024), store(16 * 1024)];
    for (const [n, storage] of stores.entries()) {
      storage.hook = () => {
        throw new Failure(n === 0 ? 'storage_denied' : 'storage_unreachable', 'no', { remedy: 'x' });
      };
    }
    engine.openDump = () => Promise.reject(new Error('the source was asked'));

    const outcomes = await backupToAll(needs, request, stores);

    expect(outcomes.map(stateOf)).toEqual(['storage_denied', 'storage_unreachable']);
  });

  it('a cancel is one failure of all, not one of each', async () => {
    const { needs, request, controller } = await start();
    const stores = [store(64 * 1024), store(16 * 1024)];
    const [, second] = stores;
    if (second === undefined) throw new Error('two stores were made');
    second.hook = ({ name }) => {
      if (name === 'part') controller.abort(new Failure('cancelled', 'It was cancelled.', { remedy: 'x' }));
    };

    await expect(backupToAll(needs, request, stores)).rejects.toMatchObject({ code: 'cancelled' });

    second.hook = undefined;
    expect(await Promise.all(stores.map(left))).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });
});
