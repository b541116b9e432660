import { randomUUID } from 'node:crypto';
import type { TenantTransaction } from '../catalog/catalog.ts';
import { getBackup } from '../catalog/repositories/backups.ts';
import { found } from '../catalog/repositories/changing.ts';
import type { DatabaseRow } from '../catalog/repositories/databases.ts';
import { holdBackup } from '../catalog/repositories/holds.ts';
import { liveRuns, type RunRow } from '../catalog/repositories/runs.ts';
import { lockSchedule } from '../catalog/repositories/schedules.ts';
import { BackupRun, scheduledBackup, type VerifyRun } from '../contract/resources/stored.ts';
import { Failure } from '../domain/failure.ts';
import { Secret } from '../domain/secret.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { change } from './change.ts';
import { engineOf, requireVerified, settingsOf } from './database-rules.ts';
import type { Operation } from './operation.ts';
import { conflict, refuse } from './refusal.ts';
import { runResource } from './runs.ts';
import { checkBackup } from './schedule-rules.ts';
import { launch, queueRun } from './start.ts';

/** Seconds a queued verification or restore keeps its backup; whoever does it prolongs it. */
export const HOLD_SECONDS = 24 * 3600;

type Needs = 'catalog' | 'engines' | 'vault' | 'launcher' | 'log';

export const startBackup: Operation<'backups.start', Needs> = async (runtime, asker, { body }) => {
  const { databaseId, password, ...wanted } = body;
  const id = randomUUID();
  const run = await change(runtime, asker, async (trx, told) => {
    const database = await requireVerified(trx, databaseId);
    await requireNoRestore(trx, database);
    await checkBackup(trx, engineOf(runtime, database.engine), wanted);
    requireMatching(database, password);
    const request = BackupRun.parse({ ...BY_HAND, ...wanted });
    const queued = await queueRun(trx, asker, { id, kind: 'backup', databaseId, request });
    await lend(runtime, id, password);
    await told({ action: 'backups.start', object: `database ${databaseId}`, after: { run: id, ...wanted } });
    return runResource(queued);
  });
  await launch(runtime, asker, run);
  return run;
};

/** What a schedule would say, for a backup by hand. */
const BY_HAND = { timeoutMinutes: 1440, inactivityMinutes: 5, retries: 2, level3EveryDays: 7 } as const;

/** A password comes with a run exactly where the database says it does. */
export function requireMatching(database: DatabaseRow, password: string | undefined): void {
  const oneOff = settingsOf(database).credential.kind === 'one-off';
  if (oneOff && password === undefined)
    refuse(
      `The database ${database.name} takes its password with each run.`,
      'Give password; it is gone after the run.',
    );
  if (!oneOff && password !== undefined)
    refuse(`The database ${database.name} has a credential of its own.`, 'Leave password out.');
}

/** To the vault alone, never to the catalog: gone at its first use, and after ten minutes. */
export async function lend(
  { vault }: Pick<Runtime, 'vault'>,
  runId: string,
  password: string | undefined,
): Promise<void> {
  if (password !== undefined) await vault.lend(runId, new Secret(password));
}

async function requireNoRestore(trx: TenantTransaction, { id, name }: DatabaseRow): Promise<void> {
  const [restore] = await liveRuns(trx, { databaseId: id, kinds: ['restore'] });
  if (restore === undefined) return;
  throw new Failure('already_running', `A restore into ${name} is queued or running.`, {
    remedy: `Wait for run ${restore.id}, or cancel it.`,
  });
}

/** Now, whatever the slot: the schedule's own slots are not touched by it. */
export const runScheduleNow: Operation<'schedules.runNow', 'catalog' | 'engines' | 'launcher' | 'log'> = async (
  runtime,
  asker,
  { params },
) => {
  const run = await change(runtime, asker, async (trx, told) => {
    const schedule = found(await lockSchedule(trx, params.scheduleId), 'schedule');
    const database = await requireVerified(trx, schedule.database_id);
    await requireNoRestore(trx, database);
    if (settingsOf(database).credential.kind === 'one-off')
      refuse('The database takes its password with each run.', 'Start a backup with its password instead.');
    const request = scheduledBackup(schedule);
    await checkBackup(trx, engineOf(runtime, database.engine), request);
    const wanted = { kind: 'backup', databaseId: database.id, scheduleId: schedule.id, request } as const;
    const queued = await queueRun(trx, asker, wanted);
    await told({ action: 'schedules.runNow', object: `schedule ${schedule.id}`, after: { run: queued.id } });
    return runResource(queued);
  });
  await launch(runtime, asker, run);
  return run;
};

export const startVerification: Operation<'backups.verify', 'catalog' | 'launcher' | 'log'> = async (
  runtime,
  asker,
  { params, body },
) => {
  const run = await change(runtime, asker, async (trx, told) => {
    const backup = found(await getBackup(trx, params.backupId), 'backup');
    if (backup.state === 'lost') conflict('The objects of the backup are gone.', 'Use another backup.');
    const request: VerifyRun = { level: body.level };
    const about = { backupId: backup.id, ...(backup.database_id === null ? {} : { databaseId: backup.database_id }) };
    const queued: RunRow = await queueRun(trx, asker, { kind: 'verify', ...about, request });
    const hold = { tenantId: asker.tenantId, backupId: backup.id, runId: queued.id, seconds: HOLD_SECONDS };
    await holdBackup(trx, hold);
    await told({
      action: 'backups.verify',
      object: `backup ${backup.id}`,
      after: { run: queued.id, level: body.level },
    });
    return runResource(queued);
  });
  await launch(runtime, asker, run);
  return run;
};
