import { describe, expect, it } from '@jest/globals';
import type { Failure } from '../../src/domain/failure.ts';
import { backup } from '../../src/pipeline/backup.ts';
import type { RestoreJob, RestoreMode } from '../../src/pipeline/pipeline.ts';
import { restore } from '../../src/pipeline/restore.ts';
import { childless } from '../support/childless.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { stubBench } from '../support/pipeline-bench.ts';
import { randomFrom, seed, sized } from '../support/size.ts';
import { connectionTo, dumpText, StubEngine, stubDatabase } from '../support/stub-engine.ts';

const original = stubDatabase(15_000, 'original');
const current = stubDatabase(10_000, 'current');
const MODES: readonly RestoreMode[] = [
  { kind: 'new', name: 'shop_copy' },
  { kind: 'swap', confirm: 'shop', disconnect: false },
  { kind: 'in-place', confirm: 'shop' },
];

/** A restore that dies at its nth step with the store or its nth row in the target: nothing of it happens afterwards. */
async function killedAt(step: number, mode: RestoreMode, atomic: boolean) {
  const clock = { now: Date.parse('2026-11-24T10:00:00Z') };
  const storage = new MemoryStorage({ partBytes: 3_000, now: () => clock.now });
  const engine = new StubEngine();
  engine.atomic = atomic;
  engine.databases.set('shop', original);
  const options = {
    storage,
    engine,
    now: () => new Date(clock.now),
    runner: childless(() => dumpText(engine.databases.get('shop')!)),
  };
  const first = stubBench({ ...options, runId: 'first' });
  const manifest = await backup(first.needs, first.request);
  first.close();
  engine.databases.set('shop', current);
  const door = storage.twin();
  const made = stubBench({ ...options, storage: door, runId: 'dead' });
  let steps = 0;
  let die: (() => void) | undefined;
  const died = new Promise<'died'>((done) => {
    die = () => done('died');
  });
  const count = () => {
    steps += 1;
    if (steps <= step) return undefined;
    die?.();
    return new Promise<never>(() => undefined);
  };
  door.hook = count;
  engine.onRow = count;
  const job: RestoreJob = {
    target: connectionTo('shop'),
    mode,
    type: 'full',
    only: [],
    owners: true,
    acls: true,
    roles: {},
  };
  const work = restore(made.needs, manifest, job).then(
    () => 'done',
    (error: Failure) => error.code,
  );
  const end = await Promise.race([work, died]);
  door.hook = undefined;
  engine.onRow = undefined;
  made.close();
  return { end, steps, storage, engine, clock, manifest, job, options };
}

describe('a restore that is killed', () => {
  it('T22 F75 leaves the target as it was or complete or marked as dirty, and the next run says so', async () => {
    const random = randomFrom(seed);
    const seen = { untouched: 0, complete: 0, dirty: 0 };
    const lengths = new Map<string, number>();
    for (let n = 0; n < sized(100, 1_000); n += 1) {
      const mode = MODES[n % MODES.length]!;
      const atomic = n % 2 === 0;
      const name = `${mode.kind}${atomic}`;
      if (!lengths.has(name)) lengths.set(name, (await killedAt(1e9, mode, atomic)).steps);
      const step = Math.floor(random() * lengths.get(name)!);

      const { end, storage, engine, clock, manifest, job, options } = await killedAt(step, mode, atomic);

      expect(end).toBe('died');
      const shop = engine.databases.get('shop')!;
      const state = shop.dirty ? 'dirty' : dumpText(shop) === dumpText(current) ? 'untouched' : 'complete';
      if (state === 'complete') expect(dumpText(shop)).toBe(dumpText(original));
      if (mode.kind === 'new' || (mode.kind === 'in-place' && atomic)) expect(state).not.toBe('dirty');
      for (const [, found] of engine.databases) {
        // Never an unmarked half.
        const known = [dumpText(original), dumpText(current), dumpText({ tables: {}, values: {}, objects: {} })];
        if (!found.dirty) expect(known).toContain(dumpText(found));
      }
      seen[state] += 1;
      clock.now += 10 * 60_000 + 1;
      const next = stubBench({ ...options, runId: 'next' });
      engine.databases.delete('shop_copy');
      const marked = [...storage.objects.keys()].some((key) => key.endsWith('running.json'));
      await restore(next.needs, manifest, job);
      if (marked) expect(next.notes.join()).toContain('may be incomplete');
      expect(dumpText(engine.databases.get(mode.kind === 'new' ? mode.name : 'shop')!)).toBe(dumpText(original));
      next.close();
    }

    expect(seen.untouched).toBeGreaterThan(0);
    console.log(`T22: ${JSON.stringify(seen)}, seed ${seed}`);
  }, 7_200_000);
});
