import { describe, expect, it } from '@jest/globals';
import { Copies, type Copy } from '../../src/pipeline/copies.ts';
import { MemoryStorage } from '../support/memory-storage.ts';

interface Behaviour {
  readonly write?: (chunk: Uint8Array) => Promise<void> | undefined;
  readonly finish?: () => Promise<unknown>;
}

const STORED = { bytes: 1 };
const copy = ({ write = () => undefined, finish = async () => STORED }: Behaviour = {}): Copy => ({
  storage: new MemoryStorage(),
  writer: { write, finish } as unknown as Copy['writer'],
});
const chunk = Buffer.from('x');
const fails = (error: Error) => () => {
  throw error;
};

describe('the copies of a dump', () => {
  it('go on without a store that fails, at once or later', async () => {
    const [one, two] = [new Error('one'), new Error('two')];
    const written: Uint8Array[] = [];
    const good = copy({ write: (piece) => void written.push(piece) });
    const copies = new Copies([copy({ write: fails(one) }), good, copy({ write: () => Promise.reject(two) })]);

    await copies.write(chunk);

    expect(copies.live()).toEqual([good]);
    expect(copies.all.map(({ failed }) => failed?.error)).toEqual([one, undefined, two]);
    // Who dropped out is written to no more.
    expect(copies.write(chunk)).toBeUndefined();
    expect(written).toEqual([chunk, chunk]);
    expect(await copies.finish()).toBe(STORED);
  });

  it('wait for the slowest', async () => {
    let release = () => {};
    const slow = new Promise<void>((resolve) => {
      release = resolve;
    });
    let over = false;
    const waiting = new Copies([copy(), copy({ write: () => slow })]).write(chunk)?.then(() => {
      over = true;
    });

    await new Promise((resolve) => setImmediate(resolve));
    expect(over).toBe(false);
    release();
    await waiting;
    expect(over).toBe(true);
  });

  it('end with the failure of the first when no store is left, at once or later', async () => {
    const [one, two] = [new Error('one'), new Error('two')];

    expect(() => new Copies([copy({ write: fails(one) }), copy({ write: fails(two) })]).write(chunk)).toThrow(one);
    const later = new Copies([copy({ write: () => Promise.reject(one) }), copy({ write: fails(two) })]);
    await expect(later.write(chunk)).rejects.toBe(one);
    expect([later.ended(one), later.ended(two), later.ended(new Error('one'))]).toEqual([true, true, false]);
  });

  it('have not ended by a failure while one store is left', () => {
    const error = new Error('one');
    const copies = new Copies([copy({ write: fails(error) }), copy()]);
    copies.write(chunk);

    expect(copies.ended(error)).toBe(false);
  });

  it('are finished when one of them is, and fail when none is', async () => {
    const one = new Error('one');
    const late = copy({ finish: () => Promise.reject(one) });

    expect(await new Copies([late, copy()]).finish()).toBe(STORED);
    expect(late.failed?.error).toBe(one);
    await expect(new Copies([copy({ finish: () => Promise.reject(one) })]).finish()).rejects.toBe(one);
    await expect(new Copies([]).finish()).rejects.toThrow('no copy was finished');
  });
});
