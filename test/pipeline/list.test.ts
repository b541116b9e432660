import { generateKeyPairSync } from 'node:crypto';
import { afterEach, describe, expect, it } from '@jest/globals';
import { Failure } from '../../src/domain/failure.ts';
import { backup } from '../../src/pipeline/backup.ts';
import { findBackup, listBackups, surveyStore } from '../../src/pipeline/list.ts';
import type { TrustedManifest } from '../../src/pipeline/pipeline.ts';
import { signerOf } from '../../src/pipeline/seal.ts';
import { verify } from '../../src/pipeline/verify.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { type StubBench, stubBench } from '../support/pipeline-bench.ts';
import { connectionTo, stubDatabase } from '../support/stub-engine.ts';

const open: StubBench[] = [];
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

/** A store with as many backups as asked for, oldest first, an hour apart. */
async function storeOf(count: number, databases = ['shop']) {
  const clock = { now: Date.parse('2026-11-24T10:00:00Z') };
  const storage = new MemoryStorage();
  const now = () => new Date(clock.now);
  const made = stubBench({ storage, now, databaseBytes: 3000 });
  open.push(made);
  const manifests: TrustedManifest[] = [];
  for (let n = 0; n < count; n += 1) {
    clock.now += 3_600_000;
    const name = databases[n % databases.length]!;
    made.engine.databases.set(name, stubDatabase(3000, name));
    const bench = { ...made.needs.bench, runId: `r${n}` };
    const openDump = made.engine.openDump.bind(made.engine);
    made.engine.openDump = async (...args) => ({ ...(await openDump(...args)), snapshotAt: now() });
    manifests.push(await backup({ ...made.needs, bench }, { ...made.request, source: connectionTo(name) }));
    made.engine.openDump = openDump;
  }
  const check = (n: number, level: 1 | 2 | 3) => {
    clock.now += 1000;
    return verify(made.needs, { manifest: manifests[n]!, level, scratch: undefined, assertions: {} });
  };
  return { made, storage, clock, manifests, check, ids: manifests.map(({ body }) => body.backup) };
}

describe('the list of backups', () => {
  it('is newest first, each with the status of its reports', async () => {
    const { made, check, ids } = await storeOf(3);
    await check(0, 3);
    await check(1, 1);

    const list = await listBackups(made.needs);

    expect(list.map(({ manifest, status, level }) => [manifest.body.backup, status, level])).toEqual([
      [ids[2], 'sealed', 0],
      [ids[1], 'stored', 1],
      [ids[0], 'good', 3],
    ]);
    expect(list[2]?.verifiedAt?.toISOString()).toBe('2026-11-24T13:00:01.000Z');
  });

  it('names the tables of a tool that counts nothing as soon as the decoded dump has been read', async () => {
    const { made, clock } = await storeOf(0);
    made.engine.uncounted = ['public.t1'];
    const manifest = await backup(made.needs, made.request);
    const [before] = await listBackups(made.needs);
    clock.now += 1000;
    await verify(made.needs, { manifest, level: 2, scratch: undefined, assertions: {} });
    const [after] = await listBackups(made.needs);

    expect(Object.keys(before?.tables ?? {})).not.toContain('public.t1');
    expect(after?.tables['public.t1']?.rows).toBeGreaterThan(0);
  });

  it('does not call a good backup less because of a later, lesser check', async () => {
    const { made, check } = await storeOf(1);
    await check(0, 2);
    await check(0, 1);

    expect((await listBackups(made.needs))[0]).toMatchObject({ status: 'good', level: 2 });
  });

  it('calls a backup suspect from the check that found it so, and good again only after a later one', async () => {
    const { made, storage, manifests, check } = await storeOf(1);
    await check(0, 3);
    const { body } = storage.objects.get(manifests[0]!.key.replace('manifest.json', 'dump.stub.zst'))!;
    body[100]! ^= 1;
    await check(0, 1);
    expect((await listBackups(made.needs))[0]).toMatchObject({ status: 'suspect', level: 0 });
    body[100]! ^= 1;
    await check(0, 1);

    expect((await listBackups(made.needs))[0]).toMatchObject({ status: 'stored', level: 1 });
  });

  it('names what cannot be trusted, and takes no report of another manifest or signer for its own', async () => {
    const { made, storage, manifests, check } = await storeOf(2);
    const stranger = signerOf(generateKeyPairSync('ed25519').privateKey);
    await check(0, 2);
    const report = [...storage.objects.keys()].find((key) => key.includes('/reports/'))!;
    const moved = manifests[1]!.key.replace('manifest.json', 'reports/20991231T000000000Z-3.json');
    await storage.put(moved, storage.objects.get(report)!.body);
    const theirs = { ...made.needs, signer: stranger };
    await verify(theirs, { manifest: manifests[1]!, level: 3, scratch: undefined, assertions: {} });
    await storage.put('other/2026/11/24T000000Z-x/manifest.json', Buffer.from('{"signature":{}}'));

    const { backups, problems } = await surveyStore(made.needs);

    expect(backups.map(({ status }) => status)).toEqual(['sealed', 'good']);
    expect(problems.map(({ failure }) => failure.code).sort()).toEqual(['manifest_invalid', 'signer_unknown']);
  });

  it('shows a manifest of an unknown signer as a problem, and as unsigned only where that is accepted', async () => {
    const { made } = await storeOf(1);
    const needs = { storage: made.storage, trusted: [] };

    const survey = await surveyStore(needs);

    expect([survey.backups.length, survey.problems[0]?.failure.code]).toEqual([0, 'signer_unknown']);
    expect((await surveyStore({ ...needs, acceptUnsigned: true })).backups[0]?.manifest.signed).toBe(false);
    await expect(findBackup(needs, 'latest')).rejects.toMatchObject({ code: 'signer_unknown' });
  });

  it('sees a volume that is shorter than sealed without reading it', async () => {
    const { made, storage, manifests } = await storeOf(1);
    const kept = storage.objects.get(manifests[0]!.key.replace('manifest.json', 'dump.stub.zst'))!;
    kept.body = kept.body.subarray(1);

    expect((await listBackups(made.needs))[0]).toMatchObject({ status: 'suspect', level: 0 });
  });

  it('shows run markers and what a probe left neither as backups nor as leftovers', async () => {
    const { made, storage } = await storeOf(1);
    await storage.put('database-dump-probe/1', Buffer.from('probe'));
    await storage.put('shop-1/running.json', Buffer.from('{}'));

    expect(await surveyStore(made.needs)).toMatchObject({ leftovers: [], problems: [] });
  });

  it('stops where the store fails for another reason', async () => {
    const { made, storage } = await storeOf(1);
    storage.hook = ({ name }) => {
      if (name === 'get') throw new Error('bug');
    };
    await expect(listBackups(made.needs)).rejects.toThrow('bug');
    storage.hook = undefined;
    storage.get = async () => undefined;

    expect((await surveyStore(made.needs)).problems[0]?.failure.code).toBe('backup_lost');
  });
});

describe('finding a backup', () => {
  it('goes by id and by a beginning that only one has', async () => {
    const { made, ids } = await storeOf(3);

    expect((await findBackup(made.needs, ids[1]!)).manifest.body.backup).toBe(ids[1]);
    expect((await findBackup(made.needs, ids[1]!.slice(0, 14))).manifest.body.backup).toBe(ids[1]);
    await expect(findBackup(made.needs, '2026')).rejects.toMatchObject({ code: 'usage' });
    for (const wrong of ['nothing', '', 'latest-x']) {
      await expect(findBackup(made.needs, wrong)).rejects.toMatchObject({ code: 'not_found' });
    }
  });

  it('takes the newest good one for the latest, and the newest at all where that is asked for', async () => {
    const { made, check, ids } = await storeOf(3);
    const latest = async (prefer?: 'newest') =>
      (await findBackup(made.needs, 'latest', prefer === undefined ? {} : { prefer })).manifest.body.backup;

    expect(await latest()).toBe(ids[2]);
    await check(0, 2);
    await check(1, 2);
    expect(await latest()).toBe(ids[1]);
    expect(await latest('newest')).toBe(ids[2]);
  });

  it('never takes a lost or suspect one for the latest', async () => {
    const { made, storage, manifests, ids } = await storeOf(2);
    storage.objects.delete(manifests[1]!.key.replace('manifest.json', 'dump.stub.zst'));

    expect((await findBackup(made.needs, 'latest')).manifest.body.backup).toBe(ids[0]);
    storage.objects.delete(manifests[0]!.key.replace('manifest.json', 'dump.stub.zst'));
    await expect(findBackup(made.needs, 'latest')).rejects.toBeInstanceOf(Failure);
  });

  it('asks which database is meant where there are several', async () => {
    const { made, ids } = await storeOf(2, ['shop', 'blog']);

    const asked = findBackup(made.needs, 'latest');

    await expect(asked).rejects.toMatchObject({ code: 'usage', remedy: expect.stringContaining('latest:shop') });
    expect((await findBackup(made.needs, 'latest:shop')).manifest.body.backup).toBe(ids[0]);
  });
});
