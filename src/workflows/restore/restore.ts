import { type RestoreResult, RestoreRun } from '../../contract/resources/stored.ts';
import { Failure } from '../../domain/failure.ts';
import type { RestoreJob, RestoreMode, RestoreOutcome, TrustedManifest } from '../../pipeline/pipeline.ts';
import { restore as restoreBackup } from '../../pipeline/restore.ts';
import { engineIn } from '../engine-of.ts';
import type { JobBackup, JobDatabase } from '../job.ts';
import { needsOf, type Task, type TaskWork } from '../task.ts';

/** The long step: every byte of the backup is checked before the first one reaches the target. */
export const restore: TaskWork = async (task) => {
  const { job, runtime, bench } = task;
  const { tenantId, runId } = job;
  const { backup, database } = partsOf(task);
  const request = RestoreRun.parse(job.request);
  // In place a safety backup is written beside the one that is restored.
  const purpose = request.target.kind === 'in-place' ? 'write' : 'read';
  const storage = await runtime.openStorage({ tenantId, destinationId: backup.destinationId, purpose, runId });
  // The tunnel comes last: one that stays open keeps the process from ending.
  const open = await runtime.openDatabase(database.look, { runId, bench }).catch(async (error: unknown) => {
    await storage.close();
    throw error;
  });
  try {
    const name = database.look.settings.databaseName ?? backup.manifest.body.database.name;
    const { type, only, owners, acls, roles } = request;
    const wanted: RestoreJob = {
      target: { ...open.connection, database: name },
      mode: modeOf(request.target),
      ...{ type, only, owners, acls, roles },
      lease: task.lease,
      databaseId: database.id,
    };
    const needs = needsOf(task, { storage, engine: engineIn(runtime.engines, backup.engine) });
    return { result: resultOf(backup.manifest, await restoreBackup(needs, backup.manifest, wanted)) };
  } finally {
    await storage.close();
    await open.close();
  }
};

function partsOf({ job }: Task): { readonly backup: JobBackup; readonly database: JobDatabase } {
  const { backup, database } = job;
  if (backup !== undefined && database !== undefined) return { backup, database };
  throw new Failure('not_found', 'The run names no backup or no target.', { remedy: 'Start another restore.' });
}

function modeOf(target: RestoreRun['target']): RestoreMode {
  if (target.kind === 'new') return { kind: 'new', name: target.name };
  if (target.kind === 'in-place') return { kind: 'in-place', confirm: target.confirm };
  return { kind: 'swap', confirm: target.confirm, disconnect: target.disconnect };
}

function resultOf({ body }: TrustedManifest, outcome: RestoreOutcome): RestoreResult {
  const expected = body.inventory.tables;
  const tables = Object.entries(outcome.tables).map(([name, { rows: found }]) => {
    const rows = expected[name]?.rows;
    return { name, ...(rows === undefined ? {} : { expected: rows }), found, ok: rows === undefined || rows === found };
  });
  return {
    finalDatabase: outcome.database,
    ...(outcome.kept === undefined ? {} : { keptDatabase: outcome.kept }),
    tables,
    notices: [...outcome.notices],
  };
}
