import type { TenantTransaction } from '../../catalog/catalog.ts';
import { appendAudit } from '../../catalog/repositories/audit.ts';
import {
  dueDeletions,
  finishDeletion,
  judgedBackups,
  keptBackup,
  lockScope,
  type RetentionScope,
  startDeletion,
} from '../../catalog/repositories/backup-deletion.ts';
import { type BackupSummaryRow, getBackup } from '../../catalog/repositories/backups.ts';
import { clock, found } from '../../catalog/repositories/changing.ts';
import { policiesOf } from '../../catalog/repositories/schedules.ts';
import { Failure, messageOf } from '../../domain/failure.ts';
import { ManifestBody } from '../../domain/manifest.ts';
import {
  GRACE_SECONDS,
  judge,
  type KeptBackup,
  policyOf,
  RETENTION_LIMITS,
  type Verdict,
} from '../../domain/retention.ts';
import { removeBackup } from '../../pipeline/remove-backup.ts';
import type { Runtime } from '../../runtime/runtime.ts';

export interface Judgement extends RetentionScope {
  readonly tenantId: string;
  readonly runId: string;
  readonly retention: Readonly<Record<string, number | undefined>>;
  readonly zone: string;
}

/**
 * First phase: judges one database at one destination, and marks what nobody keeps: neither the run's rules nor those of any
 * schedule that writes there. Judge and mark are one transaction behind one lock, so that two of them never count the same
 * backup (F60). Returns the ids that are leaving now.
 */
export async function applyRetention(
  { catalog }: Pick<Runtime, 'catalog'>,
  { tenantId, runId, retention, zone, ...scope }: Judgement,
): Promise<readonly string[]> {
  if (isEmpty(retention)) return [];
  return catalog.withTenant(tenantId, async (trx) => {
    await lockScope(trx, scope);
    const rows = (await judgedBackups(trx, scope)).map(keptBackup);
    const all = [{ retention, zone }, ...(await policiesOf(trx, scope))];
    const verdicts = notKept(rows, all, await clock(trx));
    const ids = verdicts.map(({ id }) => id);
    const leaving = await startDeletion(trx, { ids, graceSeconds: GRACE_SECONDS, floor: RETENTION_LIMITS.floor });
    const reasons = Object.fromEntries(
      verdicts.filter(({ id }) => leaving.includes(id)).map(({ id, reason }) => [id, reason]),
    );
    if (leaving.length > 0)
      await told(trx, {
        tenantId,
        runId,
        action: 'retention.mark',
        object: `database ${scope.databaseId}`,
        after: reasons,
      });
    return leaving;
  });
}

type Rules = Pick<Judgement, 'retention' | 'zone'>;

/** No rule at all means that nothing is ever deleted. */
function isEmpty(retention: Rules['retention']): boolean {
  return Object.keys(policyOf(retention)).length === 0;
}

/** What each of the rules lets go, with the reason of the first of them. */
function notKept(rows: readonly KeptBackup[], all: readonly Rules[], now: Date): readonly Verdict[] {
  if (all.some(({ retention }) => isEmpty(retention))) return [];
  const [first = [], ...others] = all.map(({ retention, zone }) =>
    judge(rows, { policy: policyOf(retention), limits: { ...RETENTION_LIMITS, zone } }, now),
  );
  const kept = new Set(others.flat().flatMap(({ id, keep }) => (keep ? [id] : [])));
  return first.filter(({ id, keep }) => !keep && !kept.has(id));
}

interface Told {
  readonly tenantId: string;
  readonly runId: string;
  readonly action: string;
  readonly object: string;
  readonly after: Readonly<Record<string, unknown>>;
}

async function told(trx: TenantTransaction, { runId, ...event }: Told): Promise<void> {
  await appendAudit(trx, { ...event, actor: `run ${runId}`, origin: null, before: null, requestId: runId });
}

/** Removals of one run. */
const MOST_REMOVALS = 50;

export interface Removals {
  readonly removed: number;
  /** One for each backup that could not be removed now; it stays marked and is tried again. */
  readonly blocked: readonly {
    readonly backupId: string;
    readonly code: string;
    readonly cause: string;
    readonly remedy?: string;
  }[];
}

/** Second phase: removes from the stores what was marked and whose time of grace is over. Every step can be repeated (F64). */
export async function removeMarked(
  runtime: Pick<Runtime, 'catalog' | 'openStorage'>,
  { tenantId, runId }: { readonly tenantId: string; readonly runId: string },
): Promise<Removals> {
  const due = await runtime.catalog.withTenant(tenantId, (trx) => dueDeletions(trx, MOST_REMOVALS));
  const blocked: Removals['blocked'][number][] = [];
  for (const row of due) {
    try {
      await removeOne(runtime, row, runId);
    } catch (error) {
      const { code, remedy } = error instanceof Failure ? error : { code: 'internal', remedy: undefined };
      blocked.push({ backupId: row.id, code, cause: messageOf(error), ...(remedy === undefined ? {} : { remedy }) });
    }
  }
  return { removed: due.length - blocked.length, blocked };
}

async function removeOne(
  { catalog, openStorage }: Pick<Runtime, 'catalog' | 'openStorage'>,
  row: BackupSummaryRow,
  runId: string,
): Promise<void> {
  const { tenant_id: tenantId, id, destination_id: destinationId, key } = row;
  const { manifest } = await catalog.withTenant(tenantId, async (trx) => found(await getBackup(trx, id), 'backup'));
  const storage = await openStorage({ tenantId, destinationId, purpose: 'delete', runId });
  try {
    await removeBackup(storage, { key, body: ManifestBody.parse(manifest) });
  } finally {
    await storage.close();
  }
  await catalog.withTenant(tenantId, async (trx) => {
    const done = await finishDeletion(trx, id);
    if (done) await told(trx, { tenantId, runId, action: 'retention.remove', object: `backup ${id}`, after: { key } });
  });
}
