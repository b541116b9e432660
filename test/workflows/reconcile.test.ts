import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type BackupRow, getBackup, judgeBackup } from '../../src/catalog/repositories/backups.ts';
import { insertRun } from '../../src/catalog/repositories/runs.ts';
import { Failure } from '../../src/domain/failure.ts';
import { backup } from '../../src/pipeline/backup.ts';
import { verify } from '../../src/pipeline/verify.ts';
import type { Runtime } from '../../src/runtime/runtime.ts';
import { reconcile } from '../../src/workflows/reconcile/reconcile.ts';
import { reconcileSteps } from '../../src/workflows/reconcile/steps.ts';
import { applyRetention } from '../../src/workflows/retention/apply.ts';
import { MemoryStorage } from '../support/memory-storage.ts';
import { newOwner, type Person, startWorld, verifiedPlaces, type World } from '../support/operations-world.ts';
import { realTools, type StubBench, signer, stubBench } from '../support/pipeline-bench.ts';

const DAY_MS = 86_400_000;
const NONE = { adopted: 0, lost: 0, suspect: 0, archived: 0, found: 0, aborted: 0, removed: 0, waiting: 0 };

/** A store that says of some keys that they must be thawed first. */
class Glacier extends MemoryStorage {
  readonly frozen = new Set<string>();
  override async head(key: string) {
    const stat = await super.head(key);
    return stat !== undefined && this.frozen.has(key) ? { ...stat, archivedAs: 'GLACIER' } : stat;
  }
}

let world: World;
let owner: Person;
let storage: Glacier;
let runtime: Runtime;
let places: { databaseId: string; destinationId: string };
const benches: StubBench[] = [];

beforeAll(async () => {
  world = await startWorld();
});
afterAll(() => world.stop());
beforeEach(async () => {
  owner = await newOwner(world);
  places = await verifiedPlaces(owner);
  storage = new Glacier();
  runtime = { ...world.runtime, trusted: [signer.publicKey], openStorage: async () => storage };
});
afterEach(() => {
  for (const made of benches.splice(0)) made.close();
});

const look = () => reconcile(runtime, { ...owner, tenantId: owner.tenantId, ...places, runId: randomUUID() });
const rows = () => owner.within((trx) => trx.selectFrom('backups').selectAll().orderBy('snapshot_at').execute());
const states = async () => (await rows()).map(({ state, level }) => `${state} ${level}`);
const first = async (): Promise<BackupRow> => {
  const [row] = await rows();
  if (row === undefined) throw new Error('there is no backup');
  return row;
};
const volumeOf = ({ key }: BackupRow) =>
  [...storage.objects.keys()].find((k) => k.startsWith(key.slice(0, -13)) && k.includes('/dump.')) ?? '';
const audited = (action: string) =>
  owner.within((trx) => trx.selectFrom('audit_events').select('object').where('action', '=', action).execute());

/** A backup in the store, as a run leaves it that ended before its record. */
async function seal(options: { readonly level?: 1 | 2; readonly daysAgo?: number; readonly runId?: string } = {}) {
  const at = new Date(Date.now() - (options.daysAgo ?? 0) * DAY_MS);
  const made = stubBench({
    storage,
    tools: await realTools(),
    databaseBytes: 20_000,
    runId: options.runId ?? randomUUID(),
    request: { databaseId: places.databaseId },
    now: () => at,
  });
  benches.push(made);
  const manifest = await backup(made.needs, made.request);
  if (options.level === undefined) return manifest;
  const outcome = await verify(made.needs, { manifest, level: options.level, scratch: undefined, assertions: {} });
  expect(outcome.status).toBe(options.level === 2 ? 'good' : 'stored');
  return manifest;
}

describe('a destination is compared with the catalog', () => {
  it('F58 T18 adopts every sealed backup that an older catalog does not know, as good as its reports say', async () => {
    for (const daysAgo of [5, 4, 3]) await seal({ level: 2, daysAgo });
    await seal({ level: 1, daysAgo: 2 });
    await seal({ daysAgo: 1 });

    expect(await look()).toEqual({ ...NONE, adopted: 5 });
    expect(await states()).toEqual(['good 2', 'good 2', 'good 2', 'stored 1', 'sealed 0']);
    expect(await look()).toEqual(NONE);
    expect((await rows()).every(({ database_id: id }) => id === places.databaseId)).toBe(true);
    expect(await audited('backups.adopt')).toHaveLength(5);
  });

  it('T18 the catalog of an older day costs no good backup: what it forgot is adopted, and retention counts it', async () => {
    for (const daysAgo of [6, 5, 4, 3, 2, 1]) await seal({ level: 2, daysAgo });
    await look();
    const before = (await rows()).map(({ key }) => key);
    const newer = (await rows()).slice(3).map(({ id }) => id);
    await owner.within((trx) => trx.deleteFrom('backups').where('id', 'in', newer).execute());

    expect(await look()).toEqual({ ...NONE, adopted: 3 });
    expect((await rows()).map(({ key }) => key)).toEqual(before);
    const scope = { databaseId: places.databaseId, destinationId: places.destinationId };
    const marked = await applyRetention(runtime, {
      tenantId: owner.tenantId,
      runId: randomUUID(),
      ...scope,
      retention: { keepLast: 3 },
      zone: 'UTC',
    });

    const kept = (await rows()).filter(({ id }) => !marked.includes(id)).map(({ key }) => key);
    expect(kept).toEqual(before.slice(3));
    expect(storage.objects.has(before[0] ?? '')).toBe(true);
  });

  it('F57 leaves to a live run what it has sealed and not yet recorded', async () => {
    const id = randomUUID();
    const run = { tenantId: owner.tenantId, id, kind: 'backup', trigger: 'manual', request: {} } as const;
    await owner.within((trx) => insertRun(trx, { ...run, databaseId: places.databaseId }));
    await seal({ runId: id, level: 2 });

    expect(await look()).toEqual(NONE);
    await owner.within((trx) => trx.updateTable('runs').set({ state: 'interrupted' }).where('id', '=', id).execute());
    expect(await look()).toEqual({ ...NONE, adopted: 1 });
    expect((await first()).run_id).toBe(id);
  });

  it.each([
    ['a volume', (row: BackupRow) => volumeOf(row)],
    ['its manifest', (row: BackupRow) => row.key],
  ])('F41 a backup whose store lost %s is lost, told once, and good again when it is back', async (_what, keyOf) => {
    const channel = { kind: 'email', to: ['a@example.org'] };
    await owner.ask('channels.create', { body: { name: 'mail', target: channel } });
    await seal({ level: 2 });
    await look();
    const row = await first();
    const key = keyOf(row);
    const kept = storage.objects.get(key);
    if (kept === undefined) throw new Error(`no ${key}`);
    storage.objects.delete(key);

    expect(await look()).toMatchObject({ lost: 1 });
    expect(await look()).toMatchObject({ lost: 0 });
    expect(await states()).toEqual(['lost 0']);
    const told = await owner.within((trx) => trx.selectFrom('outbox').select(['event', 'payload']).execute());
    expect(told.map(({ event, payload }) => [event, (payload as { data: { state: string } }).data.state])).toEqual([
      ['verification.failed', 'lost'],
    ]);

    storage.objects.set(key, kept);
    expect(await look()).toMatchObject({ found: 1 });
    expect(await states()).toEqual(['good 2']);
  });

  it('F39 a manifest that was changed after it was signed makes its backup suspect', async () => {
    await seal({ level: 2 });
    await look();
    const { key } = await first();
    const kept = storage.objects.get(key);
    if (kept === undefined) throw new Error(`no ${key}`);
    kept.body = Buffer.from(kept.body.toString().replace('"attempt": 1', '"attempt": 2'));

    expect(await look()).toMatchObject({ suspect: 1, adopted: 0 });
    expect(await states()).toEqual(['suspect 0']);
  });

  it('F42 what a lifecycle rule has archived is archived, not good, until it is thawed', async () => {
    await seal({ level: 2 });
    await look();
    storage.frozen.add(volumeOf(await first()));

    expect(await look()).toMatchObject({ archived: 1 });
    expect((await first()).state).toBe('archived');
    storage.frozen.clear();
    expect(await look()).toMatchObject({ found: 1 });
    expect(await states()).toEqual(['good 2']);
  });

  it('F64 what is on its way out, or gone, stays so', async () => {
    await seal({ level: 2, daysAgo: 2 });
    await seal({ level: 2, daysAgo: 1 });
    await look();
    const [old, kept] = await rows();
    await owner.within((trx) =>
      trx
        .updateTable('backups')
        .set({ state: 'deleting', state_before: 'good', delete_after: new Date() })
        .where('id', '=', old?.id ?? '')
        .execute(),
    );
    storage.objects.delete(old?.key ?? '');

    expect(await look()).toMatchObject({ lost: 0, adopted: 0 });
    expect((await rows()).map(({ state }) => state)).toEqual(['deleting', 'good']);
    expect(kept?.state).toBe('good');
  });

  it('a backup that is suspect stays so, however whole it looks', async () => {
    await seal({ level: 2 });
    await look();
    const { id } = await first();
    await owner.within((trx) => judgeBackup(trx, { id, state: 'suspect', level: 0 }));

    expect(await look()).toEqual(NONE);
    expect((await owner.within((trx) => getBackup(trx, id)))?.state).toBe('suspect');
  });
});

describe('what runs left behind', () => {
  const folder = (runId: string) => `shop-1/2026/11/24T101112Z-${runId}`;
  const endedRun = async (state: 'interrupted' | 'running') => {
    const id = randomUUID();
    await owner.within(async (trx) => {
      await insertRun(trx, { tenantId: owner.tenantId, id, kind: 'backup', trigger: 'manual', request: {} });
      await trx.updateTable('runs').set({ state }).where('id', '=', id).execute();
    });
    return id;
  };
  const age = (days: number) => {
    storage.offsetMs += days * DAY_MS;
  };

  it('F26 uploads of ended runs are aborted, those of live ones and young ones of strangers are not', async () => {
    const [dead, live, stranger] = [await endedRun('interrupted'), await endedRun('running'), randomUUID()];
    for (const id of [dead, live, stranger]) await storage.upload(`${folder(id)}/dump.stub.zst`, {});

    expect(await look()).toEqual({ ...NONE, aborted: 1 });
    expect([...storage.uploads.values()].map(({ key }) => key)).toEqual(
      [live, stranger].map((id) => `${folder(id)}/dump.stub.zst`),
    );
    age(3);
    expect(await look()).toEqual({ ...NONE, aborted: 1 });
    expect([...storage.uploads.values()].map(({ key }) => key)).toEqual([`${folder(live)}/dump.stub.zst`]);
  });

  it('F26 a later attempt of a run is the same run', async () => {
    const live = await endedRun('running');
    await storage.upload(`${folder(live)}-2/dump.stub.zst`, {});
    age(30);

    expect(await look()).toEqual(NONE);
  });

  it('F58 volumes without a manifest wait seven days, then go; what else lies there is the client’s', async () => {
    const dead = await endedRun('interrupted');
    for (const name of ['dump.stub.zst', 'notes.txt']) await storage.put(`${folder(dead)}/${name}`, Buffer.from('x'));
    await storage.put('somewhere/dump.else', Buffer.from('x'));

    expect(await look()).toMatchObject({ removed: 0, waiting: 3 });
    age(8);
    expect(await look()).toMatchObject({ removed: 1, waiting: 2 });
    expect([...storage.objects.keys()].sort()).toEqual([`${folder(dead)}/notes.txt`, 'somewhere/dump.else']);
  });

  it('a backup by hand that shows a sign of life keeps everything of its database', async () => {
    const stranger = randomUUID();
    await storage.upload(`${folder(stranger)}/dump.stub.zst`, {});
    await storage.put(`${folder(stranger)}/dump.stub.zst`, Buffer.from('x'));
    age(9);
    await storage.put('shop-1/running.json', Buffer.from('{}'));

    expect(await look()).toMatchObject({ aborted: 0, removed: 0 });
    age(1);
    expect(await look()).toMatchObject({ aborted: 1, removed: 1 });
  });

  it('F37 a role that may not delete does not keep the others from being looked at', async () => {
    const dead = await endedRun('interrupted');
    await storage.put(`${folder(dead)}/dump.stub.zst`, Buffer.from('x'));
    await seal({ level: 2 });
    age(8);
    const readable = storage;
    runtime = {
      ...runtime,
      openStorage: async ({ purpose }) => {
        if (purpose === 'read') return readable;
        throw new Failure('storage_denied', 'There is no such role.', { remedy: 'Add it.' });
      },
    };

    expect(await look()).toMatchObject({ adopted: 1, aborted: 0, removed: 0, waiting: 1 });
  });
});

describe('the workflow', () => {
  it('claims its run, reports in counts, and ends it', async () => {
    await seal({ level: 2 });
    const id = randomUUID();
    const request = { destinationId: places.destinationId };
    await owner.within((trx) =>
      insertRun(trx, { tenantId: owner.tenantId, id, kind: 'reconcile', trigger: 'system', request }),
    );

    const claimed = await reconcileSteps.claim(runtime, { tenantId: owner.tenantId, runId: id });
    await reconcileSteps.reconcile(runtime, claimed);

    const run = await owner.within((trx) => trx.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst());
    expect([run?.state, run?.report]).toEqual(['succeeded', { ...NONE, adopted: 1 }]);
    expect((await reconcileSteps.claim(runtime, { tenantId: owner.tenantId, runId: id })).outcome).toBe('nothing');
  });

  it('a destination that cannot be read fails the run, and judges nothing', async () => {
    await seal({ level: 2 });
    await look();
    storage.hook = () => {
      throw new Failure('storage_denied', 'The store refuses.', { remedy: 'Ask it.' });
    };

    await expect(look()).rejects.toMatchObject({ code: 'storage_denied' });
    expect(await states()).toEqual(['good 2']);
  });
});
