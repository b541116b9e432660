import { found } from '../catalog/repositories/changing.ts';
import { getDatabase, lockDatabase, removeDatabase } from '../catalog/repositories/databases.ts';
import { deleteSchedule, schedulesOf } from '../catalog/repositories/schedules.ts';
import { change, look } from './change.ts';
import { leave, previewLeaving } from './leaving.ts';
import type { Operation } from './operation.ts';
import { withdraw } from './timetable.ts';

export const previewDatabaseLeaving: Operation<'databases.leaving', 'catalog'> = (runtime, asker, { params, query }) =>
  look(runtime, asker, async (trx) => {
    const row = found(await getDatabase(trx, params.databaseId), 'database');
    return previewLeaving(trx, { databaseId: row.id }, query);
  });

/** Its schedules go with it; its backups stay, listed and restorable, unless they were to be deleted. */
export const deleteDatabase: Operation<'databases.delete', 'catalog' | 'timetable' | 'log'> = async (
  runtime,
  asker,
  { params, query },
) => {
  const gone: string[] = [];
  const leaving = await change(runtime, asker, async (trx, told) => {
    const row = found(await lockDatabase(trx, params.databaseId), 'database');
    const result = await leave(trx, { databaseId: row.id }, { ...query, name: row.name });
    for (const schedule of await schedulesOf(trx, { databaseId: row.id })) {
      await deleteSchedule(trx, schedule.id);
      gone.push(schedule.id);
    }
    await removeDatabase(trx, row.id);
    const before = { name: row.name, engine: row.engine, settings: row.settings, schedules: gone };
    await told({ action: 'databases.delete', object: `database ${row.id}`, before, after: result });
    return result;
  });
  await withdraw(runtime, asker, gone);
  return leaving;
};
