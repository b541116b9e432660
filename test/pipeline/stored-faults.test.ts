import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { zstdCompressSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Failure } from '../../src/domain/failure.ts';
import { backup } from '../../src/pipeline/backup.ts';
import { storedPlain } from '../../src/pipeline/decode.ts';
import { download } from '../../src/pipeline/download.ts';
import { foreignPlain } from '../../src/pipeline/foreign.ts';
import { surveyStore } from '../../src/pipeline/list.ts';
import type { TrustedManifest } from '../../src/pipeline/pipeline.ts';
import { restore } from '../../src/pipeline/restore.ts';
import { storedBytes } from '../../src/pipeline/stored-bytes.ts';
import { verify } from '../../src/pipeline/verify.ts';
import { capture, endedWell } from '../../src/process/run.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { noTools, realTools, type StubBench, type StubBenchOptions, stubBench } from '../support/pipeline-bench.ts';
import { randomFrom, seed, sized } from '../support/size.ts';
import { connectionTo } from '../support/stub-engine.ts';

const open: StubBench[] = [];
const bench = (options?: StubBenchOptions) => {
  const made = stubBench(options);
  open.push(made);
  return made;
};
afterAll(() => {
  for (const made of open.splice(0)) made.close();
});

const verifyAt = (made: StubBench, manifest: TrustedManifest, level: 1 | 2 | 3) =>
  verify(made.needs, { manifest, level, scratch: undefined, assertions: {} });

/** Every level-1 reading ends the same way: its Failure's code, or `whole`. */
async function readAll(made: StubBench, manifest: TrustedManifest): Promise<string> {
  try {
    const signal = new AbortController().signal;
    for await (const _ of storedBytes({ storage: made.storage, manifest, signal })) void _;
    return 'whole';
  } catch (error) {
    return (error as Failure).code ?? String(error);
  }
}

const volumeKey = (manifest: TrustedManifest, n = 0) =>
  manifest.key.replace('manifest.json', manifest.body.volumes[n]!.name);

describe('faults of what is stored', () => {
  it.each([0, 1, 2])('F39 a flipped bit in the stored object is found at level 1 and 2 (%i)', async (n) => {
    const made = bench({ tools: await realTools() });
    const manifest = await backup(made.needs, made.request);
    const { body } = made.storage.objects.get(volumeKey(manifest))!;
    const at = Math.floor((body.length - 1) * (n / 2));
    const whole = await verifyAt(made, manifest, 1);
    body[at]! ^= 1;

    const first = await verifyAt(made, manifest, 1);
    const second = await verifyAt(made, manifest, 2);

    expect(whole).toMatchObject({ status: 'stored', reached: 1 });
    expect(first).toMatchObject({ status: 'suspect', reached: 0 });
    expect(second).toMatchObject({ status: 'suspect', reached: 0 });
    expect((await surveyStore(made.needs)).backups[0]?.status).toBe('suspect');
  });

  it('F40 a truncated and a replaced object are found, the truncated one before a byte is read', async () => {
    const made = bench();
    const manifest = await backup(made.needs, made.request);
    const kept = made.storage.objects.get(volumeKey(manifest))!;
    const whole = kept.body;

    kept.body = whole.subarray(0, whole.length - 1);
    const cut = await verifyAt(made, manifest, 1);
    kept.body = Buffer.alloc(whole.length, 7);
    const replaced = await verifyAt(made, manifest, 1);

    expect(cut.reason).toContain(`has ${whole.length - 1} bytes instead of ${whole.length}`);
    expect(replaced.reason).toContain('does not hash');
    expect([cut.status, replaced.status]).toEqual(['suspect', 'suspect']);
  });

  it('F40 another version of the object is not read in place of the sealed one', async () => {
    const made = bench({ storage: new MemoryStorage({ versioned: true }) });
    const manifest = await backup(made.needs, made.request);
    await made.storage.put(volumeKey(manifest), made.storage.objects.get(volumeKey(manifest))!.body);

    expect(manifest.body.volumes[0]?.versionId).toBeDefined();
    expect(await verifyAt(made, manifest, 1)).toMatchObject({ status: 'lost', reached: 0 });
  });

  it('F40 an object that changes while it is read is not taken for the one that was looked at', async () => {
    const made = bench();
    const manifest = await backup(made.needs, made.request);
    const key = volumeKey(manifest);
    made.storage.hook = async ({ name, when }) => {
      if (name !== 'head' || when !== 'after') return;
      await made.storage.twin().put(key, Buffer.alloc(made.storage.objects.get(key)!.body.length));
    };

    await expect(verifyAt(made, manifest, 1)).rejects.toMatchObject({ code: 'storage_conflict' });
  });

  it('F41 an object without manifest is no backup, a manifest without object is lost', async () => {
    const made = bench();
    const first = await backup(made.needs, made.request);
    const second = await backup({ ...made.needs, bench: { ...made.needs.bench, runId: 'second' } }, made.request);
    made.storage.objects.delete(first.key);
    made.storage.objects.delete(volumeKey(second));

    const survey = await surveyStore(made.needs);

    expect(survey.leftovers.map(({ key }) => key)).toEqual([volumeKey(first)]);
    expect(survey.backups.map(({ manifest, status }) => [manifest.body.backup, status])).toEqual([
      [second.body.backup, 'lost'],
    ]);
    expect(await verifyAt(made, second, 2)).toMatchObject({ status: 'lost', reached: 0 });
  });

  it('F45 a store that never answers does not hold up a cancel', async () => {
    const made = bench();
    const manifest = await backup(made.needs, made.request);
    made.storage.hook = ({ name }) => (name === 'read' ? new Promise(() => undefined) : undefined);
    setTimeout(() => made.controller.abort(), 100);

    const started = performance.now();
    await expect(verifyAt(made, manifest, 2)).rejects.toThrow();
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('F79 an archived object is called archived, with what to do', async () => {
    const made = bench();
    const manifest = await backup(made.needs, made.request);
    const head = made.storage.head.bind(made.storage);
    made.storage.head = async (key) => {
      const stat = await head(key);
      return stat === undefined ? stat : { ...stat, archivedAs: 'GLACIER' };
    };

    expect(await verifyAt(made, manifest, 1)).toMatchObject({ status: 'archived', reached: 0 });
  });

  it('F72 more plain bytes than were sealed stop at once, whatever decodes', async () => {
    const tools = await realTools();
    for (const toolbox of [tools, noTools]) {
      const made = bench({ tools: toolbox });
      const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));
      const manifest = await withContent(made, bomb, 1000);
      let seen = 0;

      const read = (async () => {
        for await (const chunk of storedPlain(made.needs, manifest).bytes()) seen += chunk.length;
      })();

      await expect(read).rejects.toMatchObject({ code: 'backup_damaged' });
      expect(seen).toBeLessThanOrEqual(1000);
      await expect(storedPlain(made.needs, manifest).check()).rejects.toMatchObject({ code: 'backup_damaged' });
    }
  });

  it('M8 a frame that asks for a window of 2 GiB is refused by whatever decodes', async () => {
    const tools = await realTools();
    const zstd = tools.all('zstd')[0]!.path;
    const folder = mkdtempSync(join(tmpdir(), 'window-'));
    const file = join(folder, 'bomb.zst');
    const script = 'head -c 300000000 /dev/zero | "$1" -q --ultra --long=31 -1 -o "$2"';
    const made = bench({ tools });
    const { exit } = await capture(made.needs.bench.runner, {
      program: '/bin/sh',
      args: ['-c', script, 'sh', zstd, file],
    });
    expect(endedWell(exit)).toBe(true);

    for (const toolbox of [tools, noTools]) {
      const plain = await foreignPlain({ bench: { ...made.needs.bench, tools: toolbox }, identities: [] }, file);
      let seen = 0;
      const read = (async () => {
        for await (const chunk of plain.bytes()) seen += chunk.length;
      })();

      await expect(read).rejects.toMatchObject({ code: 'backup_damaged' });
      expect(seen).toBe(0);
    }
  });

  it('M7 a stored object cut exactly between two zstd frames is found, although zstd is content', async () => {
    const made = bench({ tools: await realTools() });
    const first = zstdCompressSync(Buffer.from('one '.repeat(5000)));
    const second = zstdCompressSync(Buffer.from('two '.repeat(5000)));
    const manifest = await withContent(made, Buffer.concat([first, second]), 40_000);
    const consistent = await withContent(made, first, 40_000);

    expect(await storedPlain(made.needs, manifest).check()).toBeUndefined();
    await expect(storedPlain(made.needs, consistent).check()).rejects.toMatchObject({ code: 'backup_damaged' });
    await expect(drain(storedPlain(made.needs, consistent).bytes())).rejects.toMatchObject({ code: 'backup_damaged' });
  });

  it('M6 of 400 random bit flips in a zstd stream each is caught by the hash, or decodes to identical bytes', async () => {
    const made = bench();
    const manifest = await backup(made.needs, made.request);
    const kept = made.storage.objects.get(volumeKey(manifest))!;
    const random = randomFrom(seed);
    const results = new Map<string, number>();
    for (let n = 0; n < 400; n += 1) {
      const bit = Math.floor(random() * kept.body.length * 8);
      kept.body[bit >> 3]! ^= 1 << (bit & 7);
      const result = await readAll(made, manifest);
      results.set(result, (results.get(result) ?? 0) + 1);
      kept.body[bit >> 3]! ^= 1 << (bit & 7);
    }

    expect([...results]).toEqual([['backup_damaged', 400]]);
    expect(await readAll(made, manifest)).toBe('whole');
  });

  it('a download is checked while it passes: stored bytes and plain bytes, and a damaged one ends in a failure', async () => {
    const made = bench({ tools: await realTools() });
    const manifest = await backup(made.needs, made.request);
    const stored = await drain(download(made.needs, manifest, { decompress: false }));
    const plain = await drain(download(made.needs, manifest, { decompress: true }));
    made.storage.objects.get(volumeKey(manifest))!.body[5000]! ^= 1;

    expect(stored).toBe(manifest.body.stored.bytes);
    expect(plain).toBe(manifest.body.plain.bytes);
    for (const decompress of [true, false]) {
      await expect(drain(download(made.needs, manifest, { decompress }))).rejects.toMatchObject({
        code: 'backup_damaged',
      });
    }
  });
});

describe('targets', () => {
  let made: StubBench;
  let manifest: TrustedManifest;
  beforeAll(async () => {
    made = bench({ storage: new MemoryStorage({ partBytes: 4_000, partsPerObject: 3 }), databaseBytes: 50_000 });
    manifest = await backup(made.needs, made.request);
  });

  it('T4 every single-bit flip is found by the hash level, and before a byte reaches a restore target', async () => {
    const flips = sized(5_000, totalBits());
    const random = randomFrom(seed);
    let found = 0;
    let touched = 0;
    for (let n = 0; n < flips; n += 1) {
      const bit = flips === totalBits() ? n : Math.floor(random() * totalBits());
      const undo = flip(bit);
      if ((await readAll(made, manifest)) === 'backup_damaged') found += 1;
      if (n % 50 === 0 && (await touchesTarget(`copy${n}`))) touched += 1;
      undo();
    }

    expect([found, touched]).toEqual([flips, 0]);
    console.log(`T4: ${found} of ${flips} single-bit flips found, of ${totalBits()} bits, seed ${seed}`);
  }, 7_200_000);

  it('T5 every truncation and one byte too many are found: part borders, frame borders, none at all', async () => {
    const random = randomFrom(seed);
    const cuts = sized(2_000, 20_000);
    let found = 0;
    for (let n = 0; n < cuts; n += 1) {
      const kept = made.storage.objects.get(volumeKey(manifest, n % manifest.body.volumes.length))!;
      const whole = kept.body;
      kept.body = cutAt(whole, n, random);
      if ((await readAll(made, manifest)) === 'backup_damaged') found += 1;
      kept.body = whole;
    }

    expect(found).toBe(cuts);
    console.log(`T5: ${found} of ${cuts} cuts found, seed ${seed}`);
    expect(await readAll(made, manifest)).toBe('whole');
  }, 7_200_000);

  function totalBits(): number {
    return manifest.body.stored.bytes * 8;
  }

  function flip(bit: number): () => void {
    let byte = bit >> 3;
    for (let n = 0; ; n += 1) {
      const { body } = made.storage.objects.get(volumeKey(manifest, n))!;
      if (byte < body.length) {
        body[byte]! ^= 1 << (bit & 7);
        return () => {
          body[byte]! ^= 1 << (bit & 7);
        };
      }
      byte -= body.length;
    }
  }

  async function touchesTarget(name: string): Promise<boolean> {
    let rows = 0;
    made.engine.onRow = () => {
      rows += 1;
    };
    const job = {
      target: connectionTo('shop'),
      mode: { kind: 'new', name },
      type: 'full',
      only: [],
      owners: true,
      acls: true,
      roles: {},
    } as const;
    const code = await restore(made.needs, manifest, job).then(
      () => 'done',
      (error: Failure) => error.code,
    );
    return rows > 0 || made.engine.databases.has(name) || code !== 'backup_damaged';
  }

  /** The first cuts are the telling ones; the rest is random. */
  function cutAt(whole: Buffer, n: number, random: () => number): Buffer {
    const telling = [0, 1, 4_000, 8_000, whole.length - 1, whole.length - 4, whole.length + 1];
    const at = telling[Math.floor(n / manifest.body.volumes.length)] ?? Math.floor(random() * whole.length);
    if (at > whole.length) return Buffer.concat([whole, Buffer.from([0])]);
    return whole.subarray(0, at === whole.length ? at - 1 : at);
  }
});

async function drain(source: AsyncIterable<Uint8Array>): Promise<number> {
  let bytes = 0;
  for await (const chunk of source) bytes += chunk.length;
  return bytes;
}

/** A manifest whose hashes are right for the given stored bytes, as if a hostile or broken compressor had made them. */
async function withContent(made: StubBench, content: Buffer, plainBytes: number): Promise<TrustedManifest> {
  made.engine.dump = { command: { program: '/bin/cat', args: [fileOf(content)] } };
  const request = { ...made.request, compression: { algorithm: 'none', level: 0 } } as const;
  const runId = `content-${made.storage.objects.size}`;
  const { body, ...rest } = await backup({ ...made.needs, bench: { ...made.needs.bench, runId } }, request);
  return { ...rest, body: { ...body, compression: { algorithm: 'zstd', level: 3 }, plain: { bytes: plainBytes } } };
}

function fileOf(content: Buffer): string {
  const file = join(mkdtempSync(join(tmpdir(), 'content-')), 'content');
  writeFileSync(file, content);
  return file;
}
