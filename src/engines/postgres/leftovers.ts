import type { Session } from './session.ts';

/**
 * Ends dumps of this database that nobody waits for any more (F11): those of this very run, from an earlier attempt, and
 * those of runs whose snapshot session is gone. A live run always has one, since it outlives its dump. Returns how many.
 */
export async function endLeftovers(session: Session, runId: string): Promise<number> {
  const rows = await session.rows(LEFTOVERS, [runId.slice(0, 40)]);
  return rows.length;
}

const LEFTOVERS = `
  select pg_terminate_backend(a.pid) from pg_stat_activity a
  where a.datname = current_database() and a.usename = current_user and a.pid <> pg_backend_pid()
    and a.application_name ~ '^database-dump [^ ]+$'
    and (a.application_name = 'database-dump ' || $1
      or not exists (select from pg_stat_activity s where s.datname = a.datname and s.application_name = a.application_name || ' snapshot'))`;

/** Ends this run's own dump, if it still runs on the server. */
export async function endDump(session: Session, dumpName: string): Promise<void> {
  await session.rows(
    `select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and usename = current_user and application_name = $1`,
    [dumpName],
  );
}
