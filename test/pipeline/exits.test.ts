import { afterEach, describe, expect, it } from '@jest/globals';
import { backup } from '../../src/pipeline/backup.ts';
import type { BackupRequest } from '../../src/pipeline/pipeline.ts';
import { noTools, realTools, type StubBench, stubBench } from '../support/pipeline-bench.ts';
import { randomFrom, seed, sized } from '../support/size.ts';
import type { StubDump } from '../support/stub-engine.ts';

const open: StubBench[] = [];
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

const SIGNALS = ['KILL', 'SEGV', 'PIPE', 'TERM', 'HUP', 'ABRT', 'BUS', 'USR1'];
const ALGORITHMS = ['none', 'gzip', 'zstd'] as const;
const SIZE = 60_000;

describe('a dump that does not end well', () => {
  it('T3 is reported as failed for every random number of bytes and every exit or signal', async () => {
    const tools = await realTools();
    const random = randomFrom(seed);
    const total = sized(1_000, 10_000);
    const wrong: string[] = [];
    const one = async (n: number) => {
      const bytes = Math.floor(random() * (SIZE + 5_000));
      const end = random() < 0.5 ? { exit: 1 + Math.floor(random() * 255) } : { signal: SIGNALS[n % SIGNALS.length]! };
      // One in ten through the real compressor; the others are judged by the same code and cost less.
      const real = n % 10 === 0;
      const algorithm = real ? 'zstd' : ALGORITHMS[n % ALGORITHMS.length]!;
      const result = await attempt({ ...end, bytes }, { compression: { algorithm, level: 1 } }, real ? tools : noTools);
      if (result !== 'dump_failed, nothing left')
        wrong.push(`${JSON.stringify({ bytes, ...end, algorithm })}: ${result}`);
    };

    let next = 0;
    const lane = async () => {
      while (next < total) await one(next++);
    };
    await Promise.all([lane(), lane(), lane(), lane()]);

    expect(wrong).toEqual([]);
    console.log(`T3: ${total}/${total} reported, seed ${seed}`);
  }, 7_200_000);
});

async function attempt(dump: StubDump, request: Partial<BackupRequest>, tools: typeof noTools): Promise<string> {
  const made = stubBench({ databaseBytes: SIZE, tools, request });
  made.engine.dump = dump;
  try {
    const code = await backup(made.needs, made.request).then(
      () => 'success',
      (error: { code: string }) => error.code,
    );
    const left = made.storage.objects.size + made.storage.uploads.size;
    return `${code}, ${left === 0 ? 'nothing left' : `${left} left`}`;
  } finally {
    made.close();
  }
}
