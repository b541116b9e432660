import { chmodSync, createReadStream, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { Secret } from '../../src/domain/secret.ts';
import type { Plain } from '../../src/engines/engine.ts';
import { backup } from '../../src/pipeline/backup.ts';
import { hashedPlain, storedPlain } from '../../src/pipeline/decode.ts';
import { decrypted, encrypted, recipientOf } from '../../src/pipeline/encrypt.ts';
import { foreignPlain } from '../../src/pipeline/foreign.ts';
import { startInStreamParse } from '../../src/pipeline/in-stream-parse.ts';
import type { TrustedManifest } from '../../src/pipeline/pipeline.ts';
import type { Toolbox } from '../../src/process/tools.ts';
import { noTools, realTools, type StubBench, type StubBenchOptions, stubBench } from '../support/pipeline-bench.ts';
import { dumpText, StubEngine } from '../support/stub-engine.ts';

const open: StubBench[] = [];
const bench = (options?: StubBenchOptions) => {
  const made = stubBench(options);
  open.push(made);
  return made;
};
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

const origin = {
  type: 'full',
  flavour: 'Stub',
  serverVersion: '1.0',
  toolVersion: '1.0',
  database: 'shop',
  inventory: undefined,
} as const;
const CAT = { program: '/bin/cat', args: [] };

/** Only this zstd, whatever it is. */
function onlyZstd(path: string): Toolbox {
  const tool = { name: 'zstd', path, version: '1.5.5', major: 1, flavour: 'zstd', floor: undefined };
  return { all: (name) => (name === 'zstd' ? [{ ...tool, ok: true, reason: undefined, trial: false }] : []) };
}

/** A zstd that works, and never says how much it did. */
async function muteZstd({ needs }: StubBench): Promise<Toolbox> {
  const real = (await realTools()).all('zstd').find(({ ok }) => ok)?.path;
  const path = join(needs.bench.folder, 'mute-zstd');
  writeFileSync(path, `#!/bin/sh\nexec ${real} "$@" 2>/dev/null\n`);
  chmodSync(path, 0o755);
  return onlyZstd(path);
}

async function all(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function withBody(manifest: TrustedManifest, body: Partial<TrustedManifest['body']>): TrustedManifest {
  return { ...manifest, body: { ...manifest.body, ...body } };
}

/** Parses through a program, as engines whose tools read standard input do. */
class Pouring extends StubEngine {
  override async parse(workbench: { folder: string }, plain: Plain) {
    const file = join(workbench.folder, 'poured');
    await plain.into({ program: '/bin/sh', args: ['-c', 'exec cat > "$1"', 'sh', file] });
    return super.parse(workbench, { ...plain, bytes: () => createReadStream(file) });
  }
}

describe('a parser on the way', () => {
  it.each(['zstd', 'none'] as const)('may read through a program (%s)', async (algorithm) => {
    const recipient = await identityToRecipient(await generateX25519Identity());
    const request = { recipients: [recipient], compression: { algorithm, level: 1 } };
    const made = bench({ engine: new Pouring(), tools: await realTools(), request });

    expect((await backup(made.needs, made.request)).body.parsedInStream).toBe(true);
  });

  it('is not content with fewer bytes than were dumped', async () => {
    const made = bench();
    const text = Buffer.from(dumpText(made.engine.databases.get('shop')!));
    const parse = startInStreamParse(made.needs, 'none', origin);
    await parse.write(text);

    await expect(parse.finish(text.length + 1)).rejects.toMatchObject({
      code: 'dump_incomplete',
      message: `Only ${text.length} of ${text.length + 1} bytes could be decoded and parsed.`,
    });
  });

  it('can read only once what is being written', async () => {
    const made = bench();
    made.engine.parse = async (_bench: unknown, plain: Plain) => {
      await all(plain.bytes());
      await all(plain.bytes());
      return { tables: {}, values: {}, warnings: [] };
    };
    const parse = startInStreamParse(made.needs, 'none', origin);
    await parse.write(Buffer.from('once'));

    await expect(parse.finish(4)).rejects.toMatchObject({ code: 'internal' });
  });

  it('that was fed by a zstd which does not say how much it decoded has proved nothing', async () => {
    const made = bench({ engine: new Pouring() });
    const { needs } = bench({ tools: await realTools() });
    const workbench = { ...made.needs.bench, tools: await muteZstd(made) };
    const sealedElsewhere = await backup(needs, { ...made.request, recipients: [] });
    const stored = await all(needs.storage.read(volumeKey(sealedElsewhere)));
    const parse = startInStreamParse({ engine: made.engine, bench: workbench }, 'zstd', origin);
    await parse.write(stored);

    await expect(parse.finish(sealedElsewhere.body.plain.bytes)).rejects.toMatchObject({ code: 'dump_incomplete' });
  });
});

function volumeKey({ key, body }: TrustedManifest): string {
  return key.replace('manifest.json', body.volumes[0]!.name);
}

describe('a stored backup', () => {
  it('F72 is not poured with success by a zstd that does not say how much it decoded', async () => {
    const made = bench({ tools: await realTools() });
    const manifest = await backup(made.needs, made.request);
    const needs = { ...made.needs, bench: { ...made.needs.bench, tools: await muteZstd(made) } };

    await expect(storedPlain(needs, manifest).into(CAT)).rejects.toMatchObject({
      code: 'backup_damaged',
      message: expect.stringContaining('an unknown number of bytes'),
    });
  });

  it('F70 that decodes to more, fewer or other bytes than were sealed passes no check', async () => {
    for (const tools of [await realTools(), noTools]) {
      const made = bench({ tools });
      const manifest = await backup(made.needs, made.request);
      const { bytes } = manifest.body.plain;
      for (const plain of [{ bytes: bytes - 1 }, { bytes: bytes + 1 }, { bytes, sha256: '0'.repeat(64) }]) {
        const changed = storedPlain(made.needs, withBody(manifest, { plain }));
        await expect(changed.check()).rejects.toMatchObject({ code: 'backup_damaged' });
      }
      await storedPlain(made.needs, manifest).check();
    }
  });

  it.each(['gzip', 'none'] as const)(
    'F70 is checked without a zstd program where it needs none (%s)',
    async (algorithm) => {
      const made = bench({ tools: await realTools(), request: { compression: { algorithm, level: 6 } } });
      const manifest = await backup(made.needs, made.request);
      const longer = withBody(manifest, { plain: { bytes: manifest.body.plain.bytes + 1 } });

      await storedPlain(made.needs, manifest).check();
      await expect(storedPlain(made.needs, longer).check()).rejects.toMatchObject({ code: 'backup_damaged' });
    },
  );

  it('is hashed also where a command reads it', async () => {
    const made = bench();
    const manifest = await backup(made.needs, made.request);
    const plain = storedPlain(made.needs, manifest);
    const hashed = hashedPlain(made.needs.bench, plain);

    expect(await hashed.into(CAT)).toEqual({ stderr: '' });
    expect(plain.sha256()).toMatch(/^[0-9a-f]{64}$/);
    await expect(hashed.into({ program: '/bin/false', args: [] })).rejects.toMatchObject({ code: 'restore_failed' });
  });

  it.each([
    ['zstd in a program', true],
    ['zstd in this process', false],
  ])('cannot be poured with a decoder that does not start, nor after a cancel (%s)', async (_name, child) => {
    const made = bench({ tools: await realTools() });
    const manifest = await backup(made.needs, made.request);
    const tools = child ? onlyZstd('/nowhere/zstd') : noTools;
    const cancelled = { ...made.needs.bench, tools, signal: AbortSignal.abort() };

    if (child) {
      const needs = { ...made.needs, bench: { ...made.needs.bench, tools } };
      await expect(storedPlain(needs, manifest).into(CAT)).rejects.toMatchObject({ code: 'tool_missing' });
    }
    await expect(storedPlain({ ...made.needs, bench: cancelled }, manifest).into(CAT)).rejects.toThrow('aborted');
    await expect(all(storedPlain({ ...made.needs, bench: cancelled }, manifest).bytes())).rejects.toThrow('aborted');
  });

  it('is damaged where its volumes are right and the whole of them is not what was sealed', async () => {
    const made = bench();
    const manifest = await backup(made.needs, made.request);
    const stored = { ...manifest.body.stored, sha256: '0'.repeat(64) };

    await expect(storedPlain(made.needs, withBody(manifest, { stored })).check()).rejects.toMatchObject({
      message: expect.stringContaining('the whole of its volumes'),
    });
  });

  it.each([
    ['goes on after', (body: Buffer) => [body, Buffer.from('more')]],
    ['ends after', (body: Buffer) => [body.subarray(0, -1)]],
  ])('F40 whose volume %s its length is damaged, whatever the store said of it', async (how, read) => {
    const made = bench();
    const manifest = await backup(made.needs, made.request);
    const { body } = made.storage.objects.get(volumeKey(manifest))!;
    made.storage.read = async function* () {
      yield* read(body);
    };

    await expect(storedPlain(made.needs, manifest).check()).rejects.toMatchObject({
      code: 'backup_damaged',
      message: expect.stringContaining(how),
    });
  });

  it('that was moved to an archive has to be thawed first', async () => {
    const made = bench();
    const manifest = await backup(made.needs, made.request);
    const head = made.storage.head.bind(made.storage);
    made.storage.head = async (key) => ({ ...(await head(key))!, archivedAs: 'GLACIER' });

    await expect(storedPlain(made.needs, manifest).check()).rejects.toMatchObject({ code: 'backup_archived' });
  });
});

describe('encryption', () => {
  it('names no piece of an identity that cannot be read', async () => {
    const reading = recipientOf(new Secret('AGE-SECRET-KEY-1NONSENSE'));

    await expect(reading).rejects.toMatchObject({ code: 'usage' });
    await expect(reading).rejects.not.toThrow('NONSENSE');
  });

  it('keeps the error of the source, and lets go of a source that nobody reads on', async () => {
    const identity = await generateX25519Identity();
    const recipient = await identityToRecipient(identity);
    const cipher = await all(encrypted(chunks(3), [recipient]));
    async function* broken() {
      yield cipher.subarray(0, 300);
      throw new Error('the store hung up');
    }
    let release: () => void = () => undefined;
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    async function* endless() {
      try {
        for (;;) yield Buffer.alloc(65_536);
      } finally {
        release();
      }
    }

    await expect(all(decrypted(broken(), [new Secret(identity)]))).rejects.toThrow('the store hung up');
    for await (const _ of encrypted(endless(), [recipient])) break;

    await expect(released).resolves.toBeUndefined();
  });
});

async function* chunks(count: number) {
  for (let n = 0; n < count; n += 1) yield Buffer.alloc(65_536, n);
}

describe('a foreign dump', () => {
  it('of several reads is poured into a command whole', async () => {
    const made = bench();
    const path = join(made.needs.bench.folder, 'foreign.sql');
    const copy = join(made.needs.bench.folder, 'copy.sql');
    writeFileSync(path, 'row\n'.repeat(800_000));
    const plain = await foreignPlain(made.needs, path);

    await plain.into({ program: '/bin/sh', args: ['-c', 'exec cat > "$1"', 'sh', copy] });

    expect((await all(createReadStream(copy))).equals(await all(plain.bytes()))).toBe(true);
  });
});
