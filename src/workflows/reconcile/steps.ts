import type { Runtime } from '../../runtime/runtime.ts';
import { claim } from '../claim.ts';
import { fail } from '../fail.ts';
import type { RunInput } from '../workflow.ts';
import { reconcileDefinition } from './definition.ts';
import { reconcileStep } from './reconcile.ts';

/** The functions of the workflow, by the names of its steps. */
export const reconcileSteps = {
  claim: (runtime: Pick<Runtime, 'catalog'>, input: RunInput) => claim(runtime, reconcileDefinition, input),
  reconcile: reconcileStep,
  fail: (runtime: Pick<Runtime, 'catalog'>, input: Parameters<typeof fail>[2]) =>
    fail(runtime, reconcileDefinition, input),
};
