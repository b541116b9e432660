import { judgedBackups, keptBackup, retentionScopes } from '../catalog/repositories/backup-deletion.ts';
import { clock, found } from '../catalog/repositories/changing.ts';
import { getDatabase } from '../catalog/repositories/databases.ts';
import { judge, policyOf, RETENTION_LIMITS } from '../domain/retention.ts';
import { checkRule } from '../domain/time.ts';
import { look } from './change.ts';
import { instant } from './instant.ts';
import type { Operation } from './operation.ts';

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
