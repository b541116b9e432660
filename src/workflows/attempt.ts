import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, problemOf } from '../domain/failure.ts';
import type { Claimed, Failed, RunInput, Settled, StepDefinition, WorkflowDefinition } from './workflow.ts';

/** How steps are done where this runs. What it throws has a failure's code as its name. */
export interface StepDoor {
  /** `signal` aborts when the step's time is over. Functions answer with the next step's input; what a task answers is not used. */
  run(step: StepDefinition, input: RunInput, signal: AbortSignal): Promise<unknown>;
}

/** How one attempt ended. */
export type Ending =
  /** `nothing`: there was nothing to do. */
  | { readonly over: true; readonly outcome: 'succeeded' | 'failed' | 'nothing' }
  /** To be tried again from the claim on. */
  | { readonly over: false; readonly waitSeconds: number };

/**
 * One way through a workflow: claim, the steps in order, the failure step whenever one of them fails. The same states and
 * the same choices as the generated state machine; test/workflows/one-table.test.ts holds the two against each other.
 */
export async function runAttempt(definition: WorkflowDefinition, input: RunInput, door: StepDoor): Promise<Ending> {
  const { failure, steps } = definition;
  const [claim, ...rest] = steps;
  let state: RunInput = input;
  const run = async (step: StepDefinition | undefined): Promise<void> => {
    if (step === undefined) return;
    const answer = await inTime(step, state, door);
    if (step.place === 'function') state = answer as RunInput;
  };
  try {
    await run(claim);
    const early = endingOf(state as Claimed);
    if (early !== undefined) return early;
    if ((state as Claimed).outcome === 'exhausted') return await settle(failure, state, door);
    for (const step of rest) await run(step);
    return { over: true, outcome: 'succeeded' };
  } catch (error) {
    return settle(failure, { ...state, ...failedOf(error) }, door);
  }
}

function endingOf({ outcome, waitSeconds }: Claimed): Ending | undefined {
  if (outcome === 'busy') return { over: false, waitSeconds };
  return outcome === 'nothing' ? { over: true, outcome: 'nothing' } : undefined;
}

const FAILURE_TRIES = 5;
const FAILURE_WAIT_MS = 1000;

/** The failure step itself is tried until it has said what becomes of the run. */
async function settle(failure: StepDefinition, input: RunInput & Partial<Failed>, door: StepDoor): Promise<Ending> {
  for (let tried = 1; ; tried += 1) {
    try {
      const { again, waitSeconds } = (await inTime(failure, input, door)) as Settled;
      return again ? { over: false, waitSeconds } : { over: true, outcome: 'failed' };
    } catch (error) {
      if (tried === FAILURE_TRIES) throw error;
      await sleep(FAILURE_WAIT_MS * 2 ** (tried - 1));
    }
  }
}

/** The seconds after which a step is given up, whatever it is doing. */
function deadlineOf({ place, timeoutSeconds }: StepDefinition, { deadlineSeconds }: Partial<Claimed>): number {
  return place === 'task' ? (deadlineSeconds ?? timeoutSeconds) : timeoutSeconds;
}

async function inTime(step: StepDefinition, input: RunInput, door: StepDoor): Promise<unknown> {
  const controller = new AbortController();
  const late = Object.assign(new Error(`${step.name} took too long.`), { name: TIMED_OUT });
  let timer: NodeJS.Timeout | undefined;
  const ended = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(
      () => {
        controller.abort(late);
        reject(late);
      },
      Math.min(deadlineOf(step, input) * 1000, LONGEST_TIMER_MS),
    );
  });
  try {
    return await Promise.race([door.run(step, input, controller.signal), ended]);
  } finally {
    clearTimeout(timer);
  }
}

/** Timers count in 31 bits; a week fits. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The name that a state machine gives to a step which took too long. */
export const TIMED_OUT = 'States.Timeout';

/** As a state machine hands a function's error on, with the remedy beside it. */
function failedOf(error: unknown): Failed {
  const name = error instanceof Error ? error.name : 'Error';
  const { remedy } = problemOf(error);
  return { failed: { Error: name, Cause: JSON.stringify({ errorMessage: messageOf(error), remedy }) } };
}
