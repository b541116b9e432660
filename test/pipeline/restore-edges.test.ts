import { afterEach, describe, expect, it } from '@jest/globals';
import { generateX25519Identity, identityToRecipient } from 'age-encryption';
import { Failure } from '../../src/domain/failure.ts';
import { Secret } from '../../src/domain/secret.ts';
import { backup } from '../../src/pipeline/backup.ts';
import { storedPlain } from '../../src/pipeline/decode.ts';
import type { RestoreJob, RestoreMode } from '../../src/pipeline/pipeline.ts';
import { planRestore, planRestorePlain, restore } from '../../src/pipeline/restore.ts';
import { type StubBench, type StubBenchOptions, stubBench } from '../support/pipeline-bench.ts';
import { connectionTo, dumpText, stubDatabase } from '../support/stub-engine.ts';

const open: StubBench[] = [];
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

const jobOf = (mode: RestoreMode): RestoreJob => ({
  target: connectionTo('shop'),
  mode,
  type: 'full',
  only: [],
  owners: true,
  acls: true,
  roles: {},
});
const fresh = jobOf({ kind: 'new', name: 'shop_copy' });
const inPlace = jobOf({ kind: 'in-place', confirm: 'shop' });

async function backedUp(options: StubBenchOptions = {}) {
  const made = stubBench({ databaseBytes: 20_000, ...options });
  open.push(made);
  const earlier = { ...made.needs, bench: { ...made.needs.bench, runId: 'earlier' } };
  const manifest = await backup(earlier, made.request);
  const text = (name: string) => dumpText(made.engine.databases.get(name) ?? { tables: {}, values: {}, objects: {} });
  return { made, manifest, text };
}

/** The engine that restores breaks with this error at its first row. */
function breaking({ engine }: StubBench, error: unknown): void {
  engine.onRow = () => {
    throw error;
  };
}

describe('a plan', () => {
  it('of a foreign dump knows no size, and otherwise says the same', async () => {
    const { made, manifest } = await backedUp();
    const origin = {
      type: 'full',
      flavour: 'Stub',
      serverVersion: '1.0',
      toolVersion: '1.0',
      database: 'old_shop',
      inventory: undefined,
    } as const;

    const plan = await planRestorePlain(made.needs, { plain: storedPlain(made.needs, manifest), origin }, fresh);

    expect(plan).toMatchObject({ sourceDatabase: 'old_shop', finalDatabase: 'shop_copy', plainBytes: undefined });
  });

  it('says what is in the way also where nothing is known to do about it', async () => {
    const { made, manifest } = await backedUp();
    const { admin } = made.engine;
    const exists = async () => {
      throw new Failure('database_unreachable', 'The server does not answer.');
    };
    made.engine.admin = () => ({ ...admin.call(made.engine), exists });

    const { items } = await planRestore(made.needs, manifest, inPlace);

    expect(items[0]).toEqual({ name: 'target', ok: false, detail: 'The server does not answer.', blocks: true });
  });

  it('is not made of an error that nobody expected', async () => {
    const { made, manifest } = await backedUp();
    const { admin } = made.engine;
    const exists = async () => {
      throw new TypeError('undefined is not a function');
    };
    made.engine.admin = () => ({ ...admin.call(made.engine), exists });

    await expect(planRestore(made.needs, manifest, inPlace)).rejects.toThrow('undefined is not a function');
  });
});

describe('a restore', () => {
  it('reads an encrypted backup with its identity', async () => {
    const identity = await generateX25519Identity();
    const { made, manifest, text } = await backedUp({ request: { recipients: [await identityToRecipient(identity)] } });

    await restore({ ...made.needs, identities: [new Secret(identity)] }, manifest, fresh);

    expect(text('shop_copy')).toBe(text('shop'));
  });

  it('that breaks unexpectedly is a failed restore with its cause', async () => {
    const { made, manifest } = await backedUp();
    breaking(made, new TypeError('undefined is not a function'));

    await expect(restore(made.needs, manifest, fresh)).rejects.toMatchObject({
      code: 'restore_failed',
      message: 'undefined is not a function',
    });
    expect([...made.engine.databases.keys()]).toEqual(['shop']);
  });

  it('whose engine was aborted is not called failed', async () => {
    const { made, manifest } = await backedUp();
    breaking(made, Object.assign(new Error('The operation was aborted'), { name: 'AbortError' }));

    await expect(restore(made.needs, manifest, fresh)).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('names an unfinished database that it could not drop', async () => {
    const { made, manifest } = await backedUp();
    const { admin } = made.engine;
    const drop = async () => {
      throw new Error('it is in use');
    };
    made.engine.admin = () => ({ ...admin.call(made.engine), drop });
    breaking(made, new Failure('restore_failed', 'The tool died.'));

    await expect(restore(made.needs, manifest, fresh)).rejects.toMatchObject({ code: 'restore_failed' });
    expect(made.notes).toContain(
      'The database shop_copy is an unfinished restore and could not be dropped: drop it by hand.',
    );
  });

  it('counts the differences that it does not list', async () => {
    const { made, manifest } = await backedUp();
    const inventory = made.engine.inventory.bind(made.engine);
    made.engine.inventory = async (bench, source, content) => ({
      ...(await inventory(bench, source, content)),
      tables: {},
      objects: {},
    });

    await expect(restore(made.needs, manifest, fresh)).rejects.toMatchObject({
      code: 'differences_found',
      message: expect.stringMatching(/, and [1-9]\d* more\.$/),
    });
  });
});

describe('a safety backup', () => {
  it('lies in the folder of the database that the catalog says is the target', async () => {
    const { made, manifest } = await backedUp();
    made.engine.databases.set('shop', stubDatabase(10, 'changed'));

    await restore(made.needs, manifest, { ...inPlace, databaseId: 'catalogued' });

    const manifests = [...made.storage.objects.keys()].filter((key) => key.endsWith('/manifest.json'));
    expect(manifests.filter((key) => key.startsWith('shop-catalogued/'))).toHaveLength(1);
    expect(manifests).toHaveLength(2);
  });
});

describe('a restore in place that fails', () => {
  it('into an empty database names no safety backup, since none was needed', async () => {
    const { made, manifest } = await backedUp();
    made.engine.databases.set('shop', { tables: {}, values: {}, objects: {} });
    const died = new Failure('restore_failed', 'The tool died.');
    breaking(made, died);

    await expect(restore(made.needs, manifest, inPlace)).rejects.toBe(died);
    expect(made.notes.join()).not.toContain('Backing up');
  });

  it('names the safety backup, also where there is nothing else to advise', async () => {
    const { made, manifest } = await backedUp();
    made.engine.databases.set('shop', stubDatabase(10_000, 'changed'));
    breaking(made, new Failure('restore_failed', 'The tool died.'));

    await expect(restore(made.needs, manifest, inPlace)).rejects.toMatchObject({
      code: 'restore_failed',
      remedy: expect.stringMatching(/^What was there before is backup \S+ in the same store\.$/),
    });
  });

  it('passes on an error that nobody expected as it is', async () => {
    const { made, manifest } = await backedUp();
    const broken = new TypeError('undefined is not a function');
    made.engine.inventory = async () => {
      throw broken;
    };

    await expect(restore(made.needs, manifest, inPlace)).rejects.toBe(broken);
  });
});
