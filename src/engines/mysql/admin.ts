import type { Connection, DatabaseAdmin, Workbench } from '../engine.ts';
import { listCode } from './contents.ts';
import { checkedName, createDatabase, databaseExists, SYSTEM } from './databases.ts';
import { readEntries } from './schema.ts';
import { type Server, withServer } from './server.ts';
import { quoteName } from './sql-text.ts';
import { swapDatabases } from './swap.ts';

/** Whole-database operations. The session never stands in the database it works on. */
export function databaseAdmin(bench: Workbench): DatabaseAdmin {
  const on = <T>(server: Connection, use: (session: Server) => Promise<T>) =>
    withServer({ ...server, database: '' }, use);
  return {
    list: (server) => on(server, listDatabases),
    exists: (server, name) => on(server, async (session) => databaseExists(session, name)),
    isEmpty: (server, name) => on(server, (session) => isEmpty(session, name)),
    create: (server, name, facts) => on(server, (session) => createDatabase(session, name, facts)),
    drop: (server, name) =>
      on(server, (session) => session.run(`DROP DATABASE IF EXISTS ${quoteName(checkedName(name))}`)),
    sessions: (server, name) =>
      on(server, async (session) => (await sessionsOn(session, name)).map(({ line }) => line)),
    disconnect: (server, name) => on(server, (session) => disconnect(session, name)),
    swap: (server, names) => swapDatabases(bench, server, names),
  };
}

async function listDatabases(session: Server): Promise<string[]> {
  const rows = await session.rows('SHOW DATABASES');
  return rows.map((row) => Object.values(row)[0] ?? '').filter((name) => !SYSTEM.includes(name.toLowerCase()));
}

async function isEmpty(session: Server, name: string): Promise<boolean> {
  const entries = await readEntries(session, name);
  return entries.length === 0 && (await listCode(session, name)).length === 0;
}

interface Session {
  readonly id: number;
  readonly line: string;
}

async function sessionsOn(session: Server, name: string): Promise<Session[]> {
  const rows = await session.rows('SHOW FULL PROCESSLIST');
  const others = rows.filter((row) => row.db === name && row.Id !== session.sessionId);
  return others.map((row) => ({
    id: Number(row.Id),
    line: `session ${row.Id} of ${row.User} from ${row.Host}, ${row.Command} for ${row.Time} s`,
  }));
}

async function disconnect(session: Server, name: string): Promise<void> {
  for (const { id } of await sessionsOn(session, name)) {
    // It may have ended by itself meanwhile.
    await session.run(`KILL CONNECTION ${id}`).catch(() => undefined);
  }
}
