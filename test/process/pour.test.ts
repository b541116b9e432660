import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { makeRunner } from '../../src/process/child.ts';
import { pour } from '../../src/process/pour.ts';
import { capture } from '../../src/process/run.ts';
import { describeWith } from '../support/need-programs.ts';

/** A source that counts what is asked of it and notices when it is left. */
function source(chunks: Iterable<Buffer>, problem?: Error) {
  const seen = { asked: 0, left: false };
  async function* all() {
    try {
      for (const chunk of chunks) {
        seen.asked += 1;
        yield chunk;
      }
      if (problem !== undefined) throw problem;
    } finally {
      seen.left = true;
    }
  }
  return { seen, chunks: all() };
}

describe('pouring a source into a program', () => {
  it('brings every byte, also through memory that is used again', async () => {
    const child = spawn('sha256sum', { stdio: ['pipe', 'pipe', 'inherit'] });
    const expected = createHash('sha256');
    const memory = Buffer.alloc(200_000);
    async function* reused() {
      for (let round = 0; round < 40; round += 1) {
        memory.fill(round);
        const piece = memory.subarray(0, 1 + round * 5_000);
        expected.update(piece);
        yield piece;
      }
    }
    const said = once(child.stdout, 'data');

    await pour(reused(), child.stdin);

    expect(String((await said)[0]).slice(0, 64)).toBe(expected.digest('hex'));
  });

  it('F23 asks for a chunk only when the one before has been taken', async () => {
    const taking: (() => void)[] = [];
    const slow = new Writable({ write: (_chunk, _encoding, done) => void taking.push(done) });
    const { seen, chunks } = source([Buffer.alloc(10), Buffer.alloc(10), Buffer.alloc(10)]);

    const poured = pour(chunks, slow);
    for (let taken = 1; taken <= 3; taken += 1) {
      await new Promise(setImmediate);
      expect(seen.asked).toBe(taken);
      taking.shift()?.();
    }

    await expect(poured).resolves.toBeUndefined();
  });

  it('destroys the writer with the source’s error', async () => {
    const writer = new Writable({ write: (_chunk, _encoding, done) => done() });
    const { chunks } = source([Buffer.alloc(1)], new Error('the store broke off'));

    await expect(pour(chunks, writer)).rejects.toThrow('the store broke off');

    expect(writer.destroyed).toBe(true);
  });

  it('leaves its source when the program ends in the middle, before the end or before the beginning', async () => {
    const endless = Array.from({ length: 10_000 }, () => Buffer.alloc(100_000));
    for (const many of [endless, [Buffer.alloc(10)], []]) {
      const child = spawn('true', { stdio: ['pipe', 'ignore', 'ignore'] });
      if (many !== endless) await once(child, 'close');
      const { seen, chunks } = source(many);

      await expect(pour(chunks, child.stdin)).rejects.toThrow();

      expect(seen.left).toBe(true);
      expect(seen.asked).toBeLessThan(1_000);
    }
  });

  it('does not wait for a program that ends while its input is being closed', async () => {
    const gone = new Writable({
      write: (_chunk, _encoding, done) => done(),
      final() {
        this.destroy();
      },
    });

    await expect(pour(source([Buffer.alloc(1)]).chunks, gone)).rejects.toThrow('closed before its end');
  });
});

describeWith(['stdbuf'], 'a program that reads little at a time', () => {
  it('is given larger buffers where it asks for them', async () => {
    const stdbuf = ['/usr/bin/stdbuf', '/usr/local/bin/stdbuf'].find(existsSync);
    const runner = makeRunner({ folder: '/tmp', user: undefined, setpriv: undefined, stdbuf });
    const said = async (wish: { bufferInput?: boolean; bufferOutput?: boolean }) =>
      (await capture(runner, { program: '/bin/sh', args: ['-c', 'echo "$_STDBUF_I $_STDBUF_O"'], ...wish })).stdout;

    expect(await said({})).toBe(' \n');
    expect(await said({ bufferInput: true })).toBe('131072 \n');
    expect(await said({ bufferInput: true, bufferOutput: true })).toBe('131072 1048576\n');
  });
});
