import { Failure, messageOf } from '../../domain/failure.ts';
import type { Connection, DatabaseAdmin, SwapNames, Workbench } from '../engine.ts';
import { createStatement } from './create-database.ts';
import { dropDatabase } from './drop-database.ts';
import { isOurs } from './inventory/sql.ts';
import { quoted } from './names.ts';
import { isScratch } from './scratch-mark.ts';
import { readVersion } from './server-version.ts';
import { applicationName, openSession, type Session, withSession } from './session.ts';

/** The server cuts longer names silently, so that two could become one. */
const LONGEST_NAME_BYTES = 63;
/** Databases to stand in while another is created, renamed or dropped; best first. */
const STANDPOINTS = ['postgres', 'template1'] as const;
const SWAP_TRIES = 3;

/** Whole-database operations. Each opens its own session, on a database that it does not touch. */
export function admin(bench: Workbench): DatabaseAdmin {
  const wish = { applicationName: applicationName(bench, ' admin'), signal: bench.signal };

  async function on<Result>(server: Connection, avoid: readonly string[], work: (session: Session) => Promise<Result>) {
    const session = await openElsewhere(server, avoid, wish);
    try {
      return await work(session);
    } finally {
      await session.end();
    }
  }

  return {
    list: (server) => on(server, [], listDatabases),
    exists: (server, name) => on(server, [], (session) => exists(session, name)),
    isEmpty: (server, name) => withSession({ ...server, database: name }, wish, isEmpty),
    create: (server, name, facts) => on(server, [name], (session) => create(bench, session, { name, facts })),
    drop: (server, name) =>
      on(server, [name], (session) => dropDatabase(session, { server, name }, wish).catch(notAllowed(`drop ${name}`))),
    sessions: (server, name) => on(server, [name], (session) => sessionsOn(session, name)),
    disconnect: (server, name) => on(server, [name], (session) => disconnect(session, name)),
    swap: (server, names) => on(server, Object.values(names), (session) => swap(session, names)),
  };
}

/** A session on a database that is none of those to be changed. */
async function openElsewhere(
  server: Connection,
  avoid: readonly string[],
  wish: Parameters<typeof openSession>[1],
): Promise<Session> {
  const candidates = [...STANDPOINTS, server.database].filter((name) => name !== '' && !avoid.includes(name));
  let failed: unknown;
  for (const database of candidates) {
    try {
      return await openSession({ ...server, database }, wish);
    } catch (error) {
      failed = error;
      if (
        !(error instanceof Failure) ||
        !['not_found', 'privilege_missing', 'authentication_failed'].includes(error.code)
      ) {
        throw error;
      }
    }
  }
  throw failed;
}

async function listDatabases(session: Session): Promise<string[]> {
  const rows = await session.rows(
    "select datname as name from pg_database where datallowconn and not datistemplate and has_database_privilege(oid, 'connect') order by datname",
  );
  return rows.map(({ name }) => name ?? '');
}

async function exists(session: Session, name: string): Promise<boolean> {
  return (await session.rows('select 1 from pg_database where datname = $1', [name])).length > 0;
}

/** Nothing that anyone made: extensions and the schema `public` as they come do not count. */
async function isEmpty(session: Session): Promise<boolean> {
  const ours = [
    'pg_class',
    'pg_proc',
    'pg_type',
    'pg_namespace',
    'pg_operator',
    'pg_collation',
    'pg_event_trigger',
    'pg_publication',
  ]
    .map((catalog) => `exists (select from ${catalog} x where ${isOurs(catalog, 'x.oid')}${condition(catalog)})`)
    .join(' or ');
  const [row] = await session.rows(`select not (${ours} or exists (select from pg_largeobject_metadata)) as empty`);
  return row?.empty === 't';
}

function condition(catalog: string): string {
  if (catalog === 'pg_namespace') return " and x.nspname !~ '^pg_'";
  if (catalog === 'pg_class') return " and x.relpersistence <> 't' and x.relkind <> 't'";
  return '';
}

interface NewDatabase {
  readonly name: string;
  readonly facts: Readonly<Record<string, string>>;
}

async function create(bench: Workbench, session: Session, { name, facts }: NewDatabase): Promise<void> {
  requireName(name);
  const { major } = await readVersion(session);
  try {
    await session.rows(createStatement(name, facts, major));
  } catch (error) {
    if (!(await isScratch(session)) || !/locale|collat/i.test(messageOf(error)))
      return notAllowed(`create ${name}`)(error);
    // A throwaway server of ours need not have every locale of the world; the comparison says so.
    bench.note('The scratch server lacks the database’s locale and uses C instead.');
    await session.rows(createStatement(name, { encoding: facts.encoding ?? 'UTF8', collate: 'C', ctype: 'C' }, major));
  }
}

async function sessionsOn(session: Session, name: string): Promise<string[]> {
  const rows = await session.rows(
    `select 'pid ' || pid || coalesce(' of ' || usename, '') || coalesce(' (' || nullif(application_name, '') || ')', '')
        || coalesce(' from ' || client_addr, '') || coalesce(', ' || state || ' since ' || date_trunc('second', state_change), '') as words
      from pg_stat_activity where datname = $1 and pid <> pg_backend_pid() order by pid`,
    [name],
  );
  return rows.map(({ words }) => words ?? 'a session');
}

async function disconnect(session: Session, name: string): Promise<void> {
  await session
    .rows(
      'select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1 and pid <> pg_backend_pid()',
      [name],
    )
    .catch(notAllowed(`end the sessions on ${name}`));
}

/** Both renames in one transaction: whatever happens, every database has its old name or every one its new. */
async function swap(session: Session, names: SwapNames): Promise<void> {
  const { current, fresh, kept } = names;
  for (const name of [current, fresh, kept]) requireName(name);
  // The server itself would wait for them for seconds.
  const inTheWay = await sessionsOn(session, current);
  if (inTheWay.length > 0) throw inUse(current, inTheWay);
  for (let attempt = 1; ; attempt += 1) {
    const error = await renameBoth(session, names);
    if (error === undefined) return;
    if (!isInUse(error)) return notAllowed(`rename ${current}`)(error);
    const open = [...(await sessionsOn(session, current)), ...(await sessionsOn(session, fresh))];
    // Someone may have come and gone in between.
    if (open.length > 0 || attempt === SWAP_TRIES) throw inUse(current, open);
  }
}

async function renameBoth(session: Session, { current, fresh, kept }: SwapNames): Promise<unknown> {
  const rename = (from: string, to: string) => `alter database ${quoted(from)} rename to ${quoted(to)}`;
  try {
    await session.rows('begin');
    await session.rows(rename(current, kept));
    await session.rows(rename(fresh, current));
    await session.rows('commit');
    return undefined;
  } catch (error) {
    await session.rows('rollback').catch(() => []);
    return error;
  }
}

function isInUse(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '55006';
}

function inUse(name: string, open: readonly string[]): Failure {
  return new Failure('target_in_use', `${name} is in use: ${open.join('; ') || 'a session that came and went'}.`, {
    remedy: 'End these sessions and try again, or allow them to be disconnected (--disconnect).',
    details: { sessions: open },
  });
}

function requireName(name: string): void {
  if (name !== '' && Buffer.byteLength(name) <= LONGEST_NAME_BYTES && !name.includes('\0')) return;
  throw new Failure('usage', `A database cannot be called ${JSON.stringify(name)}.`, {
    remedy: `Choose a name of 1 to ${LONGEST_NAME_BYTES} bytes.`,
  });
}

/** The server's own words, as the Failure that they are. */
function notAllowed(what: string): (error: unknown) => never {
  return (error) => {
    if (error instanceof Failure) throw error;
    const code = error instanceof Error && 'code' in error ? error.code : '';
    if (code === '42501') {
      throw new Failure('privilege_missing', `This user may not ${what}: ${messageOf(error)}.`, {
        remedy: 'Use the database’s owner with CREATEDB, or a superuser.',
        cause: error,
      });
    }
    if (code === '55006') throw inUse(what, []);
    throw new Failure('restore_refused', `The server would not ${what}: ${messageOf(error)}.`, {
      remedy: 'See what the server says, and whether it has the locale and encoding of the original.',
      cause: error,
    });
  };
}
