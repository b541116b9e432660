import { catalogDefences } from './defences/catalog.ts';
import type { Defence } from './defences/defence.ts';
import { doorDefences } from './defences/door.ts';
import { mongodbDefences } from './defences/mongodb.ts';
import { mysqlDefences } from './defences/mysql.ts';
import { outsideDefences } from './defences/outside.ts';
import { pipelineDefences } from './defences/pipeline.ts';
import { postgresDefences } from './defences/postgres.ts';
import { processDefences } from './defences/process.ts';
import { storageDefences } from './defences/storage.ts';
import { timetableDefences } from './defences/timetable.ts';

/** At least one for every fault that the engine must keep away. */
export const defences: readonly Defence[] = [
  ...processDefences,
  ...storageDefences,
  ...pipelineDefences,
  ...postgresDefences,
  ...mysqlDefences,
  ...mongodbDefences,
  ...doorDefences,
  ...timetableDefences,
  ...outsideDefences,
  ...catalogDefences,
];
