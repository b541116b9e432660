import { afterEach, describe, expect, it } from '@jest/globals';
import { Failure, type FailureCode } from '../../src/domain/failure.ts';
import { backup } from '../../src/pipeline/backup.ts';
import type { VerifyRequest } from '../../src/pipeline/pipeline.ts';
import { verify } from '../../src/pipeline/verify.ts';
import { type StubBench, type StubBenchOptions, stubBench } from '../support/pipeline-bench.ts';
import { connectionTo, StubEngine } from '../support/stub-engine.ts';

const open: StubBench[] = [];
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

async function sealed(options: StubBenchOptions = {}) {
  const made = stubBench({ databaseBytes: 20_000, ...options });
  open.push(made);
  const manifest = await backup(made.needs, made.request);
  const at3 = (request: Partial<VerifyRequest> = {}) =>
    verify(made.needs, { manifest, level: 3, scratch: undefined, assertions: {}, ...request });
  return { made, manifest, at3 };
}

const reports = ({ storage }: StubBench) =>
  [...storage.objects].filter(([key]) => key.includes('/reports/')).map(([, { body }]) => JSON.parse(body.toString()));

describe('level 3', () => {
  it('on a server that was named uses a database of its own and removes it again', async () => {
    const { made, at3 } = await sealed();
    let during: string[] = [];
    made.engine.onRow = () => {
      during = [...made.engine.databases.keys()];
    };

    expect(await at3({ scratch: connectionTo('anything') })).toMatchObject({ status: 'good', reached: 3 });
    expect(during.find((name) => name !== 'shop')).toMatch(/^shop_verify_[0-9a-f]{10}$/);
    expect([...made.engine.databases.keys()]).toEqual(['shop']);
  });

  it('stays at 2 with the reason where there is no scratch server', async () => {
    const { made, at3 } = await sealed();
    made.engine.scratchRefused = new Failure('tool_missing', 'No postgres program was found.');

    const outcome = await at3();

    expect(outcome).toMatchObject({ status: 'good', reached: 2 });
    expect(outcome.reason).toContain('No postgres program was found.');
    expect(reports(made)[0]).toMatchObject({ asked: 3, reached: 2, status: 'good', reason: outcome.reason });
  });

  it('stays at 2 where the scratch server lacks something, and where there is no room', async () => {
    const { made, manifest, at3 } = await sealed();
    made.engine.planItems = [{ name: 'extension postgis', ok: false, detail: 'is missing.', blocks: true }];
    expect(await at3()).toMatchObject({ status: 'good', reached: 2, reason: expect.stringContaining('postgis') });
    made.engine.planItems = [];
    const huge = { ...manifest, body: { ...manifest.body, plain: { bytes: Number.MAX_SAFE_INTEGER } } };

    const { restoreToScratch } = await import('../../src/pipeline/scratch-check.ts');
    const second = { reached: 2, parsed: { tables: {}, values: {}, warnings: [] } } as const;
    const found = await restoreToScratch(
      made.needs,
      { manifest: huge, level: 3, scratch: undefined, assertions: {} },
      second,
    );

    expect(found).toMatchObject({ reached: 2, reason: expect.stringContaining('are free') });
  });

  it.each(['data', 'globals'] as const)('is not asked of a %s backup, and the reason is said', async (type) => {
    const { at3 } = await sealed({ request: { type } });

    expect(await at3()).toMatchObject({ reached: 2, reason: expect.stringContaining('Level 3 is not reached') });
  });

  it('F76 a copy that differs makes the backup suspect and says exactly what differs', async () => {
    class Forgetful extends StubEngine {
      change: (database: {
        tables: Record<string, string[]>;
        values: Record<string, string>;
        objects: Record<string, string>;
      }) => void = () => undefined;
      override async inventory(bench: unknown, source: ReturnType<typeof connectionTo>, content: 'counts' | 'digests') {
        if (source.database !== 'shop') this.change(this.databases.get(source.database)!);
        return super.inventory(bench, source, content);
      }
    }
    const cases: [string, Forgetful['change']][] = [
      ['content public.t0', ({ tables }) => void tables['public.t0']!.splice(3, 1, 'another row')],
      ['rows public.t1', ({ tables }) => void tables['public.t1']!.pop()],
      ['rows public.t2', ({ tables }) => void delete tables['public.t2']],
      ['value sequence public.s', ({ values }) => void Object.assign(values, { 'sequence public.s': '42,true' })],
      ['index public.t0_pkey', ({ objects }) => void delete objects['index public.t0_pkey']],
    ];
    for (const [what, change] of cases) {
      const engine = new Forgetful();
      const { made, at3 } = await sealed({ engine });
      engine.change = change;

      const outcome = await at3();

      expect(outcome.differences.map((difference) => difference.what)).toEqual([what]);
      expect(outcome).toMatchObject({ status: 'suspect', reached: 2 });
      expect(reports(made)[0]).toMatchObject({ status: 'suspect', differences: [expect.stringContaining(what)] });
    }
  });

  it('takes a sequence that moved on during the dump from the dump', async () => {
    const { made, manifest } = await sealed();
    const { inventory } = manifest.body;
    const earlier = { ...inventory, values: { 'sequence public.s': '40,true' } };
    const { seal, sealedSha256 } = await import('../../src/pipeline/seal.ts');
    const body = { ...manifest.body, inventory: earlier };
    await made.storage.put(manifest.key, Buffer.from(await seal(made.needs.signer, body)));
    const moved = { ...manifest, body, sha256: sealedSha256(body) };

    expect(await verify(made.needs, { manifest: moved, level: 3, scratch: undefined, assertions: {} })).toMatchObject({
      status: 'good',
      reached: 3,
      differences: [],
    });
  });

  it('compares tables that nobody counted with the dump, and those only there', async () => {
    const engine = new StubEngine();
    engine.uncounted = ['public.t1'];
    const { manifest, at3 } = await sealed({ engine });

    expect(Object.keys(manifest.body.inventory.tables)).not.toContain('public.t1');
    expect(await at3()).toMatchObject({ status: 'good', reached: 3 });
  });

  it('does not count what the engine accounts for, and passes its notices on', async () => {
    const engine = new StubEngine();
    engine.notices = ['The owner was mapped.'];
    const { at3 } = await sealed({ engine });

    expect(await at3()).toMatchObject({ status: 'good', notices: ['The owner was mapped.'] });
  });

  it('asks the statements it was given: each must say true in one row', async () => {
    const { made, at3 } = await sealed();
    for (const [statement, rows] of Object.entries({
      yes: [['t']],
      also: [['1']],
      no: [['f']],
      none: [],
      two: [['t'], ['t']],
      nothing: [[null]],
    })) {
      made.engine.queries.set(statement, rows);
    }

    const outcome = await at3({ assertions: { a: 'yes', b: 'also', c: 'no', d: 'none', e: 'two', f: 'nothing' } });

    expect(outcome.differences.map(({ what, found }) => [what, found])).toEqual([
      ['assertion c', 'f'],
      ['assertion d', '0 rows'],
      ['assertion e', '2 rows'],
      ['assertion f', 'null'],
    ]);
    expect(outcome.status).toBe('suspect');
  });

  it('that does not restore makes the backup suspect; a scratch server that fails does not', async () => {
    for (const [code, status] of [
      ['restore_failed', 'suspect'],
      ['disk_full', 'good'],
      ['database_unreachable', 'good'],
    ] as [FailureCode, string][]) {
      const { made, at3 } = await sealed();
      made.engine.onRow = () => {
        throw new Failure(code, 'injected');
      };

      expect(await at3({ scratch: connectionTo('anything') })).toMatchObject({ status, reached: 2 });
      expect([...made.engine.databases.keys()]).toEqual(['shop']);
    }
  });
});

describe('a verification', () => {
  it('leaves a signed report that names manifest, level and figures', async () => {
    const { made, manifest, at3 } = await sealed();
    await at3();

    expect(reports(made)[0]).toMatchObject({
      backup: manifest.body.backup,
      manifestSha256: manifest.sha256,
      asked: 3,
      reached: 3,
      status: 'good',
      plain: { bytes: manifest.body.plain.bytes, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      values: { 'sequence public.s': '41,true' },
      signature: { algorithm: 'ed25519' },
    });
  });

  it('says nothing of the backup where the store cannot be asked', async () => {
    const { made, manifest } = await sealed();
    made.storage.hook = ({ name }) => {
      if (name === 'read') throw new Failure('storage_unreachable', 'down');
    };

    await expect(verify(made.needs, { manifest, level: 2, scratch: undefined, assertions: {} })).rejects.toMatchObject({
      code: 'storage_unreachable',
    });
    expect(reports(made)).toEqual([]);
  });

  it('looks twice before it condemns: bytes that were wrong on their way once are no fault of the backup', async () => {
    const { made, manifest } = await sealed();
    const { body } = made.storage.objects.get(manifest.key.replace('manifest.json', 'dump.stub.zst'))!;
    let reads = 0;
    made.storage.hook = ({ name, when }) => {
      if (name !== 'read' || when !== 'before') return;
      reads += 1;
      if (reads <= 2) body[77]! ^= 1;
    };

    expect(await verify(made.needs, { manifest, level: 1, scratch: undefined, assertions: {} })).toMatchObject({
      status: 'stored',
    });
    expect(reads).toBe(2);
  });

  it('finds that the manifest in the store is gone or another one', async () => {
    const { made, manifest } = await sealed();
    const kept = made.storage.objects.get(manifest.key)!;
    const at1 = () => verify(made.needs, { manifest, level: 1, scratch: undefined, assertions: {} });

    kept.body = Buffer.from(kept.body.toString().replace('"attempt": 1', '"attempt": 2'));
    expect(await at1()).toMatchObject({ status: 'suspect', reached: 0 });
    made.storage.objects.delete(manifest.key);
    expect(await at1()).toMatchObject({ status: 'lost', reached: 0 });
  });

  it('reaches level 1 where the reader of the engine is missing', async () => {
    const { made, manifest } = await sealed();
    made.engine.parse = async () => {
      throw new Failure('tool_missing', 'pg_restore was not found.');
    };

    expect(await verify(made.needs, { manifest, level: 2, scratch: undefined, assertions: {} })).toMatchObject({
      status: 'stored',
      reached: 1,
      reason: 'pg_restore was not found.',
    });
  });

  it('that is cancelled is called cancelled and leaves no report', async () => {
    const { made, manifest } = await sealed();
    made.storage.hook = ({ name }) => {
      if (name === 'read') made.controller.abort();
    };

    await expect(verify(made.needs, { manifest, level: 2, scratch: undefined, assertions: {} })).rejects.toMatchObject({
      code: 'cancelled',
    });
    expect(reports(made)).toEqual([]);
  });
});
