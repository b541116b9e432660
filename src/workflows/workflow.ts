/** Where a step runs: a short one in a function, a long one in a task with the engine's programs. */
export type StepPlace = 'function' | 'task';

export interface StepDefinition {
  readonly name: string;
  readonly place: StepPlace;
  /** Seconds after which the step is over and failed. */
  readonly timeoutSeconds: number;
}

/**
 * An ordered list of steps. The first, `claim`, takes the lease and returns the attempt, or says that there is nothing to do.
 * A task is never retried by itself: a retryable failure goes back through `claim`, whose attempt number fences the old one off.
 * `failed` runs once when attempts are used up or the failure is permanent; it is reached whatever happened.
 */
export interface WorkflowDefinition {
  readonly name: string;
  readonly claim: StepDefinition;
  readonly steps: readonly StepDefinition[];
  readonly failed: StepDefinition;
  /** Seconds before the second attempt; doubled for each further one. */
  readonly retryAfterSeconds: number;
  readonly timeoutSeconds: number;
}

/** What travels between steps: ids and counts, never contents. */
export interface RunInput {
  readonly tenantId: string;
  readonly runId: string;
}

export interface Claimed extends RunInput {
  /** False: somebody else has done it or is doing it, or it was cancelled. */
  readonly proceed: boolean;
  readonly attempt: number;
  /** Attempts that are allowed in all. */
  readonly attempts: number;
  /** Which engine's task runs it. */
  readonly engine: string;
  /** Fencing token of this attempt's lease. */
  readonly lease: string;
}
