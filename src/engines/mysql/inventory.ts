import { Failure } from '../../domain/failure.ts';
import type { Inventory, TableFacts } from '../../domain/inventory.ts';
import { describeExit, endedWell, run } from '../../process/run.ts';
import type { Connection, Workbench } from '../engine.ts';
import { dumpCommand } from './commands.ts';
import { contentTally } from './content-digest.ts';
import { dumpReader } from './parse.ts';
import { chooseProgram } from './programs.ts';
import { readSchema, type TableEntry } from './schema.ts';
import { type Server, withServer } from './server.ts';
import { quoteName } from './sql-text.ts';

/** Names per call of the dump tool: an argument list has a length limit. */
const BATCH = 1_000;
const ALL_TABLES = () => true;

/** Schema, values and facts of a database, with row counts or content digests of every table. */
export async function readInventory(
  bench: Workbench,
  source: Connection,
  content: 'counts' | 'digests',
): Promise<Inventory> {
  const { schema, family, version, counts } = await withServer(source, async (server) => {
    const read = await readSchema(server, source.database, ALL_TABLES);
    const tables = baseTables(read.entries);
    const rows = content === 'counts' ? await countRows(server, tables) : {};
    return { schema: read, family: server.flavour, version: server.version, counts: rows };
  });
  const { objects, values, facts, entries } = schema;
  const tables = content === 'counts' ? counts : await digestContent(bench, source, { family, version, entries });
  return { objects, values, facts, tables };
}

export function baseTables(entries: readonly TableEntry[]): readonly TableEntry[] {
  return entries.filter((entry) => entry.kind === 'table');
}

async function countRows(server: Server, tables: readonly TableEntry[]): Promise<Record<string, TableFacts>> {
  const counts: Record<string, TableFacts> = {};
  await server.run('START TRANSACTION WITH CONSISTENT SNAPSHOT');
  for (const { name, versioned } of tables) {
    const history = versioned ? ' FOR SYSTEM_TIME ALL' : '';
    const [row] = await server.rows(`SELECT COUNT(*) AS n FROM ${quoteName(name)}${history}`);
    counts[name] = { rows: Number(row?.n ?? 0) };
  }
  await server.run('COMMIT');
  return counts;
}

interface Content {
  readonly family: 'MariaDB' | 'MySQL';
  readonly version: string;
  readonly entries: readonly TableEntry[];
}

/**
 * Digests of what the dump tool writes of each table, the very text a backup holds: so a digest of a copy and one of a
 * decoded dump are equal exactly when the rows are. Views are not asked for, since theirs may need an absent definer.
 */
export async function digestContent(
  bench: Workbench,
  source: Connection,
  { family, version, entries }: Content,
): Promise<Record<string, TableFacts>> {
  const tool = chooseProgram(bench.tools, 'dump', { family, version });
  const tables = baseTables(entries);
  const result: Record<string, TableFacts> = Object.fromEntries(
    tables.map(({ name }) => [name, contentTally().facts()]),
  );
  for (let start = 0; start < tables.length; start += BATCH) {
    const batch = tables.slice(start, start + BATCH);
    const command = dumpCommand(tool, source, {
      schema: false,
      rows: true,
      only: batch.map(({ name }) => name),
      history: keepsHistory(batch, version),
      lockWaitMs: 60_000,
      mark: undefined,
    });
    Object.assign(result, await readRows(bench, command, family));
  }
  return result;
}

async function readRows(bench: Workbench, command: ReturnType<typeof dumpCommand>, family: Content['family']) {
  const reader = dumpReader(family);
  const exit = await run(bench.runner, command, { onOutput: (chunk) => reader.push(chunk), signal: bench.signal });
  if (!endedWell(exit)) {
    throw new Failure('dump_failed', `The content could not be read for comparison: ${describeExit(exit)}`, {
      remedy: 'Check that this account may SELECT from every table.',
    });
  }
  return reader.finish().tables;
}

/** MariaDB's rows of the past travel from 10.11 on. */
export function keepsHistory(tables: readonly TableEntry[], version: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return tables.some((table) => table.versioned) && (major > 10 || (major === 10 && minor >= 11));
}
