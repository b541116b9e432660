import { knownKeys } from '../../catalog/repositories/backups.ts';
import { finishRun, renewLease, requireLease } from '../../catalog/repositories/run-lease.ts';
import { ReconcileRun } from '../../contract/resources/stored.ts';
import { folderOf } from '../../pipeline/layout.ts';
import { surveyStore } from '../../pipeline/list.ts';
import type { BackupSummary } from '../../pipeline/pipeline.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { Storage } from '../../storage/storage.ts';
import { concludeRun } from '../ending.ts';
import { type Claimed, LEASE_SECONDS } from '../workflow.ts';
import { adopt, correct, type Place, type Shown } from './adopt.ts';
import { removeForsaken, type Swept } from './sweep.ts';

type Needs = Pick<Runtime, 'catalog' | 'trusted' | 'openStorage' | 'log'>;

/** What came of one look, in counts. */
export interface Reconciled extends Swept {
  readonly adopted: number;
  readonly lost: number;
  readonly suspect: number;
  readonly archived: number;
  /** Lost or archived before, and there again. */
  readonly found: number;
}

/** The workflow's one working step. */
export async function reconcileStep(runtime: Needs, input: Claimed): Promise<Claimed> {
  const { tenantId, runId, lease } = input;
  const ref = { runId, lease };
  const destinationId = await runtime.catalog.withTenant(
    tenantId,
    async (trx) => ReconcileRun.parse((await requireLease(trx, ref)).request).destinationId,
  );
  const beat = setInterval(
    () => {
      runtime.catalog.withTenant(tenantId, (trx) => renewLease(trx, ref, LEASE_SECONDS)).catch(() => undefined);
    },
    (LEASE_SECONDS / 3) * 1000,
  );
  try {
    const report = { ...(await reconcile(runtime, { tenantId, destinationId, runId })) };
    await runtime.catalog.withTenant(tenantId, async (trx) => {
      await concludeRun(trx, await finishRun(trx, ref, { state: 'succeeded', report }));
    });
    return input;
  } finally {
    clearInterval(beat);
  }
}

/**
 * Compares a destination with the catalog, both ways. What the store holds and the catalog does not is adopted, never
 * deleted (F58); what the catalog holds and the store does not is lost, archived or suspect, and told (F41, F42); what runs
 * left behind that ended without a backup is aborted or, after a time of grace, removed (F26). Safe to repeat at any moment.
 */
export async function reconcile(runtime: Needs, place: Place): Promise<Reconciled> {
  const { catalog, trusted } = runtime;
  // Before the store is read: what is recorded in between is then merely unknown, and adopting it again changes nothing.
  const known = await catalog.withTenant(place.tenantId, (trx) => knownKeys(trx, place.destinationId));
  const storage = await runtime.openStorage({ ...place, purpose: 'read' });
  try {
    const { backups, problems, leftovers } = await surveyStore({ storage, trusted });
    const seen = new Map(backups.map((backup) => [backup.manifest.key, backup]));
    const unusable = new Set(problems.map(({ key }) => key));
    const count = { adopted: 0, lost: 0, suspect: 0, archived: 0, found: 0 };
    for (const row of known.filter(({ state }) => state !== 'deleted' && state !== 'deleting')) {
      const shown = await look(storage, row, { backup: seen.get(row.key), unusable: unusable.has(row.key) });
      const changed = await catalog.withTenant(place.tenantId, (trx) => correct(trx, place, shown));
      if (changed) count[shown.verdict] += 1;
    }
    const keys = new Set(known.map(({ key }) => key));
    for (const backup of backups.filter(({ manifest }) => !keys.has(manifest.key))) {
      if (await catalog.withTenant(place.tenantId, (trx) => adopt(trx, place, backup))) count.adopted += 1;
    }
    return { ...count, ...(await removeForsaken(runtime, place, leftovers)) };
  } finally {
    await storage.close();
  }
}

interface Seen {
  readonly backup: BackupSummary | undefined;
  /** Its manifest is there and cannot be trusted or read. */
  readonly unusable: boolean;
}

async function look(storage: Storage, row: { id: string; key: string }, { backup, unusable }: Seen): Promise<Shown> {
  const { id, key } = row;
  if (unusable) return { id, verdict: 'suspect' };
  if (backup === undefined) {
    // A list can be behind; the word of one look at the object itself is not.
    const gone = (await storage.head(key)) === undefined;
    return { id, verdict: gone ? 'lost' : 'found' };
  }
  if (backup.status === 'lost' || backup.status === 'suspect') return { id, verdict: backup.status };
  const missing = await outOfReach(storage, key, backup);
  if (missing !== undefined) return { id, verdict: missing };
  return { id, verdict: 'found', status: backup.status, level: backup.level };
}

async function outOfReach(
  storage: Storage,
  key: string,
  { manifest }: BackupSummary,
): Promise<'lost' | 'archived' | undefined> {
  for (const { name, versionId } of manifest.body.volumes) {
    const stat = await storage.head(`${folderOf(key)}/${name}`, versionId);
    if (stat === undefined) return 'lost';
    if (stat.archivedAs !== undefined) return 'archived';
  }
  return undefined;
}
