import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { FAILURES, type Failure } from '../../src/domain/failure.ts';
import { Secret } from '../../src/domain/secret.ts';
import { storedPlain } from '../../src/pipeline/decode.ts';
import { abortForsakenProbes } from '../../src/pipeline/leftovers.ts';
import { surveyStore } from '../../src/pipeline/list.ts';
import type { Needs } from '../../src/pipeline/pipeline.ts';
import { protect } from '../../src/pipeline/protect.ts';
import { takeRunMarker } from '../../src/pipeline/run-marker.ts';
import { openStorage } from '../../src/storage/registry.ts';
import type { Storage } from '../../src/storage/storage.ts';
import type { StorageContext } from '../../src/storage/store-config.ts';
import { childless } from '../support/childless.ts';
import { type StubBench, stubBench } from '../support/pipeline-bench.ts';
import { FAULT_KINDS, type FaultRule } from '../support/s3-server/faults.ts';
import { type S3Server, startS3Server } from '../support/s3-server/s3-server.ts';
import { randomFrom, seed, sized, soaking } from '../support/size.ts';
import { dumpText } from '../support/stub-engine.ts';

const open: StubBench[] = [];
let server: S3Server;
beforeAll(async () => {
  server = await startS3Server({ limits: { minPartBytes: 1 } });
});
afterAll(async () => {
  for (const made of open.splice(0)) made.close();
  await server.close();
});

let prefixes = 0;

/** Answers that never come are waited for briefly. */
const HASTY = {
  retry: { attempts: 3, baseMs: 1, capMs: 3 },
  deadlines: { connectMs: 400, idleMs: 200, requestMs: 400 },
};

/** A prefix of the server. */
function storeAt(prefix: string, patience: Partial<StorageContext> = {}): Storage {
  const { accessKeyId, secretAccessKey } = server.credentials;
  return openStorage(
    {
      kind: 's3',
      bucket: 'backups',
      prefix,
      region: server.region,
      endpoint: server.endpoint,
      pathStyle: true,
      role: undefined,
      expectedOwner: undefined,
      kmsKeyId: undefined,
      keys: { id: new Secret(accessKeyId), secret: new Secret(secretAccessKey) },
      partsPerObject: 2,
    },
    { partBytes: 9_000, ...patience },
  );
}

interface Ended {
  /** `good`, or the code of its failure. */
  readonly result: string;
  readonly requests: number;
}

interface Aftermath {
  readonly prefix: string;
  readonly result: string;
  /** Nothing at all may be left; else a later run must remove it. */
  readonly atOnce: boolean;
}

/** A whole run (marker, backup, level 2) under a fault script; then what it left is looked at without faults. */
async function runUnder(script: readonly FaultRule[], never = ['internal', 'suspect', 'lost']): Promise<Ended> {
  prefixes += 1;
  const prefix = `run${prefixes}`;
  const made: StubBench = stubBench({
    runId: 'faulty',
    databaseBytes: 50_000,
    runner: childless(() => dumpText(made.engine.databases.get('shop')!)),
  });
  open.push(made);
  const storage = storeAt(prefix, HASTY);
  server.clearLog();
  server.script = script;
  const result = await protect({ ...made.needs, storage }, { ...made.request, ...level2 }).then(
    ({ outcome }) => outcome.status as string,
    (error: Failure) => error.code ?? String(error),
  );
  const requests = server.log.length;
  server.script = [];
  await storage.close();
  expect(never).not.toContain(result);
  // A store that says it has no such upload is believed.
  const atOnce = script.length < 2 && script[0]?.fault !== 'no-such-upload';
  await inspect(made, { prefix, result, atOnce });
  made.close();
  return { result, requests };
}

const level2 = { level: 2, scratch: undefined, assertions: {} } as const;

/** What calls itself a backup restores; what failed has a named cause and leaves nothing the next run does not remove. */
async function inspect(made: StubBench, { prefix, result, atOnce }: Aftermath): Promise<void> {
  const storage = storeAt(prefix);
  const needs: Needs = { ...made.needs, storage, bench: { ...made.needs.bench, runId: 'next' } };
  const lease = await takeRunMarker(needs, made.folder, { staleMs: -60_000 });
  await lease.release();
  const { backups, leftovers } = await surveyStore(needs);
  if (result === 'good') expect(backups.length).toBe(1);
  else expect([...Object.keys(FAILURES), 'suspect', 'lost']).toContain(result);
  expect(leftovers).toEqual([]);
  for (const { manifest } of backups) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of storedPlain(needs, manifest).bytes()) chunks.push(chunk);
    expect(Buffer.concat(chunks).toString()).toBe(dumpText(made.engine.databases.get('shop')!));
  }
  expect(await unfinished(storage, atOnce ? 0 : 2 * HOUR)).toEqual([]);
  await storage.close();
}

const HOUR = 3_600_000;

/** Keys of uploads that stay, once a run so much later has tidied up as well. */
async function unfinished(storage: Storage, laterMs: number): Promise<string[]> {
  const keys: string[] = [];
  if (laterMs > 0) await abortForsakenProbes({ storage, now: () => new Date(Date.now() + laterMs) });
  for await (const { key } of storage.unfinishedUploads('')) keys.push(key);
  return keys;
}

describe('one fault in a run over S3', () => {
  it('T2 of every kind at every request ends in a backup that restores, or in a named failure that leaves nothing', async () => {
    const { result, requests } = await runUnder([]);
    expect(result).toBe('good');
    const seen = new Map<string, number>();
    // Every kind at every request takes minutes over a network: each run of the tests takes one kind after the other.
    const kinds = soaking ? FAULT_KINDS.length : 1;
    for (let n = 0; n < kinds; n += 1) {
      for (let at = 0; at < requests; at += 1) {
        const fault = FAULT_KINDS[(n + at) % FAULT_KINDS.length]!;
        const ended = await runUnder([{ fault, at }]).catch((error) => {
          throw new Error(`${fault} at request ${at}: ${error.message}`, { cause: error });
        });
        seen.set(ended.result, (seen.get(ended.result) ?? 0) + 1);
      }
    }

    expect([...seen.values()].reduce((sum, count) => sum + count, 0)).toBe(requests * kinds);
    console.log(`T2: ${requests} requests x ${kinds} of ${FAULT_KINDS.length} kinds: ${JSON.stringify([...seen])}`);
  }, 7_200_000);

  it('T2 an abort of the probe’s upload that is refused once fails the run and leaves no upload', async () => {
    const ended = await runUnder([{ fault: 'access-denied', action: 'AbortMultipartUpload' }]);

    expect(ended.result).toBe('storage_denied');
  });

  it('T2 two random faults together end no worse', async () => {
    const { requests } = await runUnder([]);
    const random = randomFrom(seed);
    const pairs = sized(15, 5_000);
    const pick = () => ({
      fault: FAULT_KINDS[Math.floor(random() * FAULT_KINDS.length)]!,
      at: Math.floor(random() * (requests + 5)),
    });
    for (let n = 0; n < pairs; n += 1) {
      const script = [pick(), pick()];
      // Two readings that both go wrong on their way cannot be told from a damaged backup.
      await runUnder(script, ['internal']).catch((error) => {
        throw new Error(`${JSON.stringify(script)}: ${error.message}`, { cause: error });
      });
    }
    console.log(`T2: ${pairs} random pairs over S3, seed ${seed}`);
  }, 7_200_000);
});
