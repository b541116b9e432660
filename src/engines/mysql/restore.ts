import { Failure, messageOf } from '../../domain/failure.ts';
import type { Inventory } from '../../domain/inventory.ts';
import { describeExit, endedWell, run } from '../../process/run.ts';
import type { Connection, Origin, Plain, RestoreReport, RestoreRequest, Workbench } from '../engine.ts';
import { restoreCommand } from './commands.ts';
import { dropCode, dropContent, emptyTables, saveCode } from './contents.ts';
import { DumpScanner } from './dump-scanner.ts';
import { chooseProgram } from './programs.ts';
import { type FilterRules, RestoreFilter } from './restore-filter.ts';
import { type Server, withServer } from './server.ts';
import { matchesPattern } from './sql-text.ts';
import type { ObjectKind } from './statement.ts';

/** Small statements travel together. */
const BATCH_BYTES = 256 * 1024;

interface Job {
  readonly origin: Origin;
  readonly request: RestoreRequest;
}

/**
 * Restores through the client of the target's family. Stops at the first error: MySQL cannot undo definitions, so a
 * target that was restored in place is then `target_dirty`, and a new database must be dropped by the caller (F75).
 */
export async function restoreDump(bench: Workbench, plain: Plain, { origin, request }: Job): Promise<RestoreReport> {
  refuseGlobals(origin);
  const { target } = request;
  const about = await withServer(target, async ({ flavour, version }) => ({ family: flavour, version }));
  const filter = new RestoreFilter({
    family: about.family,
    database: target.database,
    type: request.type,
    only: request.only,
    owners: request.owners,
    roles: request.roles,
  });
  const client = chooseProgram(bench.tools, 'client', about);
  const source = filtered(plain.bytes(), filter);
  const work = () => feedClient(bench, restoreCommand(client, target), source);
  try {
    await withServer(target, (server) => aroundRestore(bench, server, { request, work }));
  } catch (error) {
    throw request.inPlace ? dirty(target, error) : error;
  }
  return reportOf(filter, origin, request);
}

function refuseGlobals({ type }: Origin): void {
  if (type !== 'globals') return;
  throw new Failure('restore_refused', 'Accounts belong to a whole server and are not restored into a database.', {
    remedy: 'Run: dbdump rescue restore --globals, which makes those that are missing; --plan shows them first.',
  });
}

interface Around {
  readonly request: RestoreRequest;
  readonly work: () => Promise<void>;
}

/** Order: make room, load, put the triggers back. While rows alone are loaded no trigger may act on them. */
async function aroundRestore(bench: Workbench, server: Server, { request, work }: Around): Promise<void> {
  const { target, inPlace, only, type } = request;
  if (type !== 'data') {
    if (inPlace) await dropContent(server, target.database, only);
    return work();
  }
  const code = await saveCode(bench, server, target);
  await dropCode(server, target.database, ['trigger']);
  try {
    if (inPlace) await emptyTables(server, target.database, only);
    await work();
  } finally {
    await replay(bench, target, { dump: code, kinds: ['trigger'] });
  }
}

/** The dump as the target is to get it. */
async function* filtered(chunks: AsyncIterable<Uint8Array>, filter: RestoreFilter): AsyncGenerator<Buffer> {
  const scanner = new DumpScanner({ onInsert: () => undefined });
  let batch: Buffer[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    for (const piece of scanner.push(chunk)) collect(filter.take(piece));
    if (size >= BATCH_BYTES) yield flush();
  }
  for (const piece of scanner.finish()) collect(filter.take(piece));
  if (size > 0) yield flush();

  function collect(bytes: Buffer | undefined): void {
    if (bytes === undefined) return;
    batch.push(bytes);
    size += bytes.length;
  }

  function flush(): Buffer {
    // A copy: the chunks may be used again by whoever reads.
    const whole = Buffer.concat(batch);
    batch = [];
    size = 0;
    return whole;
  }
}

export interface SavedCode {
  readonly dump: Buffer;
  /** What of it to make again. */
  readonly kinds: readonly ObjectKind[];
  readonly disableEvents?: boolean;
}

/** Makes saved definitions again in a database, as they were. */
export async function replay(
  bench: Workbench,
  target: Connection,
  { dump, kinds, disableEvents = false }: SavedCode,
): Promise<void> {
  const about = await withServer(target, async ({ flavour, version }) => ({ family: flavour, version }));
  const client = chooseProgram(bench.tools, 'client', about);
  const rules: FilterRules = {
    family: about.family,
    database: target.database,
    type: 'schema',
    only: [],
    owners: true,
    roles: {},
    kinds,
    disableEvents,
  };
  async function* once() {
    yield dump;
  }
  await feedClient(bench, restoreCommand(client, target), filtered(once(), new RestoreFilter(rules)));
}

async function feedClient(
  bench: Workbench,
  command: ReturnType<typeof restoreCommand>,
  input: AsyncIterable<Uint8Array>,
): Promise<void> {
  const exit = await run(bench.runner, command, { input, signal: bench.signal });
  if (endedWell(exit)) return;
  throw new Failure('restore_failed', `The target refused a statement: ${describeExit(exit)}`, {
    remedy: remedyFor(exit.stderr),
  });
}

const REMEDIES: readonly (readonly [RegExp, string])[] = [
  [
    /ERROR (?:1153|2006|2013)\b|max_allowed_packet/,
    'Raise max_allowed_packet on the target (1G is the most) and try again.',
  ],
  [
    /ERROR 1227\b|ERROR 1044\b|ERROR 1142\b/,
    'Grant what the message names, or give other definers with --role-map or --no-owner.',
  ],
  [/ERROR 1449\b/, 'Create the account the message names, or map it with --role-map.'],
  [
    /ERROR 1273\b|ERROR 1115\b/,
    'The target is older than the source: restore into a server that knows this collation.',
  ],
  [/ERROR 1419\b/, 'Set log_bin_trust_function_creators on the target, or restore with an account that has SUPER.'],
  [/ERROR 1049\b/, 'Create the database first.'],
];

function remedyFor(stderr: string): string {
  const known = REMEDIES.find(([pattern]) => pattern.test(stderr));
  return known?.[1] ?? 'Restore into an empty database of a server that is not older than the source.';
}

function dirty(target: Connection, error: unknown): Failure {
  return new Failure('target_dirty', `${target.database} is only partly restored: ${messageOf(error)}`, {
    remedy: 'Run the restore again, or restore the safety backup that was taken before; do not use it meanwhile.',
    cause: error,
  });
}

function reportOf(filter: RestoreFilter, origin: Origin, { only }: RestoreRequest): RestoreReport {
  const redefined = filter.redefined;
  const accounted = [...redefined, ...(redefined.length === 0 ? [] : ['definers'])];
  if (only.length === 0) return { notices: filter.notices, accounted };
  const sentence = `Only the named tables and views were restored, with their triggers: ${only.join(', ')}.`;
  const left = leftOut(origin, { only, created: filter.created });
  return { notices: [...filter.notices, sentence], accounted: [...accounted, ...left, 'definers'] };
}

interface Partial {
  readonly only: readonly string[];
  readonly created: ReadonlySet<string>;
}

/** Inventory names of all that a partial restore leaves out. */
function leftOut({ inventory }: Origin, { only, created }: Partial): string[] {
  if (inventory === undefined) return [];
  const tables = tablesOf(inventory);
  const isWanted = (table: string) => only.some((pattern) => matchesPattern(table, pattern));
  const owner = (key: string) => ownerOf(key, tables);
  const isKept = (key: string) => {
    const table = owner(key);
    return table === undefined ? created.has(key) : isWanted(table);
  };
  const keys = [...Object.keys(inventory.objects), ...Object.keys(inventory.values)];
  return [...tables.filter((table) => !isWanted(table)), ...keys.filter((key) => !isKept(key))];
}

/** Also those whose rows were not counted when the inventory was taken. */
function tablesOf({ objects, tables }: Inventory): string[] {
  const defined = Object.keys(objects).flatMap((key) => /^table ([\s\S]*)$/.exec(key)?.[1] ?? []);
  return [...new Set([...defined, ...Object.keys(tables)])];
}

const PART = /^(?:column|index|foreign key|check|period|part) ([\s\S]*)$/;
const WHOLE = /^(?:table|partitions|auto_increment|sequence) ([\s\S]*)$/;

/** The table an inventory name speaks of: the longest that fits, since names may hold dots. */
function ownerOf(key: string, tables: readonly string[]): string | undefined {
  const whole = WHOLE.exec(key)?.[1];
  if (whole !== undefined) return whole;
  const rest = PART.exec(key)?.[1];
  if (rest === undefined) return undefined;
  const fitting = tables.filter((table) => rest.startsWith(`${table}.`));
  return fitting.sort((a, b) => b.length - a.length)[0];
}
