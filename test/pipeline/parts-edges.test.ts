import { describe, expect, it } from '@jest/globals';
import { Failure } from '../../src/domain/failure.ts';
import { BufferPool } from '../../src/pipeline/buffer-pool.ts';
import { Channel } from '../../src/pipeline/channel.ts';
import {
  compressedCounts,
  consumedSoFar,
  decompressedCount,
  zstdCompressCommand,
} from '../../src/pipeline/compressor.ts';
import { parseTrustedKeys } from '../../src/pipeline/keys.ts';
import type { Progress } from '../../src/pipeline/pipeline.ts';
import { PlainGate } from '../../src/pipeline/plain-gate.ts';
import { makeStop } from '../../src/pipeline/stop.ts';
import { startWatchdog } from '../../src/pipeline/watchdog.ts';
import { stubBench } from '../support/pipeline-bench.ts';

describe('the zstd program', () => {
  it('gets threads where there are cores for them, and leave for the highest levels', () => {
    const args = (level: number, cores: number) =>
      zstdCompressCommand('/usr/bin/zstd', level, { cores, platform: 'linux' }).args;

    expect(args(3, 1)).toEqual(['-vv', '--no-progress', '-3', '-T1', '--check', '-c']);
    expect(args(20, 8)).toEqual(['-vv', '--no-progress', '-20', '--ultra', '-T0', '--check', '-c']);
  });

  it('reports how far it is where the kernel does not tell', () => {
    expect(zstdCompressCommand('/usr/bin/zstd', 3, { cores: 2, platform: 'darwin' }).args).toContain('--progress');
    expect(consumedSoFar('(L3) Buffered:   0 B - Consumed:   131072 B - Compressed: 9 B')).toBe(131_072);
    expect(consumedSoFar('nothing of the kind')).toBeUndefined();
  });

  it('that does not get to its last line has counted nothing', () => {
    expect(compressedCounts('zstd: error 70 : Write error')).toBeUndefined();
    expect(decompressedCount('zstd: error 39 : Decompression error')).toBeUndefined();
  });
});

describe('a buffer pool', () => {
  it('does not let anyone wait for a buffer that is free', async () => {
    const pool = new BufferPool(16, 1);
    const buffer = pool.take();
    expect(pool.take()).toBeUndefined();
    if (buffer !== undefined) pool.give(buffer);

    await pool.freed();
    expect(pool.take()).toBe(buffer);
  });
});

describe('a channel', () => {
  it('that fails frees a writer that still waits, and throws at the reader', async () => {
    const channel = new Channel();
    const writing = channel.write(Buffer.from('never read'));

    channel.fail(new Error('the dump has ended'));

    await writing;
    await expect(channel[Symbol.asyncIterator]().next()).rejects.toThrow('the dump has ended');
  });
});

describe('the gate of plain bytes', () => {
  it('keeps why its source could not be read to its end', async () => {
    const gate = new PlainGate({ hash: false, rateLimit: undefined, signal: new AbortController().signal });
    async function* source() {
      yield Buffer.from('half');
      throw new Error('the pipe broke');
    }
    gate.check();

    await expect(
      (async () => {
        for await (const _ of gate.through(source())) gate.check();
      })(),
    ).rejects.toThrow('the pipe broke');

    expect(gate.bytes).toBe(4);
    expect(() => gate.check()).toThrow('the pipe broke');
  });
});

describe('a stop', () => {
  it('of a run that was cancelled before it began is pulled from the start', () => {
    const stop = makeStop(AbortSignal.abort());

    expect(() => stop.check()).toThrow(expect.objectContaining({ code: 'cancelled' }));
  });

  it('keeps the failure that the outer signal was given as its reason', () => {
    const reason = new Failure('lease_lost', 'The marker was taken over.');

    expect(() => makeStop(AbortSignal.abort(reason)).check()).toThrow(reason);
  });
});

describe('the watchdog', () => {
  it('names no expected size where the engine could not tell it', async () => {
    const { request, close } = stubBench();
    const stop = makeStop(new AbortController().signal);
    const seen = await new Promise<Progress>((progress) => {
      const end = startWatchdog({
        flow: { ended: new Promise(() => undefined), plainSoFar: () => 10 },
        request: { ...request, inactivityMs: 40 },
        stop,
        stored: () => 5,
        progress: (event) => {
          end();
          progress(event);
        },
        expected: undefined,
      });
    });
    close();

    expect(seen).toEqual({ phase: 'dump', plainBytes: 10, storedBytes: 5 });
    expect(stop.signal.aborted).toBe(false);
  });
});

describe('keys to trust', () => {
  it('are not read from an ssh line that holds another kind of key', () => {
    const line = `ssh-ed25519 ${Buffer.alloc(51).toString('base64')}`;

    expect(() => parseTrustedKeys(line)).toThrow(expect.objectContaining({ code: 'usage' }));
  });
});
