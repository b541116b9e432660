import { Failure } from '../../domain/failure.ts';
import type { Inventory } from '../../domain/inventory.ts';
import type { Connection, DumpRequest, DumpSession, Workbench } from '../engine.ts';
import { type DumpParts, dumpCommand } from './commands.ts';
import { catalogueDigest, DumpWatch } from './dump-watch.ts';
import { openGlobals } from './globals/dump.ts';
import { baseTables, digestContent, keepsHistory } from './inventory.ts';
import { endLeftovers, takeMark } from './leftovers.ts';
import { contentWarnings, outsideSnapshot, requireSupported } from './probe.ts';
import { chooseProgram } from './programs.ts';
import { readSchema, type Schema } from './schema.ts';
import { openServer, type Server } from './server.ts';
import { matchesPattern } from './sql-text.ts';

/**
 * Opens a dump. The tool takes its own snapshot, which no other session can share without stopping every writer for a
 * moment; so nothing is stopped, every table is `uncounted`, and row counts come from the decoded dump.
 */
export async function openDump(bench: Workbench, source: Connection, request: DumpRequest): Promise<DumpSession> {
  if (request.type === 'globals') return openGlobals(bench, source, request);
  if (source.database === '') throw noDatabase();
  const server = await openServer(source, bench.signal);
  try {
    requireSupported(server);
    await server.run(`SET SESSION lock_wait_timeout = ${Math.max(1, Math.ceil(request.lockWaitMs / 1_000))}`);
    return await prepare(bench, { server, source, request });
  } catch (error) {
    await server.close();
    throw error;
  }
}

interface Preparation {
  readonly server: Server;
  readonly source: Connection;
  readonly request: DumpRequest;
}

async function prepare(bench: Workbench, { server, source, request }: Preparation): Promise<DumpSession> {
  const { flavour: family, version } = server;
  const tool = chooseProgram(bench.tools, 'dump', { family, version });
  const keep = selection(request);
  const { runId } = bench;
  const ended = await endLeftovers(server, { runId, user: source.user, database: source.database });
  if (ended > 0) bench.note(`Ended ${ended} dump(s) of earlier runs that nobody waits for.`);
  const mark = await takeMark(server, runId);
  const snapshotAt = await serverTime(server);
  const snapshotId = await binlogPosition(server);
  const catalogue = await catalogueDigest(server, { source, keep });
  const schema = await readSchema(server, source.database, keep);
  requireSelection(request, schema);
  const outside = outsideSnapshot(schema.entries);
  const warnings = await warningsOf(server, { source, request, schema });
  const inventory = await inventoryOf(bench, source, { request, schema, server });
  const watch = new DumpWatch(server, { source, request, schema, catalogue, keep }, bench.signal);
  return {
    command: dumpCommand(tool, source, partsOf(request, { schema, version, mark })),
    flavour: family,
    serverVersion: version,
    toolVersion: tool.version,
    consistency: outside.length === 0 || request.type === 'schema' ? 'snapshot' : 'partial',
    warnings,
    snapshotAt,
    snapshotId,
    inventory,
    uncounted: request.type === 'schema' ? [] : baseTables(schema.entries).map(({ name }) => name),
    watch: watch.ended,
    explain,
    close: async () => {
      await watch.close();
      await server.close();
    },
  };
}

function partsOf(
  request: DumpRequest,
  { schema, version, mark }: { schema: Schema; version: string; mark: string | undefined },
): DumpParts {
  const isFiltered = request.include.length + request.exclude.length > 0;
  const wanted = request.type === 'data' ? baseTables(schema.entries) : schema.entries;
  return {
    schema: request.type !== 'data',
    rows: request.type !== 'schema',
    // Views are left out of a dump of rows: the tool asks for their columns, which theirs may refuse.
    only: isFiltered || request.type === 'data' ? wanted.map(({ name }) => name) : undefined,
    history: keepsHistory(schema.entries, version),
    lockWaitMs: request.lockWaitMs,
    mark,
  };
}

/** Include and exclude are about tables, views and sequences; routines and events always come along. */
function selection({ include, exclude }: DumpRequest): (name: string) => boolean {
  return (name) => {
    const included = include.length === 0 || include.some((pattern) => matchesPattern(name, pattern));
    return included && !exclude.some((pattern) => matchesPattern(name, pattern));
  };
}

/** With no name left the tool would take every table: refused instead. */
function requireSelection({ include, exclude, type }: DumpRequest, { entries }: Schema): void {
  const isFiltered = include.length + exclude.length > 0;
  const left = type === 'data' ? baseTables(entries) : entries;
  if (left.length > 0 || !(isFiltered || type === 'data')) return;
  throw new Failure('usage', 'No table is left to dump after include and exclude.', {
    remedy: 'Check the names and patterns; they are case-sensitive and know * and ?.',
  });
}

async function serverTime(server: Server): Promise<Date> {
  const [row] = await server.rows('SELECT UNIX_TIMESTAMP(NOW(3)) * 1000 AS now');
  return new Date(Math.floor(Number(row?.now ?? Date.now())));
}

/** Where the binary log stood shortly before the snapshot, for whoever may see it: a comment, nothing restores from it (F16). */
async function binlogPosition(server: Server): Promise<string | undefined> {
  const statements = ['SHOW BINARY LOG STATUS', 'SHOW MASTER STATUS'];
  for (const statement of server.flavour === 'MySQL' ? statements : statements.slice(1)) {
    const [row] = await server.rows(statement).catch(() => []);
    if (row?.File !== undefined && row.File !== null) return `${row.File}:${row.Position}`;
  }
  return undefined;
}

interface Content {
  readonly source: Connection;
  readonly request: DumpRequest;
  readonly schema: Schema;
}

async function warningsOf(server: Server, { source, request, schema }: Content): Promise<string[]> {
  const warnings = request.type === 'schema' ? [] : await contentWarnings(server, source.database, schema.entries);
  if (!request.sourceDigest) return warnings;
  return [
    ...warnings,
    'The source was digested in a snapshot of its own just before the dump: writes in between show as differences.',
  ];
}

async function inventoryOf(
  bench: Workbench,
  source: Connection,
  { request, schema, server }: { request: DumpRequest; schema: Schema; server: Server },
): Promise<Inventory> {
  const { objects, values, facts, entries } = schema;
  const content = { family: server.flavour, version: server.version, entries };
  const tables = request.sourceDigest && request.type !== 'schema' ? await digestContent(bench, source, content) : {};
  if (request.type === 'data') return { objects: {}, values: {}, facts: {}, tables };
  return { objects, values, facts, tables };
}

const EXPLANATIONS: readonly (readonly [RegExp, (last: string) => Failure])[] = [
  [
    /\b(?:1412|1146|1356|1054)\b.*|Table definition has changed|doesn't exist|Error in field count/,
    (last) =>
      new Failure('schema_changed', `The schema changed while it was dumped: ${last}`, {
        remedy: 'The dump is taken again by itself; keep migrations and backups apart in time.',
      }),
  ],
  [
    /\b(?:1205|3024)\b|Lock wait timeout|max_statement_time/,
    (last) =>
      new Failure('dump_blocked', `A table's lock was not free in time: ${last}`, {
        remedy: 'Try again when the statement that holds it has ended; SHOW PROCESSLIST names it.',
      }),
  ],
  [
    /\b(?:1044|1045|1142|1143|1227|1370|1697)\b|[Aa]ccess denied|insufficient privileges/,
    (last) =>
      new Failure('privilege_missing', `The account may not read everything: ${last}`, {
        remedy: 'Run dbdump doctor with this URL: it prints the GRANT statements that are missing.',
      }),
  ],
  [
    /\b1449\b/,
    (last) =>
      new Failure('dump_failed', `An account that an object runs as is missing on the source: ${last}`, {
        remedy: 'Create that account, or give the view or routine another DEFINER.',
      }),
  ],
  [
    /\b2026\b|SSL connection error/,
    (last) =>
      new Failure('tls_refused', `The dump tool found no trusted TLS connection: ${last}`, {
        remedy: 'Give sslrootcert, or lower sslmode knowingly.',
      }),
  ],
  [
    /\b(?:2002|2003|2006|2013|1053|1077|1927|4031)\b|Lost connection|gone away|server has gone/,
    (last) =>
      new Failure('database_unreachable', `The connection broke during the dump: ${last}`, {
        remedy: 'Check whether the server was restarted or the session killed, then try again.',
      }),
  ],
];

/** A better word for a dump tool's bad end, from what it said last. */
function explain(stderr: string): Failure | undefined {
  const last = stderr
    .split('\n')
    .filter((line) => line.trim() !== '' && !/warning/i.test(line))
    .slice(-2)
    .join(' ')
    .trim();
  if (last === '') return undefined;
  return EXPLANATIONS.find(([pattern]) => pattern.test(last))?.[1](last);
}

function noDatabase(): Failure {
  return new Failure('usage', 'The URL names no database to dump.', {
    remedy: 'Add its name after the host: mysql://user@host/NAME, or ask for all databases.',
  });
}
