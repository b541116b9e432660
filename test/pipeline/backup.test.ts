import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { Secret } from '../../src/domain/secret.ts';
import { backup } from '../../src/pipeline/backup.ts';
import { storedPlain } from '../../src/pipeline/decode.ts';
import type { BackupRequest, Progress } from '../../src/pipeline/pipeline.ts';
import { verify } from '../../src/pipeline/verify.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { noTools, realTools, type StubBench, type StubBenchOptions, stubBench } from '../support/pipeline-bench.ts';
import { dumpText } from '../support/stub-engine.ts';

const open: StubBench[] = [];
const bench = (options?: StubBenchOptions) => {
  const made = stubBench(options);
  open.push(made);
  return made;
};
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

const level2 = { level: 2, scratch: undefined, assertions: {} } as const;
const textOf = ({ engine }: StubBench) => dumpText(engine.databases.get('shop')!);
const sha256 = (text: string | Buffer) => createHash('sha256').update(text).digest('hex');

async function plainOf(made: StubBench, manifest: Awaited<ReturnType<typeof backup>>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of storedPlain(made.needs, manifest).bytes()) chunks.push(chunk);
  return Buffer.concat(chunks);
}

describe('a backup', () => {
  it.each([
    ['zstd by its own program, the dump handed over to it', {}, true],
    ['zstd with a hash of the plain bytes', { plainHash: true }, true],
    ['zstd in this process, where no program is found', {}, false],
    ['gzip', { compression: { algorithm: 'gzip', level: 6 } }, true],
    ['no compression', { compression: { algorithm: 'none', level: 0 } }, true],
    ['many parts and several volumes', {}, true],
  ] as [string, Partial<BackupRequest>, boolean][])('keeps every byte with %s', async (name, request, tools) => {
    const storage = new MemoryStorage(name.includes('volumes') ? { partBytes: 50_000, partsPerObject: 7 } : {});
    const made = bench({ storage, request, tools: tools ? await realTools() : noTools, databaseBytes: 3_000_000 });

    const manifest = await backup(made.needs, made.request);

    expect((await plainOf(made, manifest)).equals(Buffer.from(textOf(made)))).toBe(true);
    expect(manifest.body.plain.bytes).toBe(textOf(made).length);
    expect(manifest.body.plain.sha256).toBe(request.plainHash ? sha256(textOf(made)) : manifest.body.plain.sha256);
    expect(manifest.body.volumes.length > 1).toBe(name.includes('volumes'));
    expect(storage.uploads.size).toBe(0);
    expect(await verify(made.needs, { manifest, ...level2 })).toMatchObject({ status: 'good', reached: 2 });
  });

  it('hashes each volume and the whole of them', async () => {
    const storage = new MemoryStorage({ partBytes: 20_000, partsPerObject: 3 });
    const made = bench({ storage, databaseBytes: 400_000 });

    const { body, key } = await backup(made.needs, made.request);

    const bodies = body.volumes.map(
      ({ name }) => storage.objects.get(`${key.slice(0, key.lastIndexOf('/'))}/${name}`)!.body,
    );
    expect(body.volumes.length).toBeGreaterThan(2);
    expect(body.volumes.map((volume) => volume.sha256)).toEqual(bodies.map((bytes) => sha256(bytes)));
    expect(body.stored).toEqual({ bytes: Buffer.concat(bodies).length, sha256: sha256(Buffer.concat(bodies)) });
  });

  it('reaches level 3 and says how long the restore took', async () => {
    const made = bench();

    const manifest = await backup(made.needs, made.request);
    const outcome = await verify(made.needs, { manifest, level: 3, scratch: undefined, assertions: {} });

    expect(outcome).toMatchObject({ status: 'good', reached: 3, differences: [] });
    expect(outcome.restoreSeconds).toBeGreaterThanOrEqual(0);
    expect([...made.engine.databases.keys()]).toContain('shop');
  });

  it('never takes more than the limit of raw bytes; how close it comes is a figure of the benchmarks', async () => {
    const made = bench({ tools: await realTools(), request: { rateLimit: 20_000_000 } });
    made.engine.dump = { command: { program: '/usr/bin/head', args: ['-c', '60000000', '/dev/urandom'] } };

    const seen: { at: number; bytes: number }[] = [];
    const progress = ({ plainBytes }: Progress) => {
      if (plainBytes) seen.push({ at: performance.now(), bytes: plainBytes });
    };

    await backup({ ...made.needs, progress }, made.request);

    const dumping = seen.filter(({ bytes }) => bytes < 60_000_000);
    const [first, last] = [dumping[0]!, dumping.at(-1)!];
    const rate = (last.bytes - first.bytes) / ((last.at - first.at) / 1000);
    expect(rate).toBeLessThan(22_000_000);
  });

  it('fails when it outgrows its cap, and is never cut', async () => {
    const made = bench({ tools: await realTools(), request: { sizeCap: 1000 } });

    await expect(backup(made.needs, made.request)).rejects.toMatchObject({ code: 'size_cap_exceeded' });
    expect(made.storage.objects.size + made.storage.uploads.size).toBe(0);
  });

  it('ends an endless dump at its cap', async () => {
    const made = bench({ tools: await realTools(), request: { sizeCap: 1_000_000 } });
    made.engine.dump = { command: { program: '/bin/cat', args: ['/dev/zero'] } };

    await expect(backup(made.needs, made.request)).rejects.toMatchObject({ code: 'size_cap_exceeded' });
    expect(made.storage.objects.size + made.storage.uploads.size).toBe(0);
  });

  it('touches no database when the store refuses the probe', async () => {
    const made = bench();
    made.storage.hook = ({ name }) => {
      if (name === 'probe') throw new Error('denied');
    };

    await expect(backup(made.needs, made.request)).rejects.toThrow('denied');
    expect([made.engine.probes, made.engine.opened]).toEqual([0, 0]);
  });

  it('opens no dump where the engine sees an obstacle', async () => {
    const made = bench();
    made.engine.obstacles = ['Row security would hide rows.'];

    await expect(backup(made.needs, made.request)).rejects.toMatchObject({ code: 'server_unsupported' });
    expect(made.engine.opened).toBe(0);
  });

  it('closes the session and ends every process when the session says that the dump must stop', async () => {
    const made = bench({ tools: await realTools() });
    made.engine.dump = { bytes: 1000, hang: true };
    made.engine.watch = sleep(100).then(() => {
      throw new Error('someone waits for us');
    });

    await expect(backup(made.needs, made.request)).rejects.toThrow('someone waits for us');
    expect(made.engine.closed).toBe(1);
    expect(made.storage.objects.size + made.storage.uploads.size).toBe(0);
  });

  it('reports progress at most four times a second', async () => {
    const made = bench({ tools: await realTools(), databaseBytes: 8_000_000, request: { rateLimit: 8_000_000 } });

    await backup(made.needs, made.request);

    const dumps = made.progress.filter(({ phase }) => phase === 'dump');
    expect(dumps.length).toBeGreaterThanOrEqual(2);
    expect(dumps.length).toBeLessThanOrEqual(8);
    expect(dumps.at(-1)?.plainBytes).toBeGreaterThan(1_000_000);
  });
});

describe('an encrypted backup', () => {
  it('is parsed on its way when nobody here can read it later, and then counts as parsed', async () => {
    const recipient = await identityToRecipient(await generateX25519Identity());
    const made = bench({ tools: await realTools(), databaseBytes: 2_000_000, request: { recipients: [recipient] } });

    const manifest = await backup(made.needs, made.request);
    const outcome = await verify(made.needs, { manifest, ...level2 });

    expect(manifest.body.parsedInStream).toBe(true);
    expect(outcome).toMatchObject({ status: 'good', reached: 2, plainSha256: undefined });
    expect(outcome.reason).toContain('before it was sealed');
  });

  it.each(['zstd', 'gzip', 'none'] as const)(
    'is not sealed when the parser on its way finds it cut (%s)',
    async (algorithm) => {
      const recipient = await identityToRecipient(await generateX25519Identity());
      const request = { recipients: [recipient], compression: { algorithm, level: 3 } };
      const made = bench({ tools: await realTools(), request });
      made.engine.dump = { bytes: 100_000 };

      await expect(backup(made.needs, made.request)).rejects.toMatchObject({ code: 'dump_incomplete' });
      expect(made.storage.objects.size + made.storage.uploads.size).toBe(0);
    },
  );

  it('F80 cannot be read without its identity: the plain reason, at every way in', async () => {
    const identity = await generateX25519Identity();
    const recipient = await identityToRecipient(identity);
    const made = bench({ tools: await realTools(), request: { recipients: [recipient] } });
    const holder = { ...made.needs, identities: [new Secret(identity)] };
    const stranger = { ...made.needs, identities: [new Secret(await generateX25519Identity())] };

    const manifest = await backup(holder, made.request);

    expect(manifest.body.parsedInStream).toBe(false);
    expect(await verify(holder, { manifest, ...level2 })).toMatchObject({ status: 'good', reached: 2 });
    const blind = await verify(stranger, { manifest, ...level2 });
    expect(blind).toMatchObject({ status: 'stored', reached: 1 });
    expect(blind.reason).toContain('decrypt');
    await expect(storedPlain(stranger, manifest).check()).rejects.toMatchObject({ code: 'decryption_failed' });
  });

  it('refuses a recipient that is none before anything is dumped', async () => {
    const made = bench({ request: { recipients: ['age1nonsense'] } });

    await expect(backup(made.needs, made.request)).rejects.toMatchObject({ code: 'usage' });
    expect(made.storage.objects.size + made.storage.uploads.size).toBe(0);
  });
});
