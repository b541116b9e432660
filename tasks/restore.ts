import { restore } from '../src/workflows/restore/restore.ts';
import { runTask } from './run-task.ts';

process.exitCode = await runTask(restore);
