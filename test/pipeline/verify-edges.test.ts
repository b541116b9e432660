import { afterEach, describe, expect, it } from '@jest/globals';
import { Failure } from '../../src/domain/failure.ts';
import type { Plain } from '../../src/engines/engine.ts';
import { backup } from '../../src/pipeline/backup.ts';
import { inventoryOf } from '../../src/pipeline/compare.ts';
import type { VerifyRequest } from '../../src/pipeline/pipeline.ts';
import { seal } from '../../src/pipeline/seal.ts';
import { verify } from '../../src/pipeline/verify.ts';
import { type StubBench, type StubBenchOptions, stubBench } from '../support/pipeline-bench.ts';

const open: StubBench[] = [];
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

async function sealed(options: StubBenchOptions = {}) {
  const made = stubBench({ databaseBytes: 20_000, ...options });
  open.push(made);
  const manifest = await backup(made.needs, made.request);
  const at = (level: VerifyRequest['level']) =>
    verify(made.needs, { manifest, level, scratch: undefined, assertions: {} });
  return { made, manifest, at };
}

describe('level 2', () => {
  it('reads on where the parser is content before the end, so that the hash is of all of it', async () => {
    const { made, manifest, at } = await sealed({ request: { plainHash: true } });
    const { tables } = inventoryOf(manifest.body);
    made.engine.parse = async (_bench: unknown, plain: Plain) => {
      for await (const _ of plain.bytes()) break;
      return { tables, values: {}, warnings: [] };
    };

    expect(await at(2)).toMatchObject({ reached: 2, plainSha256: manifest.body.plain.sha256 });
  });

  it('finds another manifest in the place of the one that was opened, though its signature is right', async () => {
    const { made, manifest, at } = await sealed();
    const body = { ...manifest.body, warnings: ['added later'] };
    await made.storage.put(manifest.key, Buffer.from(await seal(made.needs.signer, body)));

    expect(await at(2)).toMatchObject({
      status: 'suspect',
      reached: 0,
      reason: expect.stringContaining('is not the one that was opened'),
    });
  });
});

describe('level 3', () => {
  it('on a private server restores under the original name, since names inside the dump may say it', async () => {
    const { made, at } = await sealed();
    made.engine.databases.delete('shop');
    let during: string[] = [];
    made.engine.onRow = () => {
      during = [...made.engine.databases.keys()];
    };

    expect(await at(3)).toMatchObject({ status: 'good', reached: 3 });
    expect(during).toEqual(['shop']);
    expect(made.engine.databases.size).toBe(0);
  });

  it('restores a backup of the schema as such', async () => {
    const { made, at } = await sealed({ request: { type: 'schema' } });
    const types: string[] = [];
    const restore = made.engine.restore.bind(made.engine);
    made.engine.restore = (bench, plain, job) => {
      types.push((job.request as unknown as { type: string }).type);
      return restore(bench, plain, job);
    };

    expect(await at(3)).toMatchObject({ status: 'good', reached: 3 });
    expect(types).toEqual(['schema']);
  });

  it.each([
    [new TypeError('undefined is not a function'), { message: 'undefined is not a function' }],
    [new Failure('storage_unreachable', 'The store is down.'), { code: 'storage_unreachable' }],
  ])('says nothing of the backup where something else broke (%s)', async (broken, expected) => {
    const { made, at } = await sealed();
    made.engine.onRow = () => {
      throw broken;
    };

    await expect(at(3)).rejects.toMatchObject(expected);
    expect([...made.engine.databases.keys()]).toEqual(['shop']);
  });
});
