import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption';
import { Failure } from '../../src/domain/failure.ts';
import { Secret } from '../../src/domain/secret.ts';
import { backup } from '../../src/pipeline/backup.ts';
import { storedPlain } from '../../src/pipeline/decode.ts';
import { foreignPlain } from '../../src/pipeline/foreign.ts';
import { databaseFolder } from '../../src/pipeline/layout.ts';
import type { RestoreJob, RestoreMode } from '../../src/pipeline/pipeline.ts';
import { planRestore, restore, restorePlain } from '../../src/pipeline/restore.ts';
import { derivedName } from '../../src/pipeline/restore-target.ts';
import { takeRunMarker } from '../../src/pipeline/run-marker.ts';
import { noTools, realTools, type StubBench, type StubBenchOptions, stubBench } from '../support/pipeline-bench.ts';
import { connectionTo, dumpText, stubDatabase } from '../support/stub-engine.ts';

const open: StubBench[] = [];
const bench = (options?: StubBenchOptions) => {
  const made = stubBench(options);
  open.push(made);
  return made;
};
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

const jobOf = (mode: RestoreMode, job: Partial<RestoreJob> = {}): RestoreJob => ({
  target: connectionTo('shop'),
  mode,
  type: 'full',
  only: [],
  owners: true,
  acls: true,
  roles: {},
  ...job,
});
const fresh = { kind: 'new', name: 'shop_copy' } as const;
const swap = { kind: 'swap', confirm: 'shop', disconnect: false } as const;
const inPlace = { kind: 'in-place', confirm: 'shop' } as const;

/** A backup of `shop`, which has changed since. */
async function backedUp(options: StubBenchOptions = {}) {
  const made = bench({ tools: await realTools(), ...options });
  const original = dumpText(made.engine.databases.get('shop')!);
  const earlier = { ...made.needs, bench: { ...made.needs.bench, runId: 'earlier' } };
  const manifest = await backup(earlier, made.request);
  const changed = stubDatabase(20_000, 'changed');
  made.engine.databases.set('shop', changed);
  const content = (name: string) => {
    const database = made.engine.databases.get(name);
    return database === undefined ? undefined : dumpText(database);
  };
  return { made, manifest, original, changed: dumpText(changed), content };
}

describe('a restore', () => {
  it.each([true, false])('into a new database leaves the target alone (through a program: %s)', async (viaCommand) => {
    for (const tools of [await realTools(), noTools]) {
      const { made, manifest, original, changed, content } = await backedUp({ tools });
      made.engine.viaCommand = viaCommand;

      const outcome = await restore(made.needs, manifest, jobOf(fresh));

      expect(outcome).toMatchObject({ database: 'shop_copy', kept: undefined, differences: [] });
      expect([content('shop_copy'), content('shop')]).toEqual([original, changed]);
    }
  });

  it('swaps, and keeps what was there under another name', async () => {
    const { made, manifest, original, changed, content } = await backedUp({
      now: () => new Date('2026-11-24T10:11:12Z'),
    });

    const outcome = await restore(made.needs, manifest, jobOf(swap));

    expect(outcome).toMatchObject({ database: 'shop', kept: 'shop_before_20261124101112' });
    expect([content('shop'), content('shop_before_20261124101112')]).toEqual([original, changed]);
    expect(made.engine.databases.size).toBe(2);
  });

  it('refuses a swap while sessions are open, lists them, and disconnects them where that is allowed', async () => {
    const { made, manifest, original, changed, content } = await backedUp();
    made.engine.openSessions.set('shop', ['pid 7 app web from 10.0.0.1']);

    const refused = restore(made.needs, manifest, jobOf(swap));
    await expect(refused).rejects.toMatchObject({ code: 'target_in_use' });
    await expect(refused).rejects.toThrow('pid 7 app web');
    expect(content('shop')).toBe(changed);
    expect(made.engine.databases.size).toBe(1);
    await restore(made.needs, manifest, jobOf({ ...swap, disconnect: true }));

    expect(content('shop')).toBe(original);
  });

  it('looks for sessions again right before the swap', async () => {
    const { made, manifest, changed, content } = await backedUp();
    made.engine.onRow = () => void made.engine.openSessions.set('shop', ['latecomer']);

    await expect(restore(made.needs, manifest, jobOf(swap))).rejects.toMatchObject({ code: 'target_in_use' });
    expect([content('shop'), made.engine.databases.size]).toEqual([changed, 1]);
  });

  it('in place makes a safety backup first, verified, and names it', async () => {
    const { made, manifest, original, content } = await backedUp();

    const outcome = await restore(made.needs, manifest, jobOf(inPlace));

    expect(content('shop')).toBe(original);
    expect(outcome.notices[0]).toMatch(/^What was there before is backup \d{8}t\d{6}-/);
    expect([...made.storage.objects.keys()].filter((key) => key.endsWith('manifest.json')).length).toBe(2);
  });

  it('in place does not begin where the safety backup cannot be proven', async () => {
    const { made, manifest, changed, content } = await backedUp();
    made.engine.dump = { bytes: 10_000 };

    await expect(restore(made.needs, manifest, jobOf(inPlace))).rejects.toMatchObject({ code: 'restore_refused' });
    expect(content('shop')).toBe(changed);
  });

  it('F73 in place and swap need the typed name of what is replaced', async () => {
    const { made, manifest, changed, content } = await backedUp();
    for (const mode of [swap, inPlace]) {
      for (const confirm of ['', 'Shop', 'shop ', 'shop_copy']) {
        await expect(restore(made.needs, manifest, jobOf({ ...mode, confirm }))).rejects.toMatchObject({
          code: 'confirmation_missing',
        });
      }
    }

    expect(content('shop')).toBe(changed);
  });

  it('F73 a new name that is taken by a database with content is refused, an empty one is used', async () => {
    const { made, manifest, original, content } = await backedUp();
    made.engine.databases.set('shop_copy', stubDatabase(1000, 'theirs'));
    const theirs = content('shop_copy');

    await expect(restore(made.needs, manifest, jobOf(fresh))).rejects.toMatchObject({ code: 'target_not_empty' });
    expect(content('shop_copy')).toBe(theirs);
    made.engine.databases.set('shop_copy', { tables: {}, values: {}, objects: {} });
    await restore(made.needs, manifest, jobOf(fresh));

    expect(content('shop_copy')).toBe(original);
  });

  it('F70 a damaged or truncated backup is refused before a byte reaches the target', async () => {
    const { made, manifest, changed, content } = await backedUp();
    const object = made.storage.objects.get(manifest.key.replace('manifest.json', 'dump.stub.zst'))!;
    let rows = 0;
    made.engine.onRow = () => {
      rows += 1;
    };
    const whole = object.body;
    for (const body of [
      whole.subarray(0, 1000),
      Buffer.concat([whole.subarray(0, -1), Buffer.from([whole.at(-1)! ^ 1])]),
    ]) {
      object.body = body;
      for (const mode of [fresh, swap, inPlace]) {
        await expect(restore(made.needs, manifest, jobOf(mode))).rejects.toMatchObject({ code: 'backup_damaged' });
      }
    }

    expect([rows, content('shop'), made.engine.databases.size]).toEqual([0, changed, 1]);
  });

  it('F70 a backup that changes between the check and the restore drops what was begun', async () => {
    for (const viaCommand of [true, false]) {
      const { made, manifest } = await backedUp();
      made.engine.viaCommand = viaCommand;
      const { body } = made.storage.objects.get(manifest.key.replace('manifest.json', 'dump.stub.zst'))!;
      let reads = 0;
      made.storage.hook = ({ name, when }) => {
        if (name === 'read' && when === 'before' && ++reads === 2) body[body.length - 2]! ^= 1;
      };

      await expect(restore(made.needs, manifest, jobOf(fresh))).rejects.toMatchObject({ code: 'backup_damaged' });
      expect([...made.engine.databases.keys()]).toEqual(['shop']);
    }
  });

  it('F70 a backup that decodes to another length than was sealed is not poured with success', async () => {
    for (const tools of [await realTools(), noTools]) {
      const { made, manifest } = await backedUp({ tools });
      const longer = { ...manifest, body: { ...manifest.body, plain: { bytes: manifest.body.plain.bytes + 1 } } };
      const command = { program: '/bin/cat', args: [] };

      await storedPlain(made.needs, manifest).into(command);
      await expect(storedPlain(made.needs, longer).into(command)).rejects.toMatchObject({ code: 'backup_damaged' });
    }
  });

  it('F74 what the engine sees in the way refuses the restore for free, and is in the plan', async () => {
    const { made, manifest } = await backedUp();
    made.engine.planItems = [
      { name: 'extension postgis', ok: false, detail: 'is not installed on the target.', blocks: true },
      { name: 'role anna', ok: false, detail: 'does not exist.', blocks: false },
    ];
    const reads = made.storage.calls.filter((call) => call === 'read').length;

    const plan = await planRestore(made.needs, manifest, jobOf(fresh));
    await expect(restore(made.needs, manifest, jobOf(fresh))).rejects.toMatchObject({ code: 'restore_refused' });

    expect(plan.items.filter(({ ok }) => !ok).map(({ name }) => name)).toEqual(['extension postgis', 'role anna']);
    expect(made.storage.calls.filter((call) => call === 'read').length).toBe(reads);
  });

  it('plans: where it goes, what is replaced, who is connected', async () => {
    const { made, manifest } = await backedUp({ now: () => new Date('2026-11-24T10:11:12Z') });
    made.engine.openSessions.set('shop', ['web']);

    const plan = await planRestore(made.needs, manifest, jobOf(swap));
    const place = await planRestore(made.needs, manifest, jobOf(inPlace));
    const absent = await planRestore(made.needs, manifest, jobOf(swap, { target: connectionTo('nowhere') }));

    expect(plan).toMatchObject({
      sourceDatabase: 'shop',
      targetDatabase: 'shop_restore_20261124101112',
      finalDatabase: 'shop',
      plainBytes: manifest.body.plain.bytes,
      replaces: ['shop gives way and is kept as shop_before_20261124101112.'],
    });
    expect(plan.items).toContainEqual({ name: 'sessions', ok: false, detail: 'web', blocks: true });
    expect(place.items).toContainEqual({ name: 'sessions', ok: false, detail: 'web', blocks: false });
    expect(absent.items[0]).toMatchObject({ name: 'target', ok: false, blocks: true });
    expect(made.engine.databases.size).toBe(1);
  });

  it('F75 one that fails or is cancelled midway leaves no new database and the old one as it was', async () => {
    for (const mode of [fresh, swap]) {
      for (const how of ['fails', 'cancelled']) {
        const { made, manifest, changed, content } = await backedUp();
        let rows = 0;
        made.engine.onRow = () => {
          rows += 1;
          if (rows !== 100) return;
          if (how === 'cancelled') made.controller.abort(new Failure('cancelled', 'stop'));
          throw new Failure('restore_failed', 'out of disk');
        };

        await expect(restore(made.needs, manifest, jobOf(mode))).rejects.toMatchObject({ code: 'restore_failed' });
        expect([content('shop'), made.engine.databases.size]).toEqual([changed, 1]);
        expect([...made.storage.objects.keys()].some((key) => key.endsWith('running.json'))).toBe(false);
      }
    }
  });

  it('F75 one in place that fails keeps the target where the engine can, and names the safety backup', async () => {
    const { made, manifest, changed, content } = await backedUp();
    made.engine.onRow = (row) => {
      if (row.startsWith('row 100 ')) throw new Failure('restore_failed', 'out of disk', { remedy: 'Free some.' });
    };

    const failed = restore(made.needs, manifest, jobOf(inPlace));

    await expect(failed).rejects.toMatchObject({
      code: 'restore_failed',
      remedy: expect.stringMatching(/^Free some. What was there before is backup \S+ in the same store/),
    });
    expect(content('shop')).toBe(changed);
  });

  it('is refused while a backup of the target runs, and a backup while it runs', async () => {
    const { made, manifest } = await backedUp();
    const folder = databaseFolder(connectionTo('shop'));
    const lease = await takeRunMarker(made.needs, folder);
    await expect(restore(made.needs, manifest, jobOf(swap))).rejects.toMatchObject({ code: 'already_running' });
    await lease.release();
    let second: unknown;
    made.engine.onRow = async () => {
      second ??= await takeRunMarker(made.needs, folder).catch((error: Failure) => error.code);
    };

    await restore(made.needs, manifest, jobOf(swap));

    expect(second).toBe('already_running');
  });

  it('whose rows are not those of the manifest fails and is not put to use', async () => {
    const { made, manifest, changed, content } = await backedUp();
    const { inventory } = manifest.body;
    const tables = { ...inventory.tables, 'public.t9': { rows: 4 } };
    const promised = { ...manifest, body: { ...manifest.body, inventory: { ...inventory, tables } } };

    await expect(restore(made.needs, promised, jobOf(swap))).rejects.toMatchObject({ code: 'differences_found' });
    expect([content('shop'), made.engine.databases.size]).toEqual([changed, 1]);
  });

  it('of some tables compares those only', async () => {
    const { made, manifest } = await backedUp();

    const outcome = await restore(made.needs, manifest, jobOf(fresh, { only: ['public.t1'] }));

    expect(Object.keys(outcome.tables)).toEqual(['public.t1']);
  });

  it('reports what the engine mapped or left out, and does not count it as a difference', async () => {
    const { made, manifest } = await backedUp();
    made.engine.notices = ['The index t0_pkey was left out.'];
    const { inventory } = manifest.body;
    const objects = { ...inventory.objects, 'extension postgis': '11' };
    const promised = { ...manifest, body: { ...manifest.body, inventory: { ...inventory, objects } } };

    await expect(restore(made.needs, promised, jobOf(fresh))).rejects.toMatchObject({ code: 'differences_found' });
    made.engine.accounted = ['extension *'];
    const outcome = await restore(made.needs, promised, jobOf(fresh));

    expect(outcome).toMatchObject({ notices: ['The index t0_pkey was left out.'], differences: [] });
  });
});

describe('a restore of a foreign dump', () => {
  const fileOf = (content: Uint8Array | string) => {
    const file = join(mkdtempSync(join(tmpdir(), 'foreign-')), 'dump');
    writeFileSync(file, content);
    return file;
  };
  const origin = {
    type: 'full',
    flavour: '',
    serverVersion: '',
    toolVersion: '',
    database: '',
    inventory: undefined,
  } as const;

  it('reads plain, gzip, zstd and age files by their first bytes', async () => {
    const identity = await generateX25519Identity();
    const encrypter = new Encrypter();
    encrypter.addRecipient(await identityToRecipient(identity));
    const text = dumpText(stubDatabase(30_000, 'foreign'));
    const forms = [text, gzipSync(text), zstdCompressSync(text), await encrypter.encrypt(gzipSync(text))];
    for (const form of forms) {
      const made = bench({ tools: await realTools() });
      const plain = await foreignPlain({ bench: made.needs.bench, identities: [new Secret(identity)] }, fileOf(form));

      const outcome = await restorePlain(made.needs, { plain, origin }, jobOf(fresh));

      expect(outcome.differences).toEqual([]);
      expect(dumpText(made.engine.databases.get('shop_copy')!)).toBe(text);
    }
  });

  it('is refused before a byte reaches the target when its own parser does not get to its end', async () => {
    const text = dumpText(stubDatabase(30_000, 'foreign'));
    const gzip = gzipSync(text);
    for (const cut of [text.slice(0, 20_000), gzip.subarray(0, 5_000)]) {
      const made = bench({ tools: await realTools() });
      const plain = await foreignPlain(made.needs, fileOf(cut));

      await expect(restorePlain(made.needs, { plain, origin }, jobOf(fresh))).rejects.toMatchObject({
        code: expect.stringMatching(/dump_incomplete|backup_damaged/),
      });
      expect(made.engine.databases.has('shop_copy')).toBe(false);
    }
  });

  it('says what to do about forms it does not read, folders and missing files', async () => {
    const { needs } = bench();
    const xz = Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0]);

    const plain = await foreignPlain(needs, fileOf(xz));
    const reading = (async () => {
      for await (const _ of plain.bytes()) void _;
    })();

    await expect(reading).rejects.toMatchObject({ code: 'usage', remedy: expect.stringContaining('xz -d') });
    await expect(foreignPlain(needs, tmpdir())).rejects.toMatchObject({ code: 'usage' });
    await expect(foreignPlain(needs, '/nowhere/dump')).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a derived name', () => {
  it('fits every engine, also where letters take several bytes', () => {
    const now = new Date('2026-11-24T10:11:12Z');

    expect(derivedName('shop', 'before', now)).toBe('shop_before_20261124101112');
    expect(Buffer.byteLength(derivedName('ä'.repeat(40), 'restore', now))).toBeLessThanOrEqual(63);
    expect(derivedName('ä'.repeat(40), 'restore', now)).toMatch(/^ä{19,20}_restore_/);
  });
});
