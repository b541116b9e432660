import { afterEach, describe, expect, it } from '@jest/globals';
import { backup } from '../../src/pipeline/backup.ts';
import { databaseFolder } from '../../src/pipeline/layout.ts';
import { findBackup } from '../../src/pipeline/list.ts';
import { restoreGlobals } from '../../src/pipeline/restore-globals.ts';
import { takeRunMarker } from '../../src/pipeline/run-marker.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { type StubBench, stubBench } from '../support/pipeline-bench.ts';
import { connectionTo, stubDatabase } from '../support/stub-engine.ts';

const open: StubBench[] = [];
afterEach(() => {
  for (const made of open.splice(0)) made.close();
});

const SERVER = connectionTo('');

async function saved(hosts = ['db.example']) {
  const storage = new MemoryStorage();
  const made = stubBench({ storage, databaseBytes: 2000 });
  open.push(made);
  made.engine.databases.set('', stubDatabase(2000, 'roles'));
  made.engine.globals = [{ name: 'role app', outcome: 'restored', detail: '' }];
  const manifests = [];
  for (const [n, host] of hosts.entries()) {
    const needs = { ...made.needs, bench: { ...made.needs.bench, runId: `r${n}` } };
    manifests.push(await backup(needs, { ...made.request, type: 'globals', source: { ...SERVER, host } }));
  }
  const manifest = manifests[0];
  if (manifest === undefined) throw new Error('no backup');
  return { made, storage, manifest };
}

describe('a restore of globals', () => {
  it('applies under the run marker of the server, and plans without one', async () => {
    const { made, manifest } = await saved();
    const lease = await takeRunMarker(made.needs, databaseFolder(SERVER));
    const other = { ...made.needs, bench: { ...made.needs.bench, runId: 'other' } };

    const plan = await restoreGlobals(other, manifest, { target: SERVER, apply: false });
    const held = restoreGlobals(other, manifest, { target: SERVER, apply: true });
    await expect(held).rejects.toMatchObject({ code: 'already_running' });
    await lease.release();
    const done = await restoreGlobals(other, manifest, { target: SERVER, apply: true });

    expect([plan, done]).toEqual([made.engine.globals, made.engine.globals]);
    expect(made.engine.globalsAsked).toEqual([false, true]);
    expect(await takeRunMarker(made.needs, databaseFolder(SERVER))).toBeDefined();
  });

  it('F70 asks the server nothing before every byte of the backup is checked', async () => {
    const { made, storage, manifest } = await saved();
    const key = [...storage.objects.keys()].find((name) => name.includes('dump.stub'));
    const stored = key === undefined ? undefined : storage.objects.get(key);
    if (key === undefined || stored === undefined) throw new Error('no dump');
    const body = Buffer.from(stored.body);
    body[body.length >> 1] = (body[body.length >> 1] ?? 0) ^ 1;
    storage.objects.set(key, { ...stored, body });

    const restored = restoreGlobals(made.needs, manifest, { target: SERVER, apply: true });

    await expect(restored).rejects.toMatchObject({ code: 'backup_damaged' });
    expect(made.engine.globalsAsked).toEqual([]);
  });

  it('refuses a backup of a database', async () => {
    const { made } = await saved();
    const manifest = await backup({ ...made.needs, bench: { ...made.needs.bench, runId: 'x' } }, made.request);

    const restored = restoreGlobals(made.needs, manifest, { target: SERVER, apply: true });

    await expect(restored).rejects.toMatchObject({ code: 'restore_refused' });
  });

  it('finds the newest of one server, none where there is none, and asks which of several', async () => {
    const one = await saved();
    const two = await saved(['a.example', 'b.example']);
    const none = stubBench({ storage: new MemoryStorage(), databaseBytes: 2000 });
    open.push(none);
    await backup(none.needs, none.request);

    const found = await findBackup(one.made.needs, 'latest', { globals: true });
    const several = findBackup(two.made.needs, 'latest', { globals: true });
    const nothing = findBackup(none.needs, 'latest', { globals: true });

    expect(found.manifest.body.backup).toBe(one.manifest.body.backup);
    await expect(several).rejects.toMatchObject({ code: 'usage', message: expect.stringContaining('b.example') });
    await expect(nothing).rejects.toMatchObject({
      code: 'not_found',
      remedy: expect.stringContaining('--all-databases'),
    });
  });
});
