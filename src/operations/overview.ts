import { clock, found } from '../catalog/repositories/changing.ts';
import { getDatabase } from '../catalog/repositories/databases.ts';
import {
  backupFigures,
  type DatabaseFigures,
  databaseFigures,
  dayFigures,
  usageFigures,
} from '../catalog/repositories/figures.ts';
import { lastRestoreSeconds } from '../catalog/repositories/restores.ts';
import { newestRun } from '../catalog/repositories/runs.ts';
import { schedulesOf } from '../catalog/repositories/schedules.ts';
import { look } from './change.ts';
import { settingsOf } from './database-rules.ts';
import { maybeInstant } from './instant.ts';
import type { Operation } from './operation.ts';
import { refuse } from './refusal.ts';

const DAYS = 30;
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const DEFAULT_RPO_HOURS = 24;

/** The headline of each database is its last verified backup, never the last run (product.md §6, B-19). */
export const getOverview: Operation<'overview.get', 'catalog'> = (runtime, asker) =>
  look(runtime, asker, async (trx) => {
    const rows = await databaseFigures(trx);
    const days = await dayFigures(trx, DAYS);
    const rpo = rows.map((row) => ({
      databaseId: row.id,
      name: row.name,
      lastVerifiedAt: maybeInstant(row.last_good_at),
      hours: row.hours ?? undefined,
      rpoHours: row.rpo_hours ?? DEFAULT_RPO_HOURS,
      ok: isFresh(row),
    }));
    return {
      databases: rows.length,
      restorable: rpo.filter(({ ok }) => ok).length,
      attention: rows.flatMap(attentionTo),
      rpo,
      days: days.map(({ day, succeeded, failed, missed }) => ({ day, succeeded, failed, missed })),
      storedBytes: days.map(({ day, bytes }) => ({ day, bytes: Number(bytes) })),
    };
  });

function isFresh({ hours, rpo_hours: rpoHours }: DatabaseFigures): boolean {
  return hours !== null && hours <= (rpoHours ?? DEFAULT_RPO_HOURS);
}

/** The worst thing about a database, if there is one. */
function attentionTo(row: DatabaseFigures) {
  const worst = worstOf(row);
  return worst === undefined ? [] : [{ databaseId: row.id, name: row.name, ...worst }];
}

/** Runs that did not end as they should, in words. */
const ENDED_BADLY: Readonly<Record<string, string>> = {
  failed: 'The last backup failed.',
  partly: 'The last backup reached only some of its destinations.',
  interrupted: 'The last backup was interrupted.',
};

function worstOf(row: DatabaseFigures): { readonly problem: string; readonly remedy: string } | undefined {
  if (row.state === 'error')
    return { problem: row.error ?? 'It could not be verified.', remedy: 'Correct it and verify it again.' };
  const bad = ENDED_BADLY[row.last_run_state ?? ''];
  if (bad !== undefined) return { problem: row.last_cause ?? bad, remedy: row.last_remedy ?? 'See the run.' };
  if (isFresh(row)) return undefined;
  return { problem: stalenessOf(row), remedy: 'Back it up now, and look at its schedule.' };
}

function stalenessOf({ hours, rpo_hours: rpoHours }: DatabaseFigures): string {
  if (hours === null) return 'It has no verified backup.';
  return `Its last verified backup is ${Math.floor(hours)} h old (RPO ${rpoHours ?? DEFAULT_RPO_HOURS} h).`;
}

export const getDatabaseOverview: Operation<'databases.overview', 'catalog'> = (runtime, asker, { params }) =>
  look(runtime, asker, async (trx) => {
    const row = found(await getDatabase(trx, params.databaseId), 'database');
    const { rpoHours, rtoMinutes } = settingsOf(row);
    const now = await clock(trx);
    const run = await newestRun(trx, row.id, ['backup']);
    const slots = (await schedulesOf(trx, { databaseId: row.id })).flatMap(({ next_slot: slot }) =>
      slot === null ? [] : [slot.getTime()],
    );
    const { last_good_at: lastGood } = row;
    return {
      databaseId: row.id,
      lastVerifiedAt: maybeInstant(lastGood),
      rpoHours,
      rpoOk: lastGood !== null && now.getTime() - lastGood.getTime() <= rpoHours * HOUR_MS,
      ...(await backupFigures(trx, row.id)),
      lastRun: run && {
        id: run.id,
        state: run.state,
        finishedAt: maybeInstant(run.finished_at),
        cause: run.cause ?? undefined,
        remedy: run.remedy ?? undefined,
      },
      nextRunAt: slots.length === 0 ? undefined : new Date(Math.min(...slots)).toISOString(),
      lastRestoreSeconds: await lastRestoreSeconds(trx, row.id),
      rtoMinutes,
    };
  });

/** Dollars for one GiB in the standard class for a month, and for an hour of the task that makes a backup. */
const STORAGE_PRICE = 0.023;
const HOUR_PRICE = 0.05;
const GIB = 2 ** 30;
const MONTH_MS = 30 * DAY_MS;

/** What was done and what lies there; the cost is an estimate at the list prices of us-east-1. */
export const getUsage: Operation<'usage.get', 'catalog'> = (runtime, asker, { query }) =>
  look(runtime, asker, async (trx) => {
    const today = (await clock(trx)).toISOString().slice(0, 10);
    const to = query.to ?? today;
    const from = query.from ?? `${to.slice(0, 7)}-01`;
    const span = { from: new Date(`${from}T00:00:00Z`), to: new Date(Date.parse(`${to}T00:00:00Z`) + DAY_MS) };
    if (span.from >= span.to) refuse('The span ends before it begins.', 'Give from before to.');
    const figures = await usageFigures(trx, span);
    const storedBytes = Number(figures.stored_bytes);
    const months = (span.to.getTime() - span.from.getTime()) / MONTH_MS;
    return {
      from,
      to,
      runs: figures.runs,
      storedBytes,
      plainBytes: Number(figures.plain_bytes),
      estimatedCost: {
        currency: 'USD',
        service: cents((figures.run_seconds / 3600) * HOUR_PRICE),
        storage: cents((storedBytes / GIB) * STORAGE_PRICE * months),
      },
    };
  });

function cents(dollars: number): number {
  return Math.round(dollars * 100) / 100;
}
