import { z } from 'zod';
import { VerifyRun } from '../../contract/resources/stored.ts';
import { Failure } from '../../domain/failure.ts';
import type { VerifyOutcome } from '../../pipeline/pipeline.ts';
import { differenceLine } from '../../pipeline/report.ts';
import { verify } from '../../pipeline/verify.ts';
import { engineIn } from '../engine-of.ts';
import { needsOf, type TaskWork } from '../task.ts';

/** What a verification leaves: what lists and reports show, without any content. */
export const VerifyResult = z.object({
  asked: z.int(),
  reached: z.int(),
  status: z.enum(['sealed', 'stored', 'good', 'suspect', 'lost', 'archived', 'deleted']),
  reason: z.string().optional(),
  plainSha256: z.string().optional(),
  tables: z.int(),
  rows: z.int(),
  differences: z.array(z.string()),
  notices: z.array(z.string()),
  restoreSeconds: z.number().optional(),
  /** Minutes a restore may take, as the database's settings say, and whether this one did. */
  rtoMinutes: z.number().optional(),
  withinRto: z.boolean().optional(),
});
export type VerifyResult = z.infer<typeof VerifyResult>;

/** The long step: reads, decodes, and at level 3 restores and compares, with the assertions that the client wrote. */
export const check: TaskWork = async (task) => {
  const { job, runtime } = task;
  const { level } = VerifyRun.parse(job.request);
  if (job.backup === undefined)
    throw new Failure('not_found', 'The run names no backup.', { remedy: 'Start another.' });
  const { destinationId, manifest, engine } = job.backup;
  const { assertions = {}, rtoMinutes } = job.database?.look.settings ?? {};
  const { tenantId, runId } = job;
  const storage = await runtime.openStorage({ tenantId, destinationId, purpose: 'write', runId });
  try {
    const needs = needsOf(task, { storage, engine: engineIn(runtime.engines, engine) });
    const outcome = await verify(needs, { manifest, level, scratch: undefined, assertions });
    return { result: resultOf(outcome, { level, rtoMinutes }) };
  } finally {
    await storage.close();
  }
};

const MOST_LINES = 100;

function resultOf(
  outcome: VerifyOutcome,
  { level, rtoMinutes }: { readonly level: number; readonly rtoMinutes: number | undefined },
): VerifyResult {
  const { reached, status, reason, plainSha256, restoreSeconds } = outcome;
  const tables = Object.values(outcome.tables);
  const rto =
    rtoMinutes === undefined || restoreSeconds === undefined
      ? {}
      : { rtoMinutes, withinRto: restoreSeconds <= rtoMinutes * 60 };
  return {
    asked: level,
    reached,
    status,
    ...(reason === undefined ? {} : { reason }),
    ...(plainSha256 === undefined ? {} : { plainSha256 }),
    tables: tables.length,
    rows: tables.reduce((sum, { rows }) => sum + rows, 0),
    differences: outcome.differences.slice(0, MOST_LINES).map(differenceLine),
    notices: outcome.notices.slice(0, MOST_LINES),
    ...(restoreSeconds === undefined ? {} : { restoreSeconds }),
    ...rto,
  };
}
