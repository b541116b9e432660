import { found } from '../catalog/repositories/changing.ts';
import { lastLines } from '../catalog/repositories/run-lines.ts';
import { askToCancel, getRun, listRuns, type RunRow } from '../catalog/repositories/runs.ts';
import { Run, RunKind, RunState } from '../contract/resources/work.ts';
import { messageOf } from '../domain/failure.ts';
import { change, look } from './change.ts';
import { instant, maybeInstant } from './instant.ts';
import type { Operation } from './operation.ts';

export function runResource(row: RunRow) {
  return {
    id: row.id,
    kind: RunKind.parse(row.kind),
    trigger: Run.shape.trigger.parse(row.trigger),
    state: RunState.parse(row.state),
    databaseId: row.database_id ?? undefined,
    scheduleId: row.schedule_id ?? undefined,
    slot: maybeInstant(row.slot),
    backupId: row.backup_id ?? undefined,
    attempt: row.attempt,
    progress: Run.shape.progress.parse(row.progress ?? undefined),
    outcomes: Run.shape.outcomes.parse(row.outcomes),
    ...whyOf(row),
    report: row.report ?? undefined,
    queuedAt: instant(row.queued_at),
    startedAt: maybeInstant(row.started_at),
    finishedAt: maybeInstant(row.finished_at),
    version: row.version,
  };
}

function whyOf({ code, cause, remedy }: RunRow) {
  return { code: code ?? undefined, cause: cause ?? undefined, remedy: remedy ?? undefined };
}

export const listAllRuns: Operation<'runs.list', 'catalog'> = async (runtime, asker, { query }) => {
  const { rows, next } = await look(runtime, asker, (trx) => listRuns(trx, query));
  return { items: rows.map(runResource), next };
};

export const getOneRun: Operation<'runs.get', 'catalog'> = async (runtime, asker, { params }) =>
  runResource(await look(runtime, asker, async (trx) => found(await getRun(trx, params.runId), 'run')));

export const getRunLog: Operation<'runs.log', 'catalog'> = (runtime, asker, { params }) =>
  look(runtime, asker, async (trx) => {
    const { id } = found(await getRun(trx, params.runId), 'run');
    const lines = await lastLines(trx, id);
    return { lines: lines.map(({ at, text }) => ({ at: instant(at), text })) };
  });

/** What is queued ends at once; what runs hears of it at its next sign of life, and from the launcher. A run that is over stays. */
export const cancelRun: Operation<'runs.cancel', 'catalog' | 'launcher' | 'log'> = async (
  runtime,
  asker,
  { params },
) => {
  const run = await change(runtime, asker, async (trx, told) => {
    const row = found(await askToCancel(trx, params.runId), 'run');
    await told({ action: 'runs.cancel', object: `run ${row.id}`, after: { state: row.state } });
    return runResource(row);
  });
  if (run.finishedAt !== undefined && run.state !== 'cancelled') return run;
  try {
    await runtime.launcher.cancel({ tenantId: asker.tenantId, runId: run.id });
  } catch (error) {
    runtime.log('warn', { runId: run.id, cause: messageOf(error) }, 'the launcher could not be told of a cancellation');
  }
  return run;
};
