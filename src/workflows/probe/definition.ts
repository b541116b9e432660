import { functionStep, type WorkflowDefinition } from '../workflow.ts';

const LOOK_SECONDS = 180;

/** A look at a database or a destination, so that it can be used (RU-07). */
export const probeDefinition = {
  name: 'probe',
  attempts: 3,
  deaths: 5,
  steps: [functionStep('claim'), functionStep('look', LOOK_SECONDS)],
  // What cannot be reached is the verdict, not a failure of the look.
  retry: ['not_ready', 'lease_lost', 'cancelled'],
  failure: functionStep('fail'),
} as const satisfies WorkflowDefinition;
