import { z } from 'zod';
import type { RunRow } from '../catalog/repositories/runs.ts';
import { FAILURES, type FailureCode } from '../domain/failure.ts';
import type { Why } from './failed.ts';

const CODES = Object.keys(FAILURES) as [FailureCode, ...FailureCode[]];

/** What became of one database of a backup at one of its destinations. */
export const Outcome = z.object({
  destinationId: z.string(),
  /** Which one it is, of an entry that stands for all of a server's; empty: what belongs to none of them. */
  databaseName: z.string().optional(),
  ok: z.boolean(),
  code: z.enum(CODES).optional(),
  detail: z.string().optional(),
});
export type Outcome = z.infer<typeof Outcome>;

/** What a task leaves for the steps after it. Ids, counts and sentences: what is stored is read from the store. */
export const TaskReport = z.object({
  /** Whose report it is: what an earlier attempt left says nothing of this one. */
  attempt: z.int(),
  failure: z
    .object({
      code: z.enum(CODES),
      cause: z.string(),
      remedy: z.string().optional(),
      /** Whatever the code says, another attempt would end the same. */
      final: z.boolean().default(false),
    })
    .optional(),
  outcomes: z.array(Outcome).optional(),
  result: z.record(z.string(), z.unknown()).optional(),
});
export type TaskReport = z.infer<typeof TaskReport>;

export function reportOf({ report }: Pick<RunRow, 'report'>, attempt: number): TaskReport | undefined {
  const read = TaskReport.safeParse(report);
  return read.success && read.data.attempt === attempt ? read.data : undefined;
}

/** Why the attempt's task failed, in its own words, where it still could say so. */
export function reportedFailure(run: Pick<RunRow, 'report'>, attempt: number): Why | undefined {
  const failure = reportOf(run, attempt)?.failure;
  return failure === undefined ? undefined : { ...failure, remedy: failure.remedy };
}
