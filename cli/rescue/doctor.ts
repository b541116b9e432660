import { z } from 'zod';
import { FAILURES, type FailureCode } from '../../src/domain/failure.ts';
import type { Outcome } from '../screen.ts';
import { checkMachine } from './doctor-machine.ts';
import { checkDatabase, checkStore } from './doctor-remote.ts';
import { CommonOptions } from './global-options.ts';
import { runCommand } from './session.ts';

const DoctorOptions = CommonOptions.extend({ to: z.string().optional() });

/** One thing looked at. */
export interface Check {
  /** `pg_dump`, `database`, `store` … */
  readonly name: string;
  /** `warn`: worth knowing, or missing but not needed for what was asked. */
  readonly verdict: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  readonly remedy?: string;
  /** What a `fail` would end a backup with. */
  readonly code?: FailureCode;
}

/** `dbdump doctor`: exits with the code of the first thing that a backup would fail on. `also`: what else is looked at. */
export async function doctorCommand(
  database: string | undefined,
  given: unknown,
  also: () => Promise<readonly Check[]>,
): Promise<void> {
  const options = DoctorOptions.parse(given);
  await runCommand(options, async (session) => {
    const checks = await checkMachine(session);
    if (database !== undefined) checks.push(...(await checkDatabase(session, database)));
    if (options.to !== undefined) checks.push(...(await checkStore(session, options.to)));
    return outcomeOf([...checks, ...(await also())]);
  });
}

function outcomeOf(checks: readonly Check[]): Outcome {
  const failed = checks.find(({ verdict }) => verdict === 'fail');
  return {
    document: { ok: failed === undefined, checks },
    lines: checks.flatMap(linesOf),
    exit: failed === undefined ? 0 : FAILURES[failed.code ?? 'internal'].exit,
  };
}

const MARKS = { ok: '✔', warn: '!', fail: '✘' } as const;
const NAME_WIDTH = 14;

function linesOf({ name, verdict, detail, remedy }: Check): string[] {
  const line = `${MARKS[verdict]} ${name.padEnd(NAME_WIDTH)} ${detail}`;
  return remedy === undefined ? [line] : [line, `  ${' '.repeat(NAME_WIDTH)} → ${remedy}`];
}
