import { FAILURES, type FailureCode } from '../domain/failure.ts';
import { TIMED_OUT } from './attempt.ts';
import type { Failed } from './workflow.ts';

/** Why a run ends badly, in the words of a problem. */
export interface Why {
  readonly code: FailureCode;
  readonly cause: string;
  readonly remedy: string | undefined;
  /** Whatever the code says, this is not tried again. */
  readonly final: boolean;
}

interface Told {
  readonly errorMessage?: unknown;
  readonly remedy?: unknown;
  readonly Containers?: readonly { readonly ExitCode?: unknown }[];
}

/**
 * What a step threw, as a state machine hands it on: the name is a failure's code; the cause is plain text, or the JSON of a
 * function's error, or that of a task that has ended, whose exit status is a code of ours.
 */
export function whyOf({ Error: name, Cause: cause = '' }: Failed['failed']): Why {
  const told = parsed(cause);
  if (name === TIMED_OUT) return timedOut();
  const code = codeOf(name) ?? (told?.Containers === undefined ? 'internal' : codeOfExit(told.Containers[0]?.ExitCode));
  const text = typeof told?.errorMessage === 'string' ? told.errorMessage : told === undefined ? cause : '';
  const remedy = typeof told?.remedy === 'string' ? told.remedy : undefined;
  return { code, cause: text === '' ? `It ended as ${code.replaceAll('_', ' ')}.` : text, remedy, final: false };
}

function timedOut(): Why {
  return {
    code: 'stalled',
    cause: 'It took longer than it may.',
    remedy: 'Give it more time, or find out what holds it up.',
    final: true,
  };
}

/** A place that could not start the task, for want of room or patience, may be able to later (F55). */
const NOT_STARTED = /^(Amazon)?ECS\./;

function codeOf(name: string): FailureCode | undefined {
  if (Object.hasOwn(FAILURES, name)) return name as FailureCode;
  return NOT_STARTED.test(name) ? 'not_ready' : undefined;
}

const SIGNALLED = 128;

/** Exit statuses are one to one with codes. A task that was killed has another one, or none: like one that fell silent. */
function codeOfExit(exit: unknown): FailureCode {
  if (typeof exit !== 'number' || exit > SIGNALLED) return 'lease_lost';
  const found = Object.entries(FAILURES).find(([, facts]) => facts.exit === exit);
  return found === undefined ? 'internal' : (found[0] as FailureCode);
}

function parsed(cause: string): Told | undefined {
  try {
    const value: unknown = JSON.parse(cause);
    return value !== null && typeof value === 'object' ? value : undefined;
  } catch {
    return undefined;
  }
}
