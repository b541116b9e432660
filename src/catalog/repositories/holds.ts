import { sql } from 'kysely';
import { Failure } from '../../domain/failure.ts';
import type { TenantTransaction } from '../catalog.ts';
import { found } from './changing.ts';

export interface Hold {
  readonly tenantId: string;
  readonly backupId: string;
  /** Who reads it: a run, or a download that was granted. */
  readonly runId: string;
  readonly seconds: number;
}

/**
 * Keeps a backup from being deleted while something reads it (F65). Takes the backup's row lock first, as a deletion does:
 * either the deletion sees the hold, or the hold sees the deletion and is refused. Repeating it prolongs it.
 */
export async function holdBackup(trx: TenantTransaction, hold: Hold): Promise<void> {
  const row = await trx
    .selectFrom('backups')
    .select('state')
    .where('id', '=', hold.backupId)
    .forNoKeyUpdate()
    .executeTakeFirst();
  const { state } = found(row, 'backup');
  if (state === 'deleting' || state === 'deleted') {
    throw new Failure('conflict', `The backup is ${state === 'deleting' ? 'about to be deleted' : 'deleted'}.`, {
      remedy: state === 'deleting' ? 'Undo the deletion first.' : 'Use another backup.',
    });
  }
  const until = sql<Date>`clock_timestamp() + make_interval(secs => ${hold.seconds})`;
  await trx
    .insertInto('holds')
    .values({ tenant_id: hold.tenantId, backup_id: hold.backupId, run_id: hold.runId, until })
    .onConflict((conflict) =>
      conflict
        .columns(['tenant_id', 'backup_id', 'run_id'])
        .doUpdateSet({ until: sql<Date>`greatest(holds.until, excluded.until)` }),
    )
    .execute();
}

/** Ends every hold of one run. */
export async function dropHolds(trx: TenantTransaction, runId: string): Promise<void> {
  await trx.deleteFrom('holds').where('run_id', '=', runId).execute();
}

export async function sweepHolds(trx: TenantTransaction): Promise<void> {
  await trx.deleteFrom('holds').where('until', '<', sql<Date>`clock_timestamp()`).execute();
}
