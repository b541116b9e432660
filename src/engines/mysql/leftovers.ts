import { createHash } from 'node:crypto';
import type { Row, Server } from './server.ts';
import { quoteText } from './sql-text.ts';

/** How a dump's statements are known on the server: our run, and the server on which that run holds its lock. */
const MARK = /\/\* database-dump run ([\w-]+) at ([0-9a-f]{12}) \*\//;

/**
 * Ends dumps of this database and account that nobody waits for any more (F11): those of this very run, from an earlier
 * attempt, and those of runs that no longer hold their lock. Returns how many. A dump without our mark is never touched.
 */
export async function endLeftovers(server: Server, dump: DumpOfRun): Promise<number> {
  const place = await placeOf(server);
  let ended = 0;
  for (const row of await server.rows('SHOW FULL PROCESSLIST')) {
    const run = runOf(row, dump, place);
    if (run === undefined || (run !== plainId(dump.runId) && (await isAlive(server, run)))) continue;
    // It may have ended by itself meanwhile.
    await server.run(`KILL CONNECTION ${Number(row.Id)}`).then(
      () => {
        ended += 1;
      },
      () => undefined,
    );
  }
  return ended;
}

export interface DumpOfRun {
  readonly runId: string;
  readonly user: string;
  readonly database: string;
}

/** The run whose dump a session is; undefined where it is none of ours, or belongs to a run whose lock is elsewhere. */
function runOf({ User, db, Info }: Row, { user, database }: DumpOfRun, place: string): string | undefined {
  const [, run, at] = MARK.exec(Info ?? '') ?? [];
  return User === user && db === database && at === place ? run : undefined;
}

async function isAlive(server: Server, run: string): Promise<boolean> {
  const [row] = await server.rows(`SELECT IS_FREE_LOCK(${quoteText(lockOf(run))}) AS free`);
  return row?.free !== '1';
}

/**
 * The comment for this run's dump, once this session holds the run's lock; the lock goes with the session, however it ends.
 * Undefined where the server grants none, as some clusters do: then the dump has no mark, and is never taken for a leftover.
 */
export async function takeMark(server: Server, runId: string): Promise<string | undefined> {
  const run = plainId(runId);
  try {
    const [row] = await server.rows(`SELECT GET_LOCK(${quoteText(lockOf(run))}, 0) AS got`);
    return row?.got === '1' ? `/* database-dump run ${run} at ${await placeOf(server)} */` : undefined;
  } catch {
    return undefined;
  }
}

/** A server takes 64 characters. */
function lockOf(run: string): string {
  return `database-dump ${run}`;
}

function plainId(runId: string): string {
  return runId.replace(/[^\w-]/g, '').slice(0, 40);
}

/** Locks are of one server, and so is its list of sessions; behind one address there may be several. */
async function placeOf(server: Server): Promise<string> {
  const [row] = await server.rows('SELECT @@hostname AS host, @@port AS port, @@server_id AS id, @@datadir AS folder');
  return createHash('sha256').update(JSON.stringify(row)).digest('hex').slice(0, 12);
}
