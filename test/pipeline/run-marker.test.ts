import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Failure } from '../../src/domain/failure.ts';
import { backup } from '../../src/pipeline/backup.ts';
import { takeRunMarker } from '../../src/pipeline/run-marker.ts';
import { openStorage } from '../../src/storage/registry.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { type StubBench, type StubBenchOptions, stubBench } from '../support/pipeline-bench.ts';

const open: StubBench[] = [];
const bench = (options?: StubBenchOptions) => {
  const made = stubBench(options);
  open.push(made);
  return made;
};
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

const MINUTE = 60_000;

/** Benches over one store and one clock that the test moves. */
function shared() {
  const clock = { now: Date.parse('2026-11-24T10:00:00Z') };
  const storage = new MemoryStorage({ now: () => clock.now });
  const make = (runId: string) => bench({ storage, runId, now: () => new Date(clock.now) });
  return { clock, storage, make };
}

describe('the run marker', () => {
  it('refuses a second live run on the same database, naming run, age and host', async () => {
    const { clock, make } = shared();
    const first = make('first');
    const lease = await takeRunMarker(first.needs, first.folder);
    clock.now += 42_000;

    const second = takeRunMarker(make('second').needs, first.folder);

    await expect(second).rejects.toMatchObject({ code: 'already_running', details: { run: 'first', ageSeconds: 42 } });
    await expect(second).rejects.toThrow(/run first\) is at work on this database on \S+, started 2026-11-24T10:00/);
    await lease.release();
  });

  it('lets another database of the same store be', async () => {
    const { make } = shared();
    const made = make('first');

    const leases = [await takeRunMarker(made.needs, 'shop-1'), await takeRunMarker(make('second').needs, 'shop-2')];

    await Promise.all(leases.map((lease) => lease.release()));
    expect(made.storage.objects.size).toBe(0);
  });

  it('is taken over only once its heartbeat is over 10 minutes old by the clock of the store', async () => {
    const { clock, storage, make } = shared();
    const made = make('first');
    const lease = await takeRunMarker(made.needs, made.folder, { renewMs: 3_600_000 });
    clock.now += 9 * MINUTE;
    await lease.check();
    clock.now += 10 * MINUTE;
    await expect(takeRunMarker(make('second').needs, made.folder)).rejects.toMatchObject({ code: 'already_running' });

    // This machine's clock is an hour ahead of the store's: the marker is not old for that.
    const ahead = bench({ storage, runId: 'ahead', now: () => new Date(clock.now + 60 * MINUTE) });
    storage.clockOffsetMs = () => -60 * MINUTE;
    await expect(takeRunMarker(ahead.needs, made.folder)).rejects.toMatchObject({ code: 'already_running' });
    storage.clockOffsetMs = () => 0;
    clock.now += 1;
    const third = make('third');
    await takeRunMarker(third.needs, made.folder);

    await expect(lease.check()).rejects.toMatchObject({ code: 'lease_lost' });
    expect(third.notes.join()).toContain('Took over from run first');
  });

  it('goes to exactly one of many takers at once, fresh or stale', async () => {
    for (const stale of [false, true]) {
      const { clock, storage, make } = shared();
      if (stale) {
        await takeRunMarker(make('dead').needs, 'shop-1', { renewMs: 3_600_000 });
        clock.now += 11 * MINUTE;
      }
      storage.hook = () => sleep(Math.random() * 3);

      const tries = await Promise.allSettled(
        Array.from({ length: 40 }, (_, n) => takeRunMarker(make(`run${n}`).needs, 'shop-1')),
      );

      const lost = tries.flatMap((one) => (one.status === 'rejected' ? [(one.reason as Failure).code] : []));
      expect(lost).toEqual(Array.from({ length: 39 }, () => 'already_running'));
    }
  });

  it('goes to exactly one of many takers in a folder of this machine too', async () => {
    const root = mkdtempSync(join(tmpdir(), 'marker-'));
    const storage = openStorage({ kind: 'filesystem', root });
    const needs = (n: number) => ({ ...bench({ runId: `run${n}` }).needs, storage });

    const tries = await Promise.allSettled(Array.from({ length: 12 }, (_, n) => takeRunMarker(needs(n), 'shop-1')));

    const won = tries.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(won.length).toBe(1);
    await won[0]!.check();
    await won[0]!.release();
    await (await takeRunMarker(needs(99), 'shop-1')).release();
    rmSync(root, { recursive: true });
  });

  it('renews itself, so that a run ten times longer than its life keeps it (F52)', async () => {
    const storage = new MemoryStorage();
    const made = bench({ storage, runId: 'long' });
    const times = { staleMs: 500, renewMs: 30 };
    const lease = await takeRunMarker(made.needs, made.folder, times);

    for (let n = 0; n < 10; n += 1) {
      await sleep(500);
      await expect(takeRunMarker(bench({ storage }).needs, made.folder, times)).rejects.toMatchObject({
        code: 'already_running',
      });
    }
    await lease.check();
    await lease.release();
  });

  it('survives a renewal whose answer was lost', async () => {
    const made = bench();
    const lease = await takeRunMarker(made.needs, made.folder, { renewMs: 3_600_000 });
    let lose = true;
    made.storage.hook = ({ name, when }) => {
      if (name === 'put' && when === 'after' && lose) {
        lose = false;
        throw new Failure('storage_unreachable', 'reset');
      }
    };

    await expect(lease.check()).rejects.toMatchObject({ code: 'storage_unreachable' });
    await lease.check();
    await lease.release();

    expect(made.storage.objects.size).toBe(0);
  });

  it('of a run that could not clean up is left as abandoned, and taken over at once', async () => {
    const { storage, make } = shared();
    const made = make('first');
    const lease = await takeRunMarker(made.needs, made.folder);
    storage.hook = ({ name, when }) => {
      if (name === 'complete' && when === 'before') throw new Failure('storage_denied', 'no completing');
      if (name === 'abort') throw new Failure('storage_denied', 'no aborting');
    };
    const failed = backup(made.needs, { ...made.request, lease });
    await expect(failed).rejects.toMatchObject({
      code: 'storage_denied',
      details: { leftovers: [expect.stringContaining('dump')] },
    });
    await lease.release();
    storage.hook = undefined;

    const second = make('second');
    const next = await takeRunMarker(second.needs, made.folder);
    await next.release();

    expect(second.notes.join(' ')).toMatch(/left something behind.*Aborted the unfinished upload/);
    expect(storage.objects.size + storage.uploads.size).toBe(0);
  });

  it('counts the attempts of one run, so that keys never meet', async () => {
    const { clock, storage, make } = shared();
    const made = make('same');
    await takeRunMarker(made.needs, made.folder, { renewMs: 3_600_000 });
    clock.now += 11 * MINUTE;

    const again = await takeRunMarker(make('same').needs, made.folder);
    const manifest = await backup(made.needs, { ...made.request, lease: again });
    await again.release();

    expect(again.attempt).toBe(2);
    expect(manifest.key).toContain('Z-same-2/');
    expect([...storage.objects.keys()].length).toBe(2);
  });

  it('says of a dead restore that its database may be incomplete', async () => {
    const { clock, make } = shared();
    const made = make('first');
    await takeRunMarker(made.needs, made.folder, { renewMs: 3_600_000, purpose: 'restore' });
    clock.now += 11 * MINUTE;
    const second = make('second');

    await takeRunMarker(second.needs, made.folder);

    expect(second.notes.join()).toContain('may be incomplete');
  });

  it('keeps the volumes of other runs whose manifest is missing: bytes cannot come back', async () => {
    const { clock, storage, make } = shared();
    const made = make('old');
    const manifest = await backup(made.needs, made.request);
    storage.objects.delete(manifest.key);
    await takeRunMarker(make('dead').needs, made.folder, { renewMs: 3_600_000 });
    clock.now += 11 * MINUTE;

    await (await takeRunMarker(make('next').needs, made.folder)).release();

    expect([...storage.objects.keys()]).toEqual([manifest.key.replace('manifest.json', 'dump.stub.zst')]);
  });

  it('that cannot be read is a live run until it is old', async () => {
    const { clock, storage, make } = shared();
    await storage.put('shop-1/running.json', Buffer.from('garbage'));
    await expect(takeRunMarker(make('a').needs, 'shop-1')).rejects.toMatchObject({ code: 'already_running' });
    clock.now += 11 * MINUTE;

    await (await takeRunMarker(make('b').needs, 'shop-1')).release();

    expect(storage.objects.size).toBe(0);
  });
});
