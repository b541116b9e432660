import { Failure, messageOf } from '../../domain/failure.ts';
import type { Tool } from '../../process/tools.ts';
import type { Connection, DumpRequest, DumpSession, Workbench } from '../engine.ts';
import { authorityFile } from './authority-file.ts';
import { dumpCommand } from './commands.ts';
import { readContents } from './contents.ts';
import { explainDump, lockedFailure } from './explain.ts';
import { openGlobals } from './globals/dump.ts';
import { endDump, endLeftovers } from './leftovers.ts';
import { requireOneBackend } from './pooler.ts';
import { clientFor } from './programs.ts';
import { readVersion } from './server-version.ts';
import { applicationName, openSession, type Session } from './session.ts';
import { startWatch, type Watch } from './watch.ts';

/**
 * Opens a dump: takes a snapshot, holds it in a session of ours, reads the inventory in it, and names the command that
 * dumps the same snapshot. The caller runs the command and closes the session.
 */
export async function openDump(bench: Workbench, source: Connection, request: DumpRequest): Promise<DumpSession> {
  if (request.type === 'globals') return openGlobals(bench, source, request);
  const session = await openSession(source, {
    applicationName: applicationName(bench, ' snapshot'),
    signal: bench.signal,
  });
  try {
    return await begin(bench, { source, request, session });
  } catch (error) {
    const explained = await explainInSession(error, session, { source, request });
    await session.end();
    throw explained;
  }
}

interface Opening {
  readonly source: Connection;
  readonly request: DumpRequest;
  readonly session: Session;
}

async function begin(bench: Workbench, { source, request, session }: Opening): Promise<DumpSession> {
  await requireOneBackend(session);
  const server = await readVersion(session);
  const tool = clientFor(bench.tools, 'pg_dump', server.major);
  const ended = await endLeftovers(session, bench.runId);
  if (ended > 0) bench.note(`Ended ${ended} dump(s) of earlier runs that nobody waits for.`);
  await session.rows('begin isolation level repeatable read read only');
  await session.rows(`set local lock_timeout = ${Math.max(1, request.lockWaitMs)}`);
  const [snapshot] = await session.rows('select pg_export_snapshot() as id, clock_timestamp()::text as at');
  const contents = await readContents(session, request);
  const warnings = [...(await missingSubscriptions(session)), ...toolWarnings(tool)];
  await session.rows('set local lock_timeout = 0');
  const dumpName = applicationName(bench, '');
  const command = dumpCommand(tool, source, {
    type: request.type,
    snapshot: snapshot?.id ?? '',
    lockWaitMs: request.lockWaitMs,
    include: contents.include,
    exclude: contents.exclude,
    applicationName: dumpName,
    serverOptions: session.serverOptions,
    caFile: await authorityFile(bench, source),
  });
  const watch = startWatch(session, { dumpName, blockLimitMs: request.blockLimitMs });
  return {
    command,
    flavour: 'PostgreSQL',
    serverVersion: server.version,
    toolVersion: tool.version,
    consistency: 'snapshot',
    warnings,
    snapshotAt: new Date(snapshot?.at ?? Number.NaN),
    snapshotId: snapshot?.id ?? undefined,
    inventory: contents.inventory,
    uncounted: contents.uncounted,
    watch: watch.ended,
    explain: (stderr) => explainDump(stderr, { source, lockWaitMs: request.lockWaitMs, blocker: watch.blocker() }),
    close: closer(session, watch, dumpName),
  };
}

/** Ends the dump's own session too, if its client went away without it; holds nothing afterwards (F11). */
function closer(session: Session, watch: Watch, dumpName: string): () => Promise<void> {
  let closed: Promise<void> | undefined;
  return () => {
    closed ??= (async () => {
      await watch.stop();
      await endDump(session, dumpName).catch(() => undefined);
      await session.end();
    })();
    return closed;
  };
}

async function missingSubscriptions(session: Session): Promise<string[]> {
  const [row] = await session.rows(
    `select count(*)::text as n from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())
      and not (select rolsuper from pg_roles where rolname = current_user)`,
  );
  if (Number(row?.n) === 0) return [];
  return [`${row?.n} subscription(s) are not in the dump: only a superuser may read them.`];
}

function toolWarnings(tool: Tool): string[] {
  return tool.reason === undefined ? [] : [`pg_dump ${tool.version} is below the floor ${tool.floor}: ${tool.reason}.`];
}

/** A lock that could not be had names its holder: asked after the failed transaction, in the same session. */
async function explainInSession(
  error: unknown,
  session: Session,
  { source, request }: Omit<Opening, 'session'>,
): Promise<unknown> {
  if (error instanceof Failure) return error;
  const { lockWaitMs } = request;
  if (!/lock timeout/i.test(messageOf(error))) {
    return explainDump(messageOf(error), { source, lockWaitMs, blocker: undefined }) ?? error;
  }
  await session.rows('rollback').catch(() => []);
  const holders = await session.rows(EXCLUSIVE_HOLDERS).catch(() => []);
  const who = holders.map((row) => row.words).join(', ') || 'another session';
  return lockedFailure(`Session ${who} held a lock for more than ${lockWaitMs} ms.`);
}

const EXCLUSIVE_HOLDERS = `select distinct 'pid ' || l.pid || coalesce(' of ' || a.usename, '') || coalesce(' on ' || l.relation::regclass, '') as words
  from pg_locks l left join pg_stat_activity a on a.pid = l.pid
  where l.granted and l.mode = 'AccessExclusiveLock' and l.pid <> pg_backend_pid() and l.locktype = 'relation'
    and l.database = (select oid from pg_database where datname = current_database()) limit 5`;
