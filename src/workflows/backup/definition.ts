import { PASSING } from '../fail.ts';
import { functionStep, taskStep, type WorkflowDefinition } from '../workflow.ts';

const RECORD_SECONDS = 120;
const RETENTION_SECONDS = 600;

/** One backup of one database, to every destination of its run; what may go is judged last. */
export const backupDefinition = {
  name: 'backup',
  attempts: 3,
  deaths: 5,
  steps: [
    functionStep('claim'),
    taskStep('dump'),
    functionStep('record', RECORD_SECONDS),
    functionStep('retention', RETENTION_SECONDS),
    functionStep('notify'),
  ],
  retry: PASSING,
  failure: functionStep('fail'),
} as const satisfies WorkflowDefinition;
