import { afterEach, describe, expect, it } from '@jest/globals';
import { backup } from '../../src/pipeline/backup.ts';
import { verify } from '../../src/pipeline/verify.ts';
import { realTools, type StubBench, type StubBenchOptions, stubBench } from '../support/pipeline-bench.ts';
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

describe('a backup', () => {
  it('is sealed, and reaches level 2 and 3', async () => {
    const { needs, request, storage, engine } = bench({ tools: await realTools(), databaseBytes: 3_000_000 });

    const manifest = await backup(needs, request);
    const second = await verify(needs, { manifest, level: 2, scratch: undefined, assertions: {} });
    const third = await verify(needs, { manifest, level: 3, scratch: undefined, assertions: {} });

    expect(manifest.body.plain.bytes).toBe(dumpText(engine.databases.get('shop')!).length);
    expect([...storage.objects.keys()].length).toBe(4);
    expect(second).toMatchObject({ status: 'good', reached: 2, differences: [] });
    expect(third).toMatchObject({ status: 'good', reached: 3, differences: [] });
    expect(storage.uploads.size).toBe(0);
  });
});
