import { check } from '../src/workflows/verify/check.ts';
import { runTask } from './run-task.ts';

process.exitCode = await runTask(check);
