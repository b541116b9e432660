import { type JudgedBackup, judgedBackups, retentionScopes } from '../catalog/repositories/backup-deletion.ts';
import { clock, found } from '../catalog/repositories/changing.ts';
import { getDatabase } from '../catalog/repositories/databases.ts';
import { BackupState } from '../contract/resources/work.ts';
import { judge, type KeptBackup, type RetentionPolicy } from '../domain/retention.ts';
import { checkRule } from '../domain/time.ts';
import { look } from './change.ts';
import { instant } from './instant.ts';
import type { Operation } from './operation.ts';

/** Verified backups of each identity that no policy goes below, and deletions in one run. */
export const RETENTION_LIMITS = { floor: 1, deleteCap: 50 } as const;

/** What a policy would do today, destination by destination, with a reason for each backup. Nothing is changed. */
export const previewRetention: Operation<'retention.preview', 'catalog'> = (runtime, asker, { body }) =>
  look(runtime, asker, async (trx) => {
    checkRule({ pattern: '0 0 * * *', zone: body.zone });
    const database = found(await getDatabase(trx, body.databaseId), 'database');
    const now = await clock(trx);
    const policy = policyOf(body.retention);
    const limits = { ...RETENTION_LIMITS, zone: body.zone };
    const verdicts = [];
    for (const scope of await retentionScopes(trx)) {
      if (scope.databaseId !== database.id) continue;
      const rows = new Map((await judgedBackups(trx, scope)).map((row) => [row.id, row]));
      for (const { id, keep, reason } of judge([...rows.values()].map(keptBackup), { policy, limits }, now)) {
        const row = found(rows.get(id), 'backup');
        const { snapshot_at: snapshotAt, stored_bytes: bytes } = row;
        verdicts.push({ backupId: id, keep, reason, snapshotAt: instant(snapshotAt), storedBytes: Number(bytes) });
      }
    }
    const leaving = verdicts.filter(({ keep }) => !keep);
    return {
      keeps: verdicts.length - leaving.length,
      deletes: leaving.length,
      freesBytes: leaving.reduce((sum, { storedBytes }) => sum + storedBytes, 0),
      verdicts,
    };
  });

/** Rules that were left out say nothing. */
function policyOf(rules: Readonly<Record<string, number | undefined>>): RetentionPolicy {
  return Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined));
}

function keptBackup(row: JudgedBackup): KeptBackup {
  const state = BackupState.exclude(['deleting']).parse(row.state);
  return {
    id: row.id,
    status: state,
    committedAt: row.created_at,
    snapshotAt: row.snapshot_at,
    storedBytes: Number(row.stored_bytes),
    identity: row.identity,
    ...(row.pin === null ? {} : { pinned: row.pin }),
    ...(row.locked_until === null ? {} : { lockedUntil: row.locked_until }),
    ...(row.held_until === null ? {} : { heldUntil: row.held_until }),
  };
}
