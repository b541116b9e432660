import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Failure } from '../../src/domain/failure.ts';
import { backup } from '../../src/pipeline/backup.ts';
import { surveyStore } from '../../src/pipeline/list.ts';
import { takeRunMarker } from '../../src/pipeline/run-marker.ts';
import { seal, sealedSha256 } from '../../src/pipeline/seal.ts';
import { verify } from '../../src/pipeline/verify.ts';
import type { Child, Runner } from '../../src/process/child.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { realTools, type StubBench, type StubBenchOptions, signer, stubBench } from '../support/pipeline-bench.ts';

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
const nothingLeft = ({ storage }: StubBench) => storage.objects.size + storage.uploads.size === 0;

/** Calls back with each child that is started, and the name of its program. */
function watching(see: (name: string, child: Child) => void) {
  return (runner: Runner): Runner => ({
    place: runner.place,
    start: (command, options) => {
      const child = runner.start(command, options);
      see(command.program.split('/').at(-1) ?? '', child);
      return child;
    },
  });
}

/** Processes whose parent we are, besides those that an earlier file of this worker has left. */
function ourChildren(besides: readonly string[]): string[] {
  const path = `/proc/${process.pid}/task`;
  const pids = readdirSync(path).flatMap((task) =>
    readFileSync(join(path, task, 'children'), 'utf8')
      .trim()
      .split(' '),
  );
  return pids.filter((pid) => pid !== '' && !besides.includes(pid));
}

describe('faults of the dump and its pipe', () => {
  it('F1 an exit other than 0 after most of the output is a failure with the last words of the tool', async () => {
    const made = bench({ tools: await realTools() });
    made.engine.dump = {
      command: {
        program: '/bin/sh',
        args: ['-c', 'head -c 90000 /dev/zero; echo "permission denied for t9" >&2; exit 3'],
      },
    };

    const failed = backup(made.needs, made.request);

    await expect(failed).rejects.toMatchObject({ code: 'dump_failed' });
    await expect(failed).rejects.toThrow(/status 3.*permission denied for t9/s);
    expect(nothingLeft(made)).toBe(true);
  });

  it("F1 the engine's explanation of the last words is preferred", async () => {
    const made = bench({ tools: await realTools() });
    made.engine.dump = { command: { program: '/bin/sh', args: ['-c', 'echo x; echo deadlock >&2; exit 1'] } };

    await expect(backup(made.needs, made.request)).rejects.toMatchObject({ code: 'dump_blocked' });
  });

  it.each(['KILL', 'SEGV', 'PIPE', 'TERM'])('F2 a dump ended by SIG%s is a failure', async (signal) => {
    const made = bench({ tools: await realTools() });
    made.engine.dump = { bytes: 100_000, signal };

    await expect(backup(made.needs, made.request)).rejects.toThrow(`was ended by SIG${signal}`);
    expect(nothingLeft(made)).toBe(true);
  });

  it("F3 a killed compressor is named as the cause, not the dump's SIGPIPE", async () => {
    const runner = watching((name, child) => {
      if (name === 'zstd') setTimeout(() => process.kill(child.pid!, 'SIGKILL'), 150);
    });
    const made = bench({ tools: await realTools(), runner });
    made.engine.dump = { command: { program: '/bin/cat', args: ['/dev/urandom'] } };

    const failed = backup(made.needs, made.request);

    await expect(failed).rejects.toMatchObject({ code: 'compressor_failed' });
    await expect(failed).rejects.toThrow('zstd was ended by SIGKILL');
    expect(nothingLeft(made)).toBe(true);
  });

  it('F3 a compressor that cannot be started ends the dump too', async () => {
    const tools = { all: () => [{ ...zstdTool(), path: '/nowhere/zstd' }] };
    const made = bench({ tools });
    made.engine.dump = { command: { program: '/bin/cat', args: ['/dev/urandom'] } };

    await expect(backup(made.needs, made.request)).rejects.toMatchObject({ code: 'compressor_failed' });
    expect(nothingLeft(made)).toBe(true);
  });

  it('F3 a dump tool that cannot be started is a failure of the dump', async () => {
    const made = bench({ tools: await realTools() });
    made.engine.dump = { command: { program: '/nowhere/dump', args: [] } };

    await expect(backup(made.needs, made.request)).rejects.toMatchObject({ code: 'dump_failed' });
  });

  it('F4 a dump that ends well but lacks its end is sealed, never good', async () => {
    const made = bench({ tools: await realTools() });
    made.engine.dump = { bytes: 100_000 };

    const manifest = await backup(made.needs, made.request);
    const outcome = await verify(made.needs, { manifest, ...level2 });

    expect(outcome).toMatchObject({ status: 'suspect', reached: 0 });
    expect(outcome.reason).toContain('its end is missing');
    expect((await surveyStore(made.needs)).backups[0]).toMatchObject({ status: 'suspect', level: 0 });
  });

  it('F5 zero bytes are refused although every process ended well', async () => {
    for (const algorithm of ['zstd', 'gzip', 'none'] as const) {
      const made = bench({ tools: await realTools(), request: { compression: { algorithm, level: 3 } } });
      made.engine.dump = { command: { program: '/bin/true', args: [] } };

      await expect(backup(made.needs, made.request)).rejects.toMatchObject({ code: 'dump_incomplete' });
      expect(nothingLeft(made)).toBe(true);
    }
  });

  it('F5 fewer rows in the dump than its snapshot held make the backup suspect', async () => {
    const made = bench({ tools: await realTools() });
    made.engine.mangle = (text) => {
      const lines = text.split('\n').filter((line, n) => !(line.startsWith('row ') && n === 7));
      const end = lines.findIndex((line) => line.startsWith('-- end'));
      lines[end] = `-- end of dump ${end}`;
      return lines.join('\n');
    };

    const manifest = await backup(made.needs, made.request);
    const outcome = await verify(made.needs, { manifest, ...level2 });

    expect(outcome.status).toBe('suspect');
    expect(outcome.differences).toMatchObject([{ kind: 'changed', what: 'rows public.t0' }]);
  });

  it('F21 a compressor that stores something else is found before anything is called good', async () => {
    const made = bench({ tools: await realTools(), request: { plainHash: true } });
    const storage = made.storage.twin();

    const manifest = await backup(made.needs, made.request);
    const other = bench({ tools: await realTools(), databaseBytes: 150_000 });
    other.engine.databases.get('shop')!.values = { 'sequence public.s': '99,true' };
    const lie = await backup(other.needs, other.request);
    const [volume] = manifest.body.volumes;
    const key = `${manifest.key.slice(0, -'manifest.json'.length)}${volume!.name}`;
    const stored = other.storage.objects.get(`${lie.key.slice(0, -'manifest.json'.length)}${volume!.name}`)!;
    storage.objects.set(key, stored);
    const consistent = {
      ...manifest,
      body: { ...manifest.body, stored: lie.body.stored, volumes: lie.body.volumes, plain: manifest.body.plain },
    };

    await storage.put(manifest.key, Buffer.from(await seal(signer, consistent.body)));
    Object.assign(consistent, { sha256: sealedSha256(consistent.body) });

    // Hashes of what is stored are right, and it decodes: only the plain bytes' own length and hash tell.
    const outcome = await verify(made.needs, { manifest: consistent, ...level2 });

    expect(outcome).toMatchObject({ status: 'suspect', reached: 0 });
    expect(await verify(made.needs, { manifest: consistent, ...level2, level: 1 })).toMatchObject({ status: 'stored' });
  });

  it('F21 a compressor that says it wrote other bytes than arrived is not believed', async () => {
    const made = bench({ tools: await lyingZstd('( 300 B =>   999 B, /*stdout*\\\\)') });

    await expect(backup(made.needs, made.request)).rejects.toThrow('999 bytes');
    expect(nothingLeft(made)).toBe(true);
  });

  it('F21 a compressor that does not say how much it read is not believed', async () => {
    const made = bench({ tools: await lyingZstd('done') });

    await expect(backup(made.needs, made.request)).rejects.toMatchObject({ code: 'compressor_failed' });
    expect(nothingLeft(made)).toBe(true);
  });

  it('F22 endless words on standard error do not fill the memory, and the last ones are kept', async () => {
    const made = bench({ tools: await realTools() });
    const script = 'head -c 200000000 /dev/zero | tr "\\0" x >&2; echo >&2; echo "the very last words" >&2; exit 4';
    made.engine.dump = { command: { program: '/bin/sh', args: ['-c', script] } };
    const before = process.memoryUsage().rss;

    await expect(backup(made.needs, made.request)).rejects.toThrow('the very last words');
    expect(process.memoryUsage().rss - before).toBeLessThan(150_000_000);
  });

  it('F23 a slow store slows the dump down instead of filling the memory', async () => {
    const storage = new MemoryStorage({ partBytes: 1_000_000 });
    const made = bench({ tools: await realTools(), storage });
    made.engine.dump = { command: { program: '/usr/bin/head', args: ['-c', '60000000', '/dev/urandom'] } };
    let line = Promise.resolve<unknown>(undefined);
    // One part after the other, as over a thin line.
    storage.hook = ({ name, when }) => {
      if (name !== 'part' || when !== 'before') return undefined;
      line = line.then(() => sleep(25));
      return line;
    };
    let peak = 0;
    const before = process.memoryUsage().arrayBuffers + 20_000_000;
    const timer = setInterval(() => {
      // The store itself keeps what it was given.
      const kept = [...storage.uploads.values()].flatMap(({ parts }) => [...parts.values()]);
      const own = process.memoryUsage().arrayBuffers - kept.reduce((sum, part) => sum + part.length, 0);
      peak = Math.max(peak, own);
    }, 20);

    const manifest = await backup(made.needs, made.request).finally(() => clearInterval(timer));

    expect(manifest.body.plain.bytes).toBe(60_000_000);
    expect(peak).toBeLessThan(before);
  });

  it('F23 a source that falls silent ends the run as stalled, and nothing of it stays', async () => {
    const made = bench({ tools: await realTools(), request: { inactivityMs: 400 } });
    made.engine.dump = { bytes: 50_000, hang: true };

    const started = performance.now();
    await expect(backup(made.needs, made.request)).rejects.toMatchObject({ code: 'stalled' });
    expect(performance.now() - started).toBeLessThan(6000);
    expect(nothingLeft(made)).toBe(true);
  });

  it('F23 a slow source is not called stalled while it still sends', async () => {
    const made = bench({ tools: await realTools(), request: { inactivityMs: 600 } });
    const script = 'for i in 1 2 3 4 5 6 7 8; do echo "a few bytes"; sleep 0.2; done';
    made.engine.dump = { command: { program: '/bin/sh', args: ['-c', script] } };

    expect((await backup(made.needs, made.request)).body.plain.bytes).toBe(96);
  });

  it('F26 a killed run leaves no object, and the next run aborts its uploads and names them', async () => {
    let clock = Date.parse('2026-11-24T10:00:00Z');
    const storage = new MemoryStorage({ partBytes: 20_000, now: () => clock });
    const now = () => new Date(clock);
    const dead = bench({ storage, tools: await realTools(), runId: 'dead', databaseBytes: 400_000, now });
    storage.hook = ({ name }) => (name === 'complete' ? new Promise(() => undefined) : undefined);
    await takeRunMarker(dead.needs, dead.folder, { renewMs: 3_600_000 });
    void backup(dead.needs, dead.request).catch(() => undefined);
    while (storage.calls.at(-1) !== 'complete') await sleep(10);
    storage.hook = undefined;
    clock += 10 * 60_000 + 1;
    const next = bench({ storage, tools: await realTools(), runId: 'next', now });

    const visible = [...storage.objects.keys()].filter((key) => key.includes('dump.'));
    const lease = await takeRunMarker(next.needs, next.folder);
    await lease.release();

    expect(visible).toEqual([]);
    expect(storage.uploads.size).toBe(0);
    expect(next.notes.join(' ')).toMatch(
      /Took over from run dead .* Aborted the unfinished upload of .*dead\/dump\.stub\.zst/,
    );
  });

  it('F26 volumes of a run that died before its manifest are removed by the next one, and named', async () => {
    let clock = Date.parse('2026-11-24T10:00:00Z');
    const storage = new MemoryStorage({ now: () => clock });
    const now = () => new Date(clock);
    const dead = bench({ storage, runId: 'dead', now });
    storage.hook = ({ name, key }) =>
      name === 'put' && key.endsWith('manifest.json') ? new Promise(() => undefined) : undefined;
    await takeRunMarker(dead.needs, dead.folder, { renewMs: 3_600_000 });
    void backup(dead.needs, dead.request).catch(() => undefined);
    while (![...storage.objects.keys()].some((key) => key.includes('dump.'))) await sleep(10);
    await sleep(20);
    storage.hook = undefined;
    clock += 10 * 60_000 + 1;
    const next = bench({ storage, runId: 'next', now });

    const lease = await takeRunMarker(next.needs, next.folder);
    await lease.release();

    expect([...storage.objects.keys()]).toEqual([]);
    expect(next.notes.join(' ')).toMatch(/Removed .*dead\/dump\.stub\.zst/);
  });

  it('F30 an object that is already at the key is neither overwritten nor removed', async () => {
    const storage = new MemoryStorage();
    const made = bench({ storage });
    let taken = '';
    storage.hook = async ({ name, key, when }) => {
      if (name !== 'complete' || when !== 'before') return;
      taken = key;
      if (!storage.objects.has(key)) await storage.twin().put(key, Buffer.from('someone else'));
    };

    await expect(backup(made.needs, made.request)).rejects.toMatchObject({ code: 'storage_conflict' });
    expect(storage.objects.get(taken)?.body.toString()).toBe('someone else');
    expect(storage.uploads.size).toBe(0);
  });

  it('F30 a manifest that is already there makes the run fail and take its volumes away', async () => {
    const storage = new MemoryStorage();
    const made = bench({ storage });
    storage.hook = async ({ name, key, when }) => {
      if (name === 'put' && when === 'before' && key.endsWith('manifest.json')) {
        storage.hook = undefined;
        await storage.put(key, Buffer.from('{}'));
      }
    };

    await expect(backup(made.needs, made.request)).rejects.toMatchObject({ code: 'storage_conflict' });
    expect([...storage.objects.values()].map(({ body }) => body.toString())).toEqual(['{}']);
  });

  it('F27 a store that calls a volume complete and holds nothing is not believed', async () => {
    const made = bench();
    made.storage.hook = ({ name, key, when }) => {
      if (name === 'complete' && when === 'after') made.storage.objects.delete(key);
    };

    await expect(backup(made.needs, made.request)).rejects.toMatchObject({
      code: 'backup_damaged',
      message: expect.stringContaining('it is not there'),
    });
    expect(nothingLeft(made)).toBe(true);
  });

  it('F28 a manifest whose answer was lost is looked up and the run goes on', async () => {
    const storage = new MemoryStorage();
    const made = bench({ storage });
    storage.hook = ({ name, key, when }) => {
      if (name === 'put' && when === 'after' && key.endsWith('manifest.json'))
        throw new Failure('storage_unreachable', 'reset');
    };

    const manifest = await backup(made.needs, made.request);

    storage.hook = undefined;
    expect(await verify(made.needs, { manifest, ...level2 })).toMatchObject({ status: 'good' });
  });

  it('F31 a dump of more parts than an object may have goes into several volumes', async () => {
    const storage = new MemoryStorage({ partBytes: 5_000, partsPerObject: 20 });
    const made = bench({ tools: await realTools(), storage, databaseBytes: 800_000 });

    const { body } = await backup(made.needs, made.request);

    expect(body.volumes.length).toBeGreaterThan(2);
    expect(body.volumes.slice(0, -1).every(({ bytes }) => bytes === 100_000)).toBe(true);
    expect(body.volumes.map(({ name }) => name).slice(0, 2)).toEqual(['dump.stub.zst', 'dump.stub.zst.0001']);
  });

  it('F37 a store that may not be written is refused before the database is touched', async () => {
    const made = bench();
    let asked = 0;
    made.engine.probe = async () => {
      asked += 1;
      throw new Failure('internal', 'too early');
    };
    made.storage.hook = ({ name }) => {
      if (name === 'probe') throw new Failure('storage_denied', 's3:PutObject is denied on the bucket.');
    };

    await expect(backup(made.needs, made.request)).rejects.toMatchObject({ code: 'storage_denied' });
    expect(asked).toBe(0);
  });

  it('F51 a run whose lease is gone completes nothing', async () => {
    for (const failAt of [2, 3]) {
      const made = bench();
      let checks = 0;
      const check = async () => {
        checks += 1;
        if (checks === failAt) throw new Failure('lease_lost', 'gone');
      };

      await expect(backup(made.needs, { ...made.request, lease: { ...made.lease, check } })).rejects.toMatchObject({
        code: 'lease_lost',
      });
      expect(nothingLeft(made)).toBe(true);
    }
  });

  it('F51 a run that slept between its check and the manifest takes the manifest back', async () => {
    let clock = Date.parse('2026-11-24T10:00:00Z');
    const made = bench({ now: () => new Date(clock) });
    made.storage.hook = ({ name, key }) => {
      if (name === 'put' && key.endsWith('manifest.json')) clock += 15 * 60_000;
    };
    const check = async () => {
      if (clock > Date.parse('2026-11-24T10:05:00Z')) throw new Failure('lease_lost', 'gone');
    };

    await expect(backup(made.needs, { ...made.request, lease: { ...made.lease, check } })).rejects.toMatchObject({
      code: 'lease_lost',
    });
    expect(nothingLeft(made)).toBe(true);
  });

  it('a cancel at any step of a run leaves nothing behind, and no process', async () => {
    const before = ourChildren([]);
    const tools = await realTools();
    const steps = bench({ tools, storage: new MemoryStorage({ partBytes: 30_000 }) });
    await backup(steps.needs, steps.request);
    const manifestPut = steps.storage.calls.lastIndexOf('put');
    for (let step = 0; step < manifestPut; step += 1) {
      const made = bench({ tools, storage: new MemoryStorage({ partBytes: 30_000 }) });
      made.storage.hook = ({ when }) => {
        if (when === 'before' && made.storage.calls.length === step + 1) made.controller.abort();
      };

      await expect(backup(made.needs, made.request)).rejects.toMatchObject({ code: 'cancelled' });
      expect([step, nothingLeft(made)]).toEqual([step, true]);
    }
    // A process that was told to end gets its time; the bench says how little of it is taken.
    for (let n = 0; n < 250 && ourChildren(before).length > 0; n += 1) await sleep(20);
    expect(ourChildren(before)).toEqual([]);
  });

  it('M1 the exit is awaited: not one of 100 dumps that fail after their last byte counts as a success', async () => {
    const tools = await realTools();
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, async (_, n) => {
        const made = bench({
          tools: n % 10 === 0 ? tools : { all: () => [] },
          request: n % 2 ? { compression: { algorithm: 'none', level: 0 } } : {},
        });
        made.engine.dump = n % 2 === 0 ? { exit: 3 } : { signal: 'KILL' };
        return backup(made.needs, made.request);
      }),
    );

    expect(results.filter(({ status }) => status === 'fulfilled').length).toBe(0);
  });
});

function zstdTool() {
  return {
    name: 'zstd',
    path: '',
    version: '1.5.4',
    major: 1,
    flavour: 'zstd',
    floor: undefined,
    ok: true,
    reason: undefined,
    trial: false,
  };
}

/** A stand-in for zstd that passes its input on and says what it is told to. */
async function lyingZstd(words: string) {
  const { mkdtempSync, writeFileSync } = await import('node:fs');
  const { tmpdir } = await import('node:os');
  const path = join(mkdtempSync(join(tmpdir(), 'stub-zstd-')), 'zstd');
  writeFileSync(path, `#!/bin/sh\ncat\nprintf '%s\\n' '${words}' >&2\n`, { mode: 0o755 });
  return { all: () => [{ ...zstdTool(), path }] };
}
