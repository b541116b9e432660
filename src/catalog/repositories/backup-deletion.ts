import { type SqlBool, sql } from 'kysely';
import type { BackupStatus } from '../../domain/backup.ts';
import { Failure } from '../../domain/failure.ts';
import type { KeptBackup } from '../../domain/retention.ts';
import type { TenantTransaction } from '../catalog.ts';
import type { BackupSummaryRow } from './backups.ts';
import { lockBackup } from './backups.ts';
import { found, lockName } from './changing.ts';

// A deletion has two phases: `deleting` with a time of grace in which it can be undone, then the removal from the store,
// then `deleted`. Each step can be repeated; stopping between any two leaves nothing wrong (F64).

/** The backups of one database at one destination are judged together. */
export interface RetentionScope {
  readonly databaseId: string;
  readonly destinationId: string;
}

export interface JudgedBackup extends BackupSummaryRow {
  /** The end of the longest hold on it. */
  readonly held_until: Date | null;
}

const NOW = sql<Date>`clock_timestamp()`;
const UNHELD = sql<SqlBool>`not exists (select from holds h
  where h.tenant_id = backups.tenant_id and h.backup_id = backups.id and h.until > clock_timestamp())`;
const UNLOCKED = sql<SqlBool>`(locked_until is null or locked_until <= clock_timestamp())`;

/** As the rules of retention look at it. */
export function keptBackup(row: JudgedBackup): KeptBackup {
  return {
    id: row.id,
    status: row.state as BackupStatus,
    committedAt: row.created_at,
    snapshotAt: row.snapshot_at,
    storedBytes: Number(row.stored_bytes),
    identity: row.identity,
    ...(row.pin === null ? {} : { pinned: row.pin }),
    ...(row.locked_until === null ? {} : { lockedUntil: row.locked_until }),
    ...(row.held_until === null ? {} : { heldUntil: row.held_until }),
  };
}

/** One judge of a scope at a time, until the transaction ends (F60). */
export async function lockScope(trx: TenantTransaction, scope: RetentionScope): Promise<void> {
  await lockName(trx, ` retention ${scope.databaseId} ${scope.destinationId}`);
}

/** Everything in the scope that is not already leaving. */
export async function judgedBackups(trx: TenantTransaction, scope: RetentionScope): Promise<readonly JudgedBackup[]> {
  return trx
    .selectFrom('backups')
    .selectAll()
    .select(
      sql<Date | null>`(select max(h.until) from holds h
        where h.tenant_id = backups.tenant_id and h.backup_id = backups.id)`.as('held_until'),
    )
    .where('database_id', '=', scope.databaseId)
    .where('destination_id', '=', scope.destinationId)
    .where('state', 'not in', ['deleting', 'deleted'])
    .orderBy('created_at', 'desc')
    .orderBy('id', 'desc')
    .execute();
}

/** Databases and destinations that have backups together. */
export async function retentionScopes(trx: TenantTransaction): Promise<readonly RetentionScope[]> {
  const rows = await trx
    .selectFrom('backups')
    .select(['database_id', 'destination_id'])
    .distinct()
    .where('state', 'not in', ['deleting', 'deleted'])
    .where('database_id', 'is not', null)
    .orderBy('database_id')
    .orderBy('destination_id')
    .execute();
  return rows.map((row) => ({ databaseId: row.database_id ?? '', destinationId: row.destination_id }));
}

export interface Deletion {
  readonly ids: readonly string[];
  /** Seconds in which it can be undone. */
  readonly graceSeconds: number;
  /**
   * Verified backups of each identity that must be left in the scope, whatever the judge said: checked again here, in the
   * transaction that deletes (F61). Undefined where a person deletes by hand or leaves.
   */
  readonly floor: number | undefined;
}

/**
 * First phase. What was pinned, locked or put to use since it was judged is left out; the answer holds the ids that are
 * leaving now. A Failure `conflict`, and nothing done, when the floor would be broken.
 */
export async function startDeletion(trx: TenantTransaction, deletion: Deletion): Promise<readonly string[]> {
  if (deletion.ids.length === 0) return [];
  // Locks first, in one order; only a statement that begins after them sees the holds that were committed meanwhile.
  await trx.selectFrom('backups').select('id').where('id', 'in', deletion.ids).orderBy('id').forNoKeyUpdate().execute();
  const rows = await trx
    .updateTable('backups')
    .set((eb) => ({
      state: 'deleting',
      state_before: eb.ref('state'),
      delete_after: sql<Date>`clock_timestamp() + make_interval(secs => ${deletion.graceSeconds})`,
      version: eb('version', '+', 1),
    }))
    .where('id', 'in', deletion.ids)
    .where('state', 'not in', ['deleting', 'deleted'])
    .where('pin', 'is', null)
    .where(UNLOCKED)
    .where(UNHELD)
    .returning(['id', 'identity', 'database_id', 'destination_id', 'state_before'])
    .execute();
  const { floor } = deletion;
  if (floor !== undefined) {
    const good = rows.filter((row) => row.state_before === 'good');
    for (const row of new Map(good.map((one) => [scopeKey(one), one])).values()) await requireFloor(trx, row, floor);
  }
  return rows.map((row) => row.id);
}

interface Identity {
  readonly identity: string;
  readonly database_id: string | null;
  readonly destination_id: string;
}

function scopeKey({ identity, database_id, destination_id }: Identity): string {
  return JSON.stringify([identity, database_id, destination_id]);
}

async function requireFloor(trx: TenantTransaction, of: Identity, floor: number): Promise<void> {
  const { n } = await trx
    .selectFrom('backups')
    .select((eb) => eb.fn.countAll<string>().as('n'))
    .where('state', '=', 'good')
    .where('identity', '=', of.identity)
    .where('database_id', 'is not distinct from', of.database_id)
    .where('destination_id', '=', of.destination_id)
    .executeTakeFirstOrThrow();
  if (Number(n) >= Math.max(1, floor)) return;
  throw new Failure('conflict', 'Retention would leave fewer verified backups than the floor allows.', {
    remedy: 'Nothing was deleted; see why newer backups are not verified.',
    details: { left: Number(n), floor },
  });
}

/** Within the time of grace: as if it had never been deleted. */
export async function undoDeletion(trx: TenantTransaction, id: string): Promise<BackupSummaryRow> {
  const row = await lockBackup(trx, id);
  const { numUpdatedRows } = await trx
    .updateTable('backups')
    .set((eb) => ({
      state: sql<string>`coalesce(state_before, 'suspect')`,
      state_before: null,
      delete_after: null,
      version: eb('version', '+', 1),
    }))
    .where('id', '=', id)
    .where('state', '=', 'deleting')
    .where('delete_after', '>', NOW)
    .executeTakeFirst();
  if (numUpdatedRows === 1n || row === undefined) return found(await lockBackup(trx, id), 'backup');
  throw new Failure('conflict', 'There is no deletion to undo.', {
    remedy: row.state === 'deleted' || row.state === 'deleting' ? 'The time of grace is over.' : 'It is not deleted.',
  });
}

/** Whose time of grace is over and who can be removed from the store now. Nobody can take a hold on these any more. */
export async function dueDeletions(trx: TenantTransaction, most: number): Promise<readonly BackupSummaryRow[]> {
  return trx
    .selectFrom('backups')
    .selectAll()
    .where('state', '=', 'deleting')
    .where('delete_after', '<=', NOW)
    .where(UNLOCKED)
    .where(UNHELD)
    .orderBy('delete_after')
    .limit(most)
    .execute();
}

/** Second phase, after the store has removed every object of it. Repeating it changes nothing. */
export async function finishDeletion(trx: TenantTransaction, id: string): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('backups')
    .set((eb) => ({ state: 'deleted', version: eb('version', '+', 1) }))
    .where('id', '=', id)
    .where('state', '=', 'deleting')
    .where('delete_after', '<=', NOW)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

export interface Leavers {
  readonly backups: number;
  readonly bytes: number;
  /** Held, pinned or locked: these stand in the way of deleting all. */
  readonly held: number;
  readonly shielded: number;
  readonly ids: readonly string[];
}

/** What there is to keep or delete when a database, a destination or the tenant leaves (product.md §14). */
export async function leavers(
  trx: TenantTransaction,
  of: { readonly databaseId?: string; readonly destinationId?: string },
): Promise<Leavers> {
  let query = trx
    .selectFrom('backups')
    .select(['id', 'stored_bytes'])
    .select([
      sql<boolean>`not (${UNHELD})`.as('held'),
      sql<boolean>`(pin is not null or not ${UNLOCKED})`.as('shielded'),
    ])
    .where('state', '<>', 'deleted');
  if (of.databaseId !== undefined) query = query.where('database_id', '=', of.databaseId);
  if (of.destinationId !== undefined) query = query.where('destination_id', '=', of.destinationId);
  const rows = await query.orderBy('id').execute();
  return {
    backups: rows.length,
    bytes: rows.reduce((sum, row) => sum + Number(row.stored_bytes), 0),
    held: rows.filter((row) => row.held).length,
    shielded: rows.filter((row) => row.shielded).length,
    ids: rows.map((row) => row.id),
  };
}
