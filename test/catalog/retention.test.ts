import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import type { TenantTransaction } from '../../src/catalog/catalog.ts';
import {
  dueDeletions,
  finishDeletion,
  judgedBackups,
  lockScope,
  type RetentionScope,
  startDeletion,
  undoDeletion,
} from '../../src/catalog/repositories/backup-deletion.ts';
import {
  getBackup,
  insertBackup,
  judgeBackup,
  type NewBackup,
  setPin,
} from '../../src/catalog/repositories/backups.ts';
import { insertDatabase } from '../../src/catalog/repositories/databases.ts';
import { insertDestination } from '../../src/catalog/repositories/destinations.ts';
import { dropHolds, holdBackup } from '../../src/catalog/repositories/holds.ts';
import { judge } from '../../src/domain/retention.ts';
import { startCatalog, type TestCatalog } from '../support/catalog.ts';
import { seed, sized } from '../support/size.ts';

let world: TestCatalog;
let tenantId: string;
let scope: RetentionScope;

beforeAll(async () => {
  world = await startCatalog();
  tenantId = await world.tenant();
});
afterAll(() => world.stop());

const within = <T>(work: (trx: TenantTransaction) => Promise<T>) => world.catalog.withTenant(tenantId, work);

/** A database at a destination, without backups. */
async function newScope(): Promise<void> {
  const [databaseId, destinationId] = [randomUUID(), randomUUID()];
  const sealed = undefined;
  await within(async (trx) => {
    await insertDatabase(trx, { tenantId, id: databaseId, name: 'd', engine: 'postgres', settings: {}, sealed });
    await insertDestination(trx, { tenantId, id: destinationId, kind: 'filesystem', name: 'f', labels: {}, place: {} });
  });
  scope = { databaseId, destinationId };
}

let hour = 0;
async function backup(facts: Partial<NewBackup> = {}): Promise<string> {
  const id = randomUUID();
  hour += 1;
  await within((trx) => insertBackup(trx, { ...sound(id), ...facts }));
  // Commit times of their own, an hour apart and in the past.
  const at = `TIMESTAMPTZ '2025-01-01Z' + interval '${hour} hours'`;
  await world.sql(`UPDATE backups SET created_at = ${at}, snapshot_at = ${at} WHERE id = '${id}'`);
  return id;
}

function sound(id: string): NewBackup {
  return {
    tenantId,
    id,
    manifestId: id,
    ...scope,
    runId: undefined,
    key: `k/${id}/manifest.json`,
    name: undefined,
    state: 'good',
    level: 2,
    identity: 'one',
    plainBytes: 10,
    storedBytes: 5,
    facts: {},
    manifest: {},
    tableRows: {},
    manifestSha256: 'b'.repeat(64),
    snapshotAt: new Date(),
    verifiedAt: new Date(),
  };
}

const stateOf = async (id: string) => (await within((trx) => getBackup(trx, id)))?.state;
const goodLeft = async () => {
  const rows = await within((trx) => judgedBackups(trx, scope));
  return rows.filter(({ state }) => state === 'good').length;
};
const remove = (ids: readonly string[], floor: number | undefined = 1, graceSeconds = 604_800) =>
  within((trx) => startDeletion(trx, { ids, graceSeconds, floor }));
const code = (promise: Promise<unknown>) =>
  promise.then(
    () => 'no failure',
    (error) => error.code,
  );

/** Judges and deletes in one transaction, as the retention step does. */
function retain(keepLast: number): Promise<readonly string[]> {
  return within(async (trx) => {
    await lockScope(trx, scope);
    const rows = await judgedBackups(trx, scope);
    const kept = rows.map((row) => ({
      id: row.id,
      status: row.state as 'good',
      committedAt: row.created_at,
      snapshotAt: row.snapshot_at,
      storedBytes: Number(row.stored_bytes),
      identity: row.identity,
      ...(row.held_until === null ? {} : { heldUntil: row.held_until }),
    }));
    const limits = { floor: 1, deleteCap: 50, zone: 'UTC' };
    const verdicts = judge(kept, { policy: { keepLast }, limits }, new Date());
    const ids = verdicts.filter(({ keep }) => !keep).map(({ id }) => id);
    return startDeletion(trx, { ids, graceSeconds: 604_800, floor: 1 });
  });
}

describe('F60 two retentions at once', () => {
  it('delete each backup once and keep what the policy keeps', async () => {
    const pairs = sized(8, 200);
    for (let n = 0; n < pairs; n += 1) {
      await newScope();
      for (let made = 0; made < 6; made += 1) await backup();

      const [a, b] = await Promise.all([retain(2), retain(2)]);

      expect([...a, ...b]).toHaveLength(4);
      expect(new Set([...a, ...b]).size).toBe(4);
      expect(await goodLeft()).toBe(2);
    }
  });
});

describe('F61 the floor', () => {
  it('stands in the deleting transaction itself, whatever was judged', async () => {
    await newScope();
    const ids = [await backup(), await backup(), await backup()];
    const unverified = await backup({ state: 'stored', level: 1 });

    expect(await code(remove([...ids, unverified]))).toBe('conflict');

    expect(await goodLeft()).toBe(3);
    expect(await stateOf(unverified)).toBe('stored');
    expect(await remove(ids.slice(0, 2))).toHaveLength(2);
    expect(await code(remove(ids.slice(2)))).toBe('conflict');
    expect(await remove([unverified])).toEqual([unverified]);
  });

  it('stands against many deletions at once, each of which alone would be allowed', async () => {
    await newScope();
    const ids = await Promise.all([backup(), backup(), backup(), backup(), backup()]);

    await Promise.all(
      ids.map((id) =>
        within((trx) =>
          lockScope(trx, scope).then(() => startDeletion(trx, { ids: [id], graceSeconds: 60, floor: 2 })),
        ).catch(() => []),
      ),
    );

    expect(await goodLeft()).toBe(2);
  });

  it('is counted for each identity: another server’s backups do not stand in', async () => {
    await newScope();
    const own = await backup({ identity: 'one' });
    await backup({ identity: 'two' });

    expect(await code(remove([own]))).toBe('conflict');
  });

  it('keeps a verified backup through any history of runs, verdicts, pins and deletions', async () => {
    const step = fc.oneof(
      fc.constantFrom('add', 'add-unverified', 'retain', 'undo'),
      fc.record({ suspect: fc.nat(20) }),
      fc.record({ deleteOne: fc.nat(20) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 14 }), async (steps) => {
        await newScope();
        const ids = [await backup()];
        for (const one of steps) {
          const pick = (n: number) => ids[n % ids.length] ?? '';
          const before = await goodLeft();
          if (one === 'add') ids.push(await backup());
          else if (one === 'add-unverified') ids.push(await backup({ state: 'stored', level: 1 }));
          else if (one === 'retain') await retain(1);
          else if (one === 'undo') await within((trx) => undoDeletion(trx, pick(3))).catch(() => undefined);
          else if (typeof one === 'object' && 'suspect' in one)
            await within((trx) => judgeBackup(trx, { id: pick(one.suspect), state: 'suspect', level: 0 }));
          else if (typeof one === 'object') await remove([pick(one.deleteOne)]).catch(() => undefined);
          const deletes = one === 'retain' || (typeof one === 'object' && 'deleteOne' in one);
          if (deletes && before > 0) expect(await goodLeft()).toBeGreaterThan(0);
        }
      }),
      { numRuns: sized(15, 1_000), seed },
    );
  }, 600_000);
});

describe('F65 a hold', () => {
  it('and a deletion at the same moment: one of them wins, never both', async () => {
    const rounds = sized(30, 1_000);
    const outcomes = { held: 0, deleted: 0 };
    await newScope();
    await backup();
    for (let n = 0; n < rounds; n += 1) {
      const id = await backup();
      const runId = randomUUID();

      const [held, deleted] = await Promise.all([
        within((trx) => holdBackup(trx, { tenantId, backupId: id, runId, seconds: 60 })).then(
          () => true,
          () => false,
        ),
        remove([id]).then((ids) => ids.length === 1),
      ]);

      expect(held).not.toBe(deleted);
      outcomes[held ? 'held' : 'deleted'] += 1;
      await within((trx) => dropHolds(trx, runId));
    }
    expect(outcomes.held + outcomes.deleted).toBe(rounds);
  });

  it('taken after the judgement keeps the backup, and one that is over does not', async () => {
    await newScope();
    const [id, other] = [await backup(), await backup()];
    await backup();
    await within((trx) => holdBackup(trx, { tenantId, backupId: id, runId: randomUUID(), seconds: 3600 }));
    await within((trx) => holdBackup(trx, { tenantId, backupId: other, runId: randomUUID(), seconds: 0 }));

    expect(await remove([id, other])).toEqual([other]);
    await within((trx) => setPin(trx, id, 'kept'));
  });

  it('cannot be taken on what is being deleted', async () => {
    await newScope();
    const id = await backup();
    await backup();
    await remove([id]);

    expect(
      await code(within((trx) => holdBackup(trx, { tenantId, backupId: id, runId: randomUUID(), seconds: 60 }))),
    ).toBe('conflict');
    expect(
      await code(
        within((trx) => holdBackup(trx, { tenantId, backupId: randomUUID(), runId: randomUUID(), seconds: 60 })),
      ),
    ).toBe('not_found');
  });
});

describe('F64 a deletion in two phases', () => {
  it('can be undone until its time of grace is over, gives back the state before, and then ends once', async () => {
    await newScope();
    const id = await backup({ state: 'stored', level: 1 });
    await backup();
    await remove([id]);
    expect(await within((trx) => dueDeletions(trx, 100))).toEqual([]);
    expect(await within((trx) => finishDeletion(trx, id))).toBe(false);

    expect((await within((trx) => undoDeletion(trx, id))).state).toBe('stored');

    await remove([id], 1, 0);
    expect(await code(within((trx) => undoDeletion(trx, id)))).toBe('conflict');
    const due = await within((trx) => dueDeletions(trx, 100));
    expect(due.map((row) => row.id)).toEqual([id]);
    expect(await within((trx) => finishDeletion(trx, id))).toBe(true);
    expect(await within((trx) => finishDeletion(trx, id))).toBe(false);
    expect(await stateOf(id)).toBe('deleted');
    expect(await remove([id])).toEqual([]);
  });

  it('killed between its steps is found again with everything that it needs, and nothing is done twice', async () => {
    await newScope();
    await backup();
    const id = await backup();
    const other = await world.tenant();

    await remove([id], 1, 0);

    for (let replay = 0; replay < 3; replay += 1) {
      const [row] = await within((trx) => dueDeletions(trx, 100));
      expect([row?.id, row?.key]).toEqual([id, `k/${id}/manifest.json`]);
    }
    expect(await world.catalog.withTenant(other, (trx) => dueDeletions(trx, 100))).toEqual([]);
    await within((trx) => finishDeletion(trx, id));
    expect(await within((trx) => dueDeletions(trx, 100))).toEqual([]);
  });

  it('waits for a lock of the store', async () => {
    await newScope();
    await backup();
    const id = await backup();
    await remove([id], 1, 0);
    await world.sql(`UPDATE backups SET locked_until = now() + interval '1 day' WHERE id = '${id}'`);

    expect(await within((trx) => dueDeletions(trx, 100))).toEqual([]);
    await world.sql(`UPDATE backups SET locked_until = now() - interval '1 s' WHERE id = '${id}'`);
    expect(await within((trx) => dueDeletions(trx, 100))).toHaveLength(1);
  });
});

describe('F62 the order', () => {
  it('is that of commits by the catalog’s clock, whatever the names', async () => {
    await newScope();
    const ids = [
      await backup({ key: 'z/manifest.json' }),
      await backup({ key: 'a/manifest.json' }),
      await backup({ key: 'm/manifest.json' }),
    ];

    expect(await retain(1)).toHaveLength(2);
    expect(await stateOf(ids[2] ?? '')).toBe('good');
  });

  it('that snapshots contradict stops all deletion', async () => {
    await newScope();
    const [first] = [await backup(), await backup(), await backup()];
    await world.sql(`UPDATE backups SET snapshot_at = TIMESTAMPTZ '2025-12-31Z' WHERE id = '${first}'`);

    expect(await retain(1)).toEqual([]);
  });
});

describe('F58 a backup that is found in the store', () => {
  it('is recorded once, however often it is found and by however many', async () => {
    await newScope();
    const key = 'found/manifest.json';

    const rows = await Promise.all(
      Array.from({ length: 10 }, () => within((trx) => insertBackup(trx, { ...sound(randomUUID()), key }))),
    );

    expect(rows.filter((row) => row !== undefined)).toHaveLength(1);
  });
});

describe('a verdict', () => {
  it('of a lower level leaves a good backup good, and a bad one does not', async () => {
    await newScope();
    const id = await backup({ level: 3 });
    const verdict = (state: 'stored' | 'good' | 'suspect', level: number) =>
      within((trx) => judgeBackup(trx, { id, state, level }));

    await verdict('stored', 1);
    const after = await within((trx) => getBackup(trx, id));
    expect([after?.state, after?.level, after?.last_read_at === null]).toEqual(['good', 3, false]);
    await verdict('suspect', 0);
    expect([await stateOf(id), (await within((trx) => getBackup(trx, id)))?.level]).toEqual(['suspect', 0]);
    await verdict('good', 2);
    expect(await stateOf(id)).toBe('good');
  });

  it('on what is being deleted is remembered for the undoing, and does not stop the deletion', async () => {
    await newScope();
    const id = await backup();
    await backup();
    await remove([id]);

    await within((trx) => judgeBackup(trx, { id, state: 'suspect', level: 0 }));

    expect(await stateOf(id)).toBe('deleting');
    expect((await within((trx) => undoDeletion(trx, id))).state).toBe('suspect');
    expect(await within((trx) => judgeBackup(trx, { id: randomUUID(), state: 'good', level: 2 }))).toBe(false);
  });
});
