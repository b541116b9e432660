import { describe, expect, it } from '@jest/globals';
import { RETRY_POLICY, Retrying } from '../../src/storage/retrying.ts';
import { codeOf } from './uploading.ts';

const QUICK = { baseMs: 0, capMs: 0 };
const always = () => 'retry' as const;

function failing(times: number): () => Promise<string> {
  let left = times;
  return async () => {
    left -= 1;
    if (left >= 0) throw new Error(`fails, ${left} to go`);
    return 'done';
  };
}

describe('repeating calls', () => {
  it('F25 gives every call at least ten tries', async () => {
    expect(RETRY_POLICY.attempts).toBeGreaterThanOrEqual(10);
    await expect(new Retrying(QUICK).run(failing(9), { judge: always })).resolves.toBe('done');
  });

  it('gives up after its last try with the last error', async () => {
    const retrying = new Retrying({ ...QUICK, attempts: 3 });

    await expect(retrying.run(failing(3), { judge: always })).rejects.toThrow('fails, 0 to go');
  });

  it('does not repeat what is final', async () => {
    let calls = 0;
    const work = new Retrying(QUICK).run(
      async () => {
        calls += 1;
        throw new Error('no');
      },
      { judge: () => 'final' },
    );

    await expect(work).rejects.toThrow('no');
    expect(calls).toBe(1);
  });

  it('F25 all calls share one bucket: with a store down, retries end long before tries times calls', async () => {
    const retrying = new Retrying({ ...QUICK, budget: 100, attempts: 12 });
    let calls = 0;

    await Promise.allSettled(
      Array.from({ length: 50 }, () =>
        retrying.run(
          async () => {
            calls += 1;
            throw new Error('down');
          },
          { judge: always },
        ),
      ),
    );

    expect(calls).toBe(50 + 100 / 5);
    expect(retrying.tokens).toBe(0);
  });

  it('a line that fails every other time never runs dry', async () => {
    const retrying = new Retrying({ ...QUICK, budget: 50 });

    for (let i = 0; i < 500; i += 1) await retrying.run(failing(1), { judge: always });

    expect(retrying.tokens).toBeGreaterThanOrEqual(45);
  });

  it('waits at random below a bound that doubles up to a cap, longer when throttled', async () => {
    const waits = async (verdict: 'retry' | 'throttled'): Promise<number> => {
      const retrying = new Retrying({ attempts: 4, baseMs: 10, capMs: 25 }, () => 1);
      const started = performance.now();
      await retrying.run(failing(3), { judge: () => verdict });
      return performance.now() - started;
    };

    expect(await waits('retry')).toBeGreaterThanOrEqual(10 + 20 + 25 - 5);
    expect(await waits('throttled')).toBeGreaterThanOrEqual(25 * 3 - 5);
  });

  it('ends a wait at once when its signal fires', async () => {
    const ending = new AbortController();
    const work = new Retrying({ baseMs: 60_000, capMs: 60_000 }, () => 1).run(failing(5), {
      judge: always,
      signal: ending.signal,
    });
    setTimeout(() => ending.abort(), 20);

    expect(await codeOf(work)).toBe('cancelled');
  });
});
