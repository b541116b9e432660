import type { RunKind } from '../contract/resources/work.ts';
import type { FailureCode } from '../domain/failure.ts';

/** What starts a workflow and all that travels to it: ids, never a secret (F85). */
export interface RunInput {
  readonly tenantId: string;
  readonly runId: string;
}

/** What the first step says. Every later step is given it, and adds to it. */
export interface Claimed extends RunInput {
  /**
   * `claimed`: go on. `busy`: ask again after `waitSeconds`; no attempt is used up. `nothing`: the run is over, unknown, or
   * somebody else's. `exhausted`: all attempts are used up; the failure step ends it.
   */
  readonly outcome: 'claimed' | 'busy' | 'nothing' | 'exhausted';
  /** Whether the outcome is `claimed`. */
  readonly proceed: boolean;
  /** Run id and attempt name one try: the token of a started task, the folder of a backup. */
  readonly attempt: number;
  readonly attempts: number;
  /** This attempt's right to speak for the run; worthless once another attempt has claimed it. */
  readonly lease: string;
  /** Whose programs a task needs; empty where there is no task. */
  readonly engine: string;
  /** How long a task may work, in seconds, and after how many it is given up though it has not ended. */
  readonly timeoutSeconds: number;
  readonly deadlineSeconds: number;
  readonly waitSeconds: number;
}

/** What a step threw, as the state machine or the runner saw it. */
export interface Failed {
  readonly failed: { readonly Error: string; readonly Cause?: string };
}

/** What the failure step decided: once more through claim, or the end. */
export interface Settled {
  readonly again: boolean;
  readonly waitSeconds: number;
}

export interface StepDefinition {
  /** One word; also the name of the function that does it. */
  readonly name: string;
  /** `task`: takes long, needs an engine's programs, and is given the run and its lease alone. */
  readonly place: 'function' | 'task';
  /** A task may be given less by claim, never more. */
  readonly timeoutSeconds: number;
}

/** A workflow as data: what the generated state machine and the runner of one machine both do. */
export interface WorkflowDefinition {
  /** The kind of the runs that it does. */
  readonly name: RunKind;
  /** Attempts where the run itself does not say. */
  readonly attempts: number;
  /** Attempts on top of these where whoever did one died without a word: a restarted machine is no fault of the run. */
  readonly deaths: number;
  /** In order; the first one is `claim`. */
  readonly steps: readonly StepDefinition[];
  /** Failures after which another attempt may succeed: it goes back through claim, which is the only loop. */
  readonly retry: readonly FailureCode[];
  /** Reached by every step that fails, whatever it threw. */
  readonly failure: StepDefinition;
}

/** Seconds over its own time that a task is given to tidy up. */
export const TASK_GRACE_SECONDS = 120;

/** Seconds a sign of life is good for; whoever works gives one three times as often. */
export const LEASE_SECONDS = 30;

const FUNCTION_SECONDS = 60;

/** A step that is over within a minute unless told otherwise. */
export function functionStep(name: string, timeoutSeconds = FUNCTION_SECONDS): StepDefinition {
  return { name, place: 'function', timeoutSeconds };
}

const LONGEST_TASK_SECONDS = 7 * 86_400;

export function taskStep(name: string, timeoutSeconds = LONGEST_TASK_SECONDS): StepDefinition {
  return { name, place: 'task', timeoutSeconds };
}
