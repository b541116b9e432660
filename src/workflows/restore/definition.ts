import { functionStep, taskStep, type WorkflowDefinition } from '../workflow.ts';

/**
 * One restore. It has one attempt: whoever asked for it decides what comes after one that failed half way, having looked at
 * the target.
 */
export const restoreDefinition = {
  name: 'restore',
  attempts: 1,
  deaths: 0,
  steps: [functionStep('claim'), taskStep('restore'), functionStep('record')],
  retry: [],
  failure: functionStep('fail'),
} as const satisfies WorkflowDefinition;
