import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { FAILURES, Failure, type FailureCode } from '../../src/domain/failure.ts';
import { storedPlain } from '../../src/pipeline/decode.ts';
import { surveyStore } from '../../src/pipeline/list.ts';
import { protect } from '../../src/pipeline/protect.ts';
import { takeRunMarker } from '../../src/pipeline/run-marker.ts';
import { childless } from '../support/childless.ts';
import { type Hook, MemoryStorage } from '../support/memory-storage.ts';
import { type StubBench, stubBench } from '../support/pipeline-bench.ts';
import { randomFrom, seed, sized } from '../support/size.ts';
import { dumpText, StubEngine, stubDatabase } from '../support/stub-engine.ts';

type Call = Parameters<Hook>[0];
type Kind = (made: StubBench, call: Call) => unknown;

const refused =
  (code: FailureCode): Kind =>
  (_made, { when }) => {
    if (when === 'before') throw new Failure(code, `injected ${code}`);
  };
const answerLost =
  (code: FailureCode): Kind =>
  (_made, { when }) => {
    if (when === 'after') throw new Failure(code, `injected ${code}`);
  };

/** Changes what is at rest under the key, once the call has been applied. */
const atRest =
  (change: (body: Buffer) => Buffer | undefined): Kind =>
  ({ storage }, { name, key, when }) => {
    // What changes after it was read and found good is for the next verification to find.
    if (when !== 'after' || name === 'read' || name === 'get') return;
    const kept = storage.objects.get(key);
    const body = kept === undefined ? undefined : change(kept.body);
    if (kept !== undefined && body !== undefined) kept.body = body;
    else storage.objects.delete(key);
  };

const KINDS: Readonly<Record<string, Kind>> = {
  'not reached': refused('storage_unreachable'),
  denied: refused('storage_denied'),
  conflict: refused('storage_conflict'),
  'session expired': refused('session_expired'),
  'disk full': refused('disk_full'),
  'answer lost': answerLost('storage_unreachable'),
  'applied, but called a conflict': answerLost('storage_conflict'),
  'applied, but called denied': answerLost('storage_denied'),
  'never answered, and cancelled': ({ controller }, { when }) => {
    if (when !== 'before') return undefined;
    controller.abort();
    return sleep(5).then(() => {
      throw new Failure('storage_unreachable', 'deadline');
    });
  },
  'bit flipped at rest': atRest((body) => {
    const copy = Buffer.from(body);
    copy[copy.length >> 1]! ^= 1;
    return copy;
  }),
  'cut at rest': atRest((body) => body.subarray(0, -1)),
  'gone afterwards': atRest(() => undefined),
};

const database = stubDatabase(30_000, 'faults');
const text = dumpText(database);

interface Fault {
  readonly at: number;
  readonly name: string;
}

interface Ended {
  readonly result: string;
  /** Names of the calls it made of the store. */
  readonly calls: readonly string[];
  /** How many objects stayed that are no backup. */
  readonly leftovers: number;
}

interface Aftermath {
  readonly result: string;
  readonly faults: readonly Fault[];
  /** Keys of what vanished at rest. */
  readonly taken: ReadonlySet<string>;
}

/** A run of marker, backup and level 2, with faults at some of its calls; then a look at what is left, without faults. */
async function runWith(faults: readonly Fault[]): Promise<Ended> {
  const clock = { now: Date.parse('2026-11-24T10:00:00Z') };
  const storage = new MemoryStorage({ partBytes: 3_000, partsPerObject: 3, now: () => clock.now });
  const engine = new StubEngine();
  engine.databases.set('shop', database);
  const options = { storage, engine, now: () => new Date(clock.now), runner: childless(() => text) };
  const made = stubBench({ ...options, runId: 'faulty' });
  const seen = new Map<string, number>();
  const taken = new Set<string>();
  storage.hook = (call) => {
    const at = call.when === 'before' ? storage.calls.length - 1 : (seen.get(`${call.name} ${call.key}`) ?? -1);
    seen.set(`${call.name} ${call.key}`, at);
    const now = faults.filter((fault) => fault.at === at);
    if (now.some(({ name }) => name === 'gone afterwards')) taken.add(call.key);
    return Promise.all(now.map(async ({ name }) => KINDS[name]!(made, call)));
  };
  const request = { ...made.request, level: 2, scratch: undefined, assertions: {} } as const;
  const result = await protect(made.needs, request).then(
    ({ outcome }) => outcome.status as string,
    (error: Failure & { name: string }) => error.code ?? error.name,
  );
  const calls = [...storage.calls];
  storage.hook = undefined;
  made.close();
  clock.now += 10 * 60_000 + 1;
  const next = stubBench({ ...options, runId: 'next' });
  const leftovers = await inspect(next, { result, faults, taken });
  next.close();
  return { result, calls, leftovers };
}

async function inspect(next: StubBench, { result, faults, taken }: Aftermath): Promise<number> {
  await (await takeRunMarker(next.needs, next.folder)).release();
  const { backups, leftovers } = await surveyStore(next.needs);
  expect(next.storage.uploads.size).toBe(0);
  expect([...Object.keys(FAILURES), 'good', 'suspect', 'lost']).toContain(result);
  expect(result).not.toBe('internal');
  // Only a backup whose manifest was taken away at rest may leave its volumes: they are named, never removed. With a
  // second fault it is enough that the run is not called good, and the marker that names what is to go may be gone as well.
  if (leftovers.length > 0) {
    const single = faults.length === 1;
    expect([...taken].some((key) => key.endsWith('/manifest.json') || (!single && key.endsWith('/running.json')))).toBe(
      true,
    );
    if (single) expect(['lost', 'suspect']).toContain(result);
    else expect(result).not.toBe('good');
  }
  for (const { manifest, status } of backups) {
    if (status === 'lost' || status === 'suspect') {
      expect(result).not.toBe('good');
      continue;
    }
    const chunks: Uint8Array[] = [];
    const read = (async () => {
      for await (const chunk of storedPlain(next.needs, manifest).bytes()) chunks.push(chunk);
      return Buffer.concat(chunks).toString() === text;
    })().catch(() => false);
    // Sealed says that it was not looked at; what was called good must be.
    if (status === 'good' || result === 'good') expect(await read).toBe(true);
  }
  if (result === 'good') expect(backups.map(({ status }) => status)).not.toEqual([]);
  return leftovers.length;
}

describe('faults of the store in a run', () => {
  it('T2 each of 12 kinds at every call ends in a backup that restores, or in a failure that says so', async () => {
    const { result, calls } = await runWith([]);
    expect(result).toBe('good');
    const results = new Map<string, number>();
    for (const name of Object.keys(KINDS)) {
      for (let at = 0; at < calls.length; at += 1) {
        const ended = await runWith([{ at, name }]).catch((error) => {
          throw new Error(`${name} at call ${at}: ${error.message}`, { cause: error });
        });
        results.set(ended.result, (results.get(ended.result) ?? 0) + 1);
      }
    }

    expect(Object.keys(KINDS).length).toBe(12);
    console.log(`T2: ${calls.length} calls x 12 kinds: ${JSON.stringify([...results])}`);
  }, 600_000);

  it('T2 a backup that is found bad is called so, though the report of it is refused', async () => {
    const { calls } = await runWith([]);
    const manifestGone = { name: 'gone afterwards', at: calls.lastIndexOf('put', -2) };
    const found = async (refusal: string) => {
      const reportPut = (await runWith([manifestGone])).calls.length - 1;
      return (await runWith([manifestGone, { name: refusal, at: reportPut }])).result;
    };

    expect(await found('applied, but called denied')).toBe('lost');
    expect(await found('denied')).toBe('lost');
    expect((await runWith([{ name: 'denied', at: calls.length - 1 }])).result).toBe('storage_denied');
  });

  it('T2 volumes are removed although the marker is gone and an abort is refused', async () => {
    const { calls } = await runWith([]);
    const markerGone = { name: 'gone afterwards', at: calls.lastIndexOf('put', calls.indexOf('complete')) };
    const lost = await runWith([markerGone]);
    expect(lost.result).toBe('lease_lost');
    for (let at = markerGone.at + 1; at < lost.calls.length; at += 1) {
      if (lost.calls[at] === 'remove') continue;
      const { leftovers } = await runWith([markerGone, { name: 'applied, but called denied', at }]);
      expect([at, leftovers]).toEqual([at, 0]);
    }
  });

  it('T2 two random faults in one run end no worse', async () => {
    const { calls } = await runWith([]);
    const random = randomFrom(seed);
    const names = Object.keys(KINDS);
    const pairs = sized(300, 10_000);
    for (let n = 0; n < pairs; n += 1) {
      const pick = () => ({
        name: names[Math.floor(random() * names.length)]!,
        at: Math.floor(random() * (calls.length + 5)),
      });
      const pair = [pick(), pick()];
      await runWith(pair).catch((error) => {
        throw new Error(`${JSON.stringify(pair)}: ${error.message}`, { cause: error });
      });
    }
    console.log(`T2: ${pairs} random pairs in memory, seed ${seed}`);
  }, 7_200_000);
});
