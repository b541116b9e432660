import { PASSING } from '../fail.ts';
import { functionStep, taskStep, type WorkflowDefinition } from '../workflow.ts';

/** One look at a stored backup, up to the restore into a scratch server: a task of its own, since it needs server programs. */
export const verifyDefinition = {
  name: 'verify',
  attempts: 3,
  deaths: 5,
  steps: [functionStep('claim'), taskStep('verify'), functionStep('record')],
  retry: PASSING,
  failure: functionStep('fail'),
} as const satisfies WorkflowDefinition;
