import { afterEach, describe, expect, it } from '@jest/globals';
import { openOutlet } from '../../src/pipeline/kernel-pipe.ts';
import { type StubBench, stubBench } from '../support/pipeline-bench.ts';

const open: StubBench[] = [];
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

const HELLO = { program: '/bin/echo', args: ['hello'] };

/** A bench whose folder can hold a FIFO, or one where none can be made. */
function benchIn(fifo: boolean) {
  const made = stubBench();
  open.push(made);
  const { bench } = made.needs;
  return fifo ? bench : { ...bench, folder: `${bench.folder}/missing` };
}

async function started(fifo: boolean) {
  const bench = benchIn(fifo);
  const outlet = await openOutlet(bench);
  return { bench, outlet };
}

describe.each([
  ['a FIFO', true],
  ['a plain stream, where no FIFO can be made', false],
])('an outlet of %s', (_name, fifo) => {
  it('gives every byte that the child wrote', async () => {
    const { bench, outlet } = await started(fifo);
    const read: string[] = [];
    const child = bench.runner.start(HELLO, { stdout: outlet.stdout });

    await outlet.drain(child, async (chunk) => void read.push(chunk.toString()));

    expect(read.join('')).toBe('hello\n');
    expect(typeof outlet.stdout === 'number').toBe(fifo);
  });

  it.each(['at once', 'later'])('ends with the error of its reader that is thrown %s', async (when) => {
    const { bench, outlet } = await started(fifo);
    const child = bench.runner.start(HELLO, { stdout: outlet.stdout });
    const full = new Error('the store is full');

    const draining = outlet.drain(child, () => {
      if (when === 'at once') throw full;
      return Promise.reject(full);
    });

    await expect(draining).rejects.toBe(full);
    await child.ended;
  });

  it('can be closed for a child that was never started', async () => {
    const { outlet } = await started(fifo);

    expect(() => outlet.close()).not.toThrow();
  });
});

describe('an outlet without a FIFO', () => {
  it('is at its end at once where the child has no output', async () => {
    const { bench, outlet } = await started(false);
    const child = bench.runner.start(HELLO, { stdout: 'ignore' });
    const read: Buffer[] = [];

    await outlet.drain(child, async (chunk) => void read.push(chunk));

    expect(read).toEqual([]);
    expect(await child.ended).toMatchObject({ code: 0 });
  });
});
