import { getRun } from '../catalog/repositories/runs.ts';
import type { RunKind } from '../contract/resources/work.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { backupDefinition } from './backup/definition.ts';
import { backupSteps } from './backup/steps.ts';
import { probeDefinition } from './probe/definition.ts';
import { probeSteps } from './probe/steps.ts';
import { reconcileDefinition } from './reconcile/definition.ts';
import { reconcileSteps } from './reconcile/steps.ts';
import { restoreDefinition } from './restore/definition.ts';
import { restoreSteps } from './restore/steps.ts';
import { retentionDefinition } from './retention/definition.ts';
import { retentionSteps } from './retention/steps.ts';
import { verifyDefinition } from './verify/definition.ts';
import { verifySteps } from './verify/steps.ts';
import type { RunInput, WorkflowDefinition } from './workflow.ts';

/** The function of a step. Inputs are checked by the definitions' order: each step is given what the one before answered. */
export type StepFunction = (runtime: Runtime, input: never) => Promise<unknown>;

export interface Workflow {
  readonly definition: WorkflowDefinition;
  /** By the names of the steps that are functions. */
  readonly steps: Readonly<Record<string, StepFunction>>;
}

/** Every workflow, by the kind of the runs that it does. */
export const WORKFLOWS: Readonly<Partial<Record<RunKind, Workflow>>> = {
  backup: { definition: backupDefinition, steps: backupSteps },
  restore: { definition: restoreDefinition, steps: restoreSteps },
  verify: { definition: verifyDefinition, steps: verifySteps },
  probe: { definition: probeDefinition, steps: probeSteps },
  retention: { definition: retentionDefinition, steps: retentionSteps },
  reconcile: { definition: reconcileDefinition, steps: reconcileSteps },
};

/** The workflow of a run; undefined for a run that is unknown, or of a kind that nothing here does. */
export async function workflowOf(
  { catalog }: Pick<Runtime, 'catalog'>,
  { tenantId, runId }: RunInput,
  workflows = WORKFLOWS,
): Promise<Workflow | undefined> {
  const run = await catalog.withTenant(tenantId, (trx) => getRun(trx, runId));
  return run === undefined ? undefined : workflows[run.kind as RunKind];
}
