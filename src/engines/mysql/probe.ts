import { Failure } from '../../domain/failure.ts';
import type { Connection, Probe, Workbench } from '../engine.ts';
import { judgePrivileges } from './grants.ts';
import { chooseProgram } from './programs.ts';
import { readEntries, type TableEntry } from './schema.ts';
import { type Server, withServer } from './server.ts';
import { quoteName, quoteText } from './sql-text.ts';

/** Engines that take part in the snapshot; rows of every other one may change while they are read (F14). */
const TRANSACTIONAL = new Set(['innodb', 'rocksdb', 'tokudb', 'ndbcluster', 'ndb', '']);
const OLDEST: Readonly<Record<string, readonly [number, number]>> = { MariaDB: [10, 3], MySQL: [5, 7] };
/** Client character sets whose characters may hold the byte of a quote or backslash: not restored, so not promised. */
const UNSAFE_CLIENTS = ['big5', 'cp932', 'gb18030', 'gbk', 'sjis'];

/** A first look: reaches the server, reads nothing but its catalogue, changes nothing. */
export async function probeServer(bench: Workbench, source: Connection): Promise<Probe> {
  return withServer(source, async (server) => {
    requireSupported(server);
    const { database } = source;
    if (database === '') return serverProbe(server);
    const entries = await readEntries(server, database);
    const privileges = await judgePrivileges(server, database);
    const obstacles = [
      ...privileges.flatMap(({ obstacle }) => obstacle ?? []),
      ...toolObstacle(bench, server),
      ...(await viewObstacles(server, entries)),
    ];
    return {
      flavour: server.flavour,
      version: server.version,
      major: server.numbers[0] ?? 0,
      bytes: await sizeOf(server, database),
      tables: entries.filter(({ kind }) => kind !== 'view').map(({ name }) => name),
      privileges: privileges.map(({ name, granted, remedy }) => ({ name, granted, remedy })),
      warnings: await warningsOf(server, source, entries),
      obstacles,
    };
  });
}

async function serverProbe(server: Server): Promise<Probe> {
  const { flavour, version, numbers } = server;
  return {
    flavour,
    version,
    major: numbers[0] ?? 0,
    bytes: undefined,
    tables: [],
    privileges: [],
    warnings: [],
    obstacles: [],
  };
}

/** Throws `server_unsupported` for servers older than any we ever ran against. */
export function requireSupported({ flavour, version, numbers }: Server): void {
  const [major, minor] = OLDEST[flavour] ?? [0, 0];
  const [ours = 0, theirs = 0] = numbers;
  if (ours > major || (ours === major && theirs >= minor)) return;
  throw new Failure('server_unsupported', `${flavour} ${version} is older than ${major}.${minor}.`, {
    remedy: `Upgrade the server to ${flavour} ${major}.${minor} or newer.`,
  });
}

function toolObstacle({ tools }: Workbench, { flavour, version }: Server): string[] {
  try {
    chooseProgram(tools, 'dump', { family: flavour, version });
    return [];
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return [`${error.message} ${error.remedy}`];
  }
}

async function sizeOf(server: Server, database: string): Promise<number | undefined> {
  const [row] = await server.rows(
    `SELECT SUM(DATA_LENGTH + INDEX_LENGTH) AS bytes FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${quoteText(database)}`,
  );
  return row?.bytes === null || row?.bytes === undefined ? 0 : Math.round(Number(row.bytes));
}

/** The dump tool asks for each view's columns and ends where that fails: absent definer, missing table, missing right (F18). */
async function viewObstacles(server: Server, entries: readonly TableEntry[]): Promise<string[]> {
  const obstacles: string[] = [];
  for (const { name } of entries.filter(({ kind }) => kind === 'view')) {
    await server.rows(`SHOW FIELDS FROM ${quoteName(name)}`).catch((error: Error) => {
      obstacles.push(
        `View ${JSON.stringify(name)} cannot be read (${error.message}): repair it, drop it, or create the account it runs as.`,
      );
    });
  }
  return obstacles;
}

async function warningsOf(server: Server, source: Connection, entries: readonly TableEntry[]): Promise<string[]> {
  const plain = source.tls.mode === 'disable' ? ['The connection is not encrypted.'] : [];
  return [...plain, ...(await contentWarnings(server, source.database, entries))];
}

export function outsideSnapshot(entries: readonly TableEntry[]): string[] {
  return entries
    .filter(({ kind, engine }) => kind === 'table' && !TRANSACTIONAL.has(engine.toLowerCase()))
    .map(({ name, engine }) => `${name} (${engine})`);
}

/** What will not be as it was, one sentence each. */
export async function contentWarnings(
  server: Server,
  database: string,
  entries: readonly TableEntry[],
): Promise<string[]> {
  const warnings: string[] = [];
  const outside = outsideSnapshot(entries);
  if (outside.length > 0) {
    warnings.push(
      `These tables are not part of the snapshot and may change while they are read: ${outside.join(', ')}.`,
    );
  }
  const memory = entries.filter(({ kind, engine }) => kind === 'table' && engine.toLowerCase() === 'memory');
  if (memory.length > 0) {
    warnings.push(
      `Rows of MEMORY tables are gone when their server restarts: ${memory.map(({ name }) => name).join(', ')}.`,
    );
  }
  const known = new Set(entries.map(({ name }) => name));
  const floats = (await floatTables(server, database)).filter((name) => known.has(name));
  if (floats.length > 0) {
    warnings.push(
      `FLOAT values are written with six significant digits, as the server prints them: ${floats.join(', ')}.`,
    );
  }
  return [...warnings, ...(await clientWarnings(server, database))];
}

async function floatTables(server: Server, database: string): Promise<string[]> {
  const rows = await server.rows(
    `SELECT DISTINCT TABLE_NAME AS name FROM information_schema.COLUMNS
     WHERE TABLE_SCHEMA = ${quoteText(database)} AND DATA_TYPE = 'float' ORDER BY TABLE_NAME`,
  );
  return rows.map(({ name }) => name ?? '');
}

async function clientWarnings(server: Server, database: string): Promise<string[]> {
  const names = UNSAFE_CLIENTS.map((name) => quoteText(name)).join(', ');
  const schema = quoteText(database);
  const rows = await server.rows(
    `SELECT TRIGGER_NAME AS name FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ${schema} AND CHARACTER_SET_CLIENT IN (${names})
     UNION SELECT ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ${schema} AND CHARACTER_SET_CLIENT IN (${names})
     UNION SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ${schema} AND CHARACTER_SET_CLIENT IN (${names})
     UNION SELECT TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ${schema} AND CHARACTER_SET_CLIENT IN (${names})`,
  );
  const found = rows.map(({ name }) => name ?? '');
  if (found.length === 0) return [];
  return [
    `These were made by clients whose character set cannot be restored safely; make them again as utf8mb4: ${found.join(', ')}.`,
  ];
}
