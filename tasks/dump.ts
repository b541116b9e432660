import { dump } from '../src/workflows/backup/dump.ts';
import { runTask } from './run-task.ts';

process.exitCode = await runTask(dump);
