import { Failure } from '../../domain/failure.ts';
import { describeExit, endedWell, run } from '../../process/run.ts';
import type { Connection, Workbench } from '../engine.ts';
import { codeCommand } from './commands.ts';
import { chooseProgram } from './programs.ts';
import { readEntries } from './schema.ts';
import type { Server } from './server.ts';
import { matchesPattern, quoteName, quoteText } from './sql-text.ts';

export type CodeKind = 'trigger' | 'view' | 'routine' | 'event';

const EVERY_CODE: readonly CodeKind[] = ['trigger', 'view', 'routine', 'event'];
const LARGEST_CODE = 256 * 1024 * 1024;

/** Drops what a restore will bring back: the named tables and views, or everything there is. */
export async function dropContent(server: Server, database: string, only: readonly string[]): Promise<void> {
  await server.run('SET SESSION foreign_key_checks = 0');
  for (const { name, kind } of await readEntries(server, database)) {
    if (!isNamed(name, only)) continue;
    await server.run(`DROP ${kind.toUpperCase()} IF EXISTS ${qualified(database, name)}`);
  }
  if (only.length === 0) await dropCode(server, database, ['routine', 'event']);
}

/** Drops definitions that hold no rows. */
export async function dropCode(
  server: Server,
  database: string,
  kinds: readonly CodeKind[] = EVERY_CODE,
): Promise<void> {
  for (const { kind, name } of await listCode(server, database)) {
    if (kinds.includes(GROUPS[kind] ?? 'routine')) await dropOne(server, kind, qualified(database, name));
  }
}

const GROUPS: Readonly<Record<string, CodeKind>> = { TRIGGER: 'trigger', VIEW: 'view', EVENT: 'event' };

/** Packages are known in one sql_mode only; dropping one takes its body along. */
async function dropOne(server: Server, kind: string, name: string): Promise<void> {
  const isPackage = kind.startsWith('PACKAGE');
  if (isPackage) await server.run("SET SESSION sql_mode = 'ORACLE'");
  try {
    await server.run(`DROP ${kind} IF EXISTS ${name}`);
  } finally {
    if (isPackage) await server.run("SET SESSION sql_mode = ''");
  }
}

/** Empties tables without dropping them; nothing of theirs fires. */
export async function emptyTables(server: Server, database: string, only: readonly string[]): Promise<void> {
  await server.run('SET SESSION foreign_key_checks = 0');
  for (const { name, kind, versioned } of await readEntries(server, database)) {
    if (kind !== 'table' || !isNamed(name, only)) continue;
    const table = qualified(database, name);
    if (!versioned) {
      await server.run(`TRUNCATE TABLE ${table}`);
      continue;
    }
    await server.run(`DELETE FROM ${table}`);
    await server.run(`DELETE HISTORY FROM ${table}`);
  }
}

/** Definitions of all that holds no rows, as the dump tool writes them: byte for byte, with the settings they need. */
export async function saveCode(bench: Workbench, server: Server, database: Connection): Promise<Buffer> {
  const tool = chooseProgram(bench.tools, 'dump', { family: server.flavour, version: server.version });
  const chunks: Buffer[] = [];
  let bytes = 0;
  const onOutput = (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes <= LARGEST_CODE) chunks.push(chunk);
  };
  const exit = await run(bench.runner, codeCommand(tool, database), { onOutput, signal: bench.signal });
  if (endedWell(exit) && bytes <= LARGEST_CODE) return Buffer.concat(chunks);
  throw new Failure('restore_failed', `The definitions of ${database.database} cannot be read: ${describeExit(exit)}`, {
    remedy: 'Check that this account may see triggers, routines, events and views there.',
  });
}

export async function listCode(server: Server, database: string): Promise<{ kind: string; name: string }[]> {
  const schema = quoteText(database);
  const rows = await server.rows(
    `SELECT 'TRIGGER' AS kind, TRIGGER_NAME AS name FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ${schema}
     UNION ALL SELECT 'VIEW', TABLE_NAME FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ${schema}
     UNION ALL SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ${schema}
     UNION ALL SELECT 'EVENT', EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ${schema}`,
  );
  return rows.map(({ kind, name }) => ({ kind: kind ?? '', name: name ?? '' }));
}

function isNamed(name: string, only: readonly string[]): boolean {
  return only.length === 0 || only.some((pattern) => matchesPattern(name, pattern));
}

function qualified(database: string, name: string): string {
  return `${quoteName(database)}.${quoteName(name)}`;
}
