import { PASSING } from '../fail.ts';
import { functionStep, type WorkflowDefinition } from '../workflow.ts';

const RECONCILE_SECONDS = 900;

/** What a destination holds against what the catalog says of it. */
export const reconcileDefinition = {
  name: 'reconcile',
  attempts: 3,
  deaths: 5,
  steps: [functionStep('claim'), functionStep('reconcile', RECONCILE_SECONDS)],
  retry: PASSING,
  failure: functionStep('fail'),
} as const satisfies WorkflowDefinition;
