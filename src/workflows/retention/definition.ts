import { PASSING } from '../fail.ts';
import { functionStep, type WorkflowDefinition } from '../workflow.ts';

const RETENTION_SECONDS = 600;

/** Retention by itself: what was marked and whose time of grace is over goes, and where a policy is given it is applied. */
export const retentionDefinition = {
  name: 'retention',
  attempts: 3,
  deaths: 5,
  steps: [functionStep('claim'), functionStep('retention', RETENTION_SECONDS)],
  retry: PASSING,
  failure: functionStep('fail'),
} as const satisfies WorkflowDefinition;
