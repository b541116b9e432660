import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from '@jest/globals';
import { build } from 'esbuild';
import { backup } from '../../src/pipeline/backup.ts';
import { storedPlain } from '../../src/pipeline/decode.ts';
import { findLeftovers } from '../../src/pipeline/leftovers.ts';
import { surveyStore } from '../../src/pipeline/list.ts';
import { takeRunMarker } from '../../src/pipeline/run-marker.ts';
import { openStorage } from '../../src/storage/registry.ts';
import { childless } from '../support/childless.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { realTools, type StubBench, type StubBenchOptions, stubBench } from '../support/pipeline-bench.ts';
import { randomFrom, seed, sized } from '../support/size.ts';
import { dumpText, StubEngine, stubDatabase } from '../support/stub-engine.ts';

const open: StubBench[] = [];
const bench = (options?: StubBenchOptions) => {
  const made = stubBench(options);
  open.push(made);
  return made;
};
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

const START = Date.parse('2026-11-24T10:00:00Z');
const database = stubDatabase(60_000, 'crash');
const text = dumpText(database);

const folder = mkdtempSync(join(tmpdir(), 'crash-test-'));
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

function engineWith(): StubEngine {
  const engine = new StubEngine();
  engine.dump = { command: { program: '/bin/true', args: [] } };
  engine.databases.set('shop', database);
  return engine;
}

/** A run of marker, backup and release; dies at its nth step with the store: nothing it does afterwards has any effect. */
async function runUntil(step: number): Promise<{ storage: MemoryStorage; clock: { now: number }; died: boolean }> {
  const clock = { now: START };
  const storage = new MemoryStorage({ partBytes: 1_500, partsPerObject: 8, now: () => clock.now });
  const door = storage.twin();
  const made = bench({
    storage: door,
    runId: 'dead',
    engine: engineWith(),
    now: () => new Date(clock.now),
    runner: childless(() => text),
  });
  let steps = 0;
  let die: () => void = () => undefined;
  const died = new Promise<'died'>((done) => {
    die = () => done('died');
  });
  door.hook = () => {
    steps += 1;
    if (steps - 1 < step) return undefined;
    die();
    return new Promise(() => undefined);
  };
  const work = (async () => {
    const lease = await takeRunMarker(made.needs, made.folder, { renewMs: 3_600_000 });
    await backup(made.needs, { ...made.request, lease }).finally(() => lease.release());
    return 'done' as const;
  })();
  const end = await Promise.race([work, died]);
  // Its children die with it.
  if (end === 'died') made.controller.abort();
  work.catch(() => undefined);
  made.close();
  return { storage, clock, died: end === 'died' };
}

async function countSteps(): Promise<number> {
  let low = 1;
  let high = 4_096;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((await runUntil(middle)).died) low = middle + 1;
    else high = middle;
  }
  return low;
}

async function plainOf(made: StubBench, manifest: Parameters<typeof storedPlain>[1]): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of storedPlain(made.needs, manifest).bytes()) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

describe('crashes of a run', () => {
  it('T1 at any step of a run leave no backup that does not restore, no upload, and no stuck marker', async () => {
    const steps = await countSteps();
    const points = sized(2_000, 20_000);
    const random = randomFrom(seed);
    const seen = { before: 0, complete: 0 };
    const one = async (n: number) => {
      // Every step once, then random ones.
      const step = n < steps ? n : Math.floor(random() * steps);
      const { storage, clock, died } = await runUntil(step);
      expect(died).toBe(true);
      clock.now += 10 * 60_000 + 1;
      const next = bench({
        storage,
        runId: 'next',
        engine: engineWith(),
        now: () => new Date(clock.now),
        runner: childless(() => text),
      });

      const lease = await takeRunMarker(next.needs, next.folder);
      const survey = await surveyStore(next.needs);
      if (n % 25 === 0) await backup(next.needs, { ...next.request, lease });
      await lease.release();

      expect([step, survey.leftovers, survey.problems, storage.uploads.size]).toEqual([step, [], [], 0]);
      expect(survey.backups.length).toBeLessThanOrEqual(1);
      for (const { manifest, status } of survey.backups) {
        expect(status).toBe('sealed');
        expect(await plainOf(next, manifest)).toBe(text);
      }
      seen[survey.backups.length === 0 ? 'before' : 'complete'] += 1;
      next.close();
    };
    let next = 0;
    const lane = async () => {
      while (next < points) await one(next++);
    };
    await Promise.all([lane(), lane(), lane()]);

    expect(seen.before).toBeGreaterThan(points / 2);
    expect(seen.complete).toBeGreaterThan(0);
    console.log(`T1: ${points} crash points over ${steps} steps, seed ${seed}: ${JSON.stringify(seen)}`);
  }, 7_200_000);

  describe('by SIGKILL', () => {
    const worker = join(folder, 'worker.mjs');

    it('T1 workers killed at random times leave nothing that looks like a backup, and none of their children', async () => {
      await bundleWorker(worker);
      const setpriv = (await realTools()).all('setpriv')[0];
      const random = randomFrom(seed);
      const kills = sized(10, 500);
      for (let n = 0; n < kills; n += 1) {
        const root = join(folder, `store${n}`);
        const mark = `${process.pid}${n}`;
        const child = startWorker(worker, root, mark);
        await sleep(300 + random() * 700);
        child.kill('SIGKILL');
        if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
        const storage = openStorage({ kind: 'filesystem', root });
        const next = bench({ runId: 'next' });
        const needs = { ...next.needs, storage };

        const marker = takeRunMarker(needs, next.folder, { staleMs: -1 });
        await (await marker).release();
        const { backups, leftovers } = await surveyStore(needs);
        const left = await findLeftovers(storage, next.folder);

        expect([backups, leftovers, left.uploads]).toEqual([[], [], []]);
        if (setpriv !== undefined) expect(await alive(mark)).toBe('');
      }
      console.log(`T1: ${kills} workers killed, seed ${seed}`);
    }, 7_200_000);
  });
});

async function bundleWorker(outfile: string): Promise<void> {
  await build({
    entryPoints: [resolve(import.meta.dirname, '../support/backup-worker.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    logLevel: 'error',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
  });
}

/** Its dump never ends, so that it never does either; the mark is in the arguments of its dump. */
function startWorker(worker: string, root: string, mark: string): ChildProcess {
  const task = {
    program: '/bin/sh',
    args: ['-c', 'while :; do head -c 100000 /dev/urandom; sleep 0.01; done', `mark${mark}`],
    runId: 'dead',
    store: { root },
    partBytes: 100_000,
  };
  return spawn(process.execPath, [worker, JSON.stringify(task)], { stdio: 'ignore' });
}

/** Processes that carry the mark, other than the worker itself; they get a moment to be gone. */
async function alive(mark: string): Promise<string> {
  let found = '';
  for (let n = 0; n < 20; n += 1) {
    found = spawnSync('pgrep', ['-f', `while.*mark${mark}$`], { encoding: 'utf8' }).stdout;
    if (found === '') break;
    await sleep(100);
  }
  return found;
}
