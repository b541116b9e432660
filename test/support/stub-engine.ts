import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Failure } from '../../src/domain/failure.ts';
import type { Inventory, TableFacts } from '../../src/domain/inventory.ts';
import type {
  Connection,
  DatabaseAdmin,
  DumpSession,
  Engine,
  GlobalsItem,
  ParseReport,
  Plain,
  PlanItem,
  Probe,
} from '../../src/engines/engine.ts';
import type { Command } from '../../src/process/child.ts';

/** A database of the stand-in server: tables of text rows, and sequences. */
export interface StubDatabase {
  tables: Record<string, string[]>;
  values: Record<string, string>;
  objects: Record<string, string>;
  /** Being filled, or left so by a restore that was killed. */
  dirty?: boolean;
}

/** How the stand-in for a dump tool behaves. */
export interface StubDump {
  /** Bytes of the dump it writes before it ends; all of them unless told. */
  readonly bytes?: number;
  readonly exit?: number;
  /** Ends itself with this signal. */
  readonly signal?: string;
  /** Stays silent and alive after its bytes. */
  readonly hang?: boolean;
  /** A command of its own instead; its output is the dump. */
  readonly command?: Command;
}

const END = '-- end of dump';

/** A dump as the stand-in writes it: tables with rows, sequences, and an end that counts them. */
export function dumpText(database: StubDatabase): string {
  const lines = ['-- stub dump'];
  for (const [name, rows] of Object.entries(database.tables))
    lines.push(`table ${name}`, ...rows.map((r) => `row ${r}`));
  for (const [name, value] of Object.entries(database.values)) lines.push(`value ${name}=${value}`);
  for (const [name, digest] of Object.entries(database.objects)) lines.push(`object ${name}=${digest}`);
  return `${[...lines, `${END} ${lines.length}`].join('\n')}\n`;
}

/** A database of about so many bytes of dump; rows are half random, so that they compress as real ones do. */
export function stubDatabase(bytes: number, salt = 'a'): StubDatabase {
  const tables: Record<string, string[]> = {};
  let size = 0;
  for (let n = 0; size < bytes; n += 1) {
    const row = `${n} ${createHash('sha256').update(`${salt}${n}`).digest('base64')} some words that repeat in every row`;
    const name = `public.t${n % 3}`;
    tables[name] ??= [];
    tables[name].push(row);
    size += row.length + 5;
  }
  return { tables, values: { 'sequence public.s': '41,true' }, objects: { 'index public.t0_pkey': 'aa11' } };
}

export class StubEngine implements Engine {
  readonly id = 'stub';
  readonly label = 'Stub';
  readonly schemes = ['stub:'];
  readonly defaultPort = 1;
  readonly options = [];
  readonly types = ['full', 'schema', 'data', 'globals'] as const;
  readonly extension = 'stub';
  readonly registration = { login: 'user', tls: ['disable'], tools: [], guide: 'CREATE USER stub;' } as const;

  readonly databases = new Map<string, StubDatabase>();
  readonly openSessions = new Map<string, string[]>();
  /** Whether a failed restore in place leaves nothing of itself. */
  atomic = true;
  /** Restores through a program that reads standard input, as real ones do. */
  viaCommand = false;
  dump: StubDump = {};
  obstacles: string[] = [];
  planItems: PlanItem[] = [];
  warnings: string[] = [];
  uncounted: string[] = [];
  accounted: string[] = [];
  notices: string[] = [];
  /** Called at each row of a restore. */
  onRow: ((row: string) => unknown) | undefined;
  /** Called with the text of each dump before it is written. */
  mangle: ((text: string) => string) | undefined;
  watch: Promise<void> | undefined;
  scratchRefused: Failure | undefined;
  opened = 0;
  closed = 0;
  probes = 0;
  readonly queries = new Map<string, (string | null)[][]>();
  #files = 0;

  async probe(): Promise<Probe> {
    this.probes += 1;
    return {
      flavour: 'Stub',
      version: '1.0',
      major: 1,
      bytes: 1000,
      tables: [],
      privileges: [],
      warnings: [],
      obstacles: this.obstacles,
    };
  }

  async openDump(bench: { folder: string }, source: Connection): Promise<DumpSession> {
    this.opened += 1;
    const database = this.#database(source.database);
    const inventory = this.#inventory(database, 'counts');
    for (const name of this.uncounted) delete (inventory.tables as Record<string, TableFacts>)[name];
    let release: () => void = () => undefined;
    const closed = new Promise<void>((resolve) => {
      release = resolve;
    });
    return {
      command: this.dump.command ?? this.#dumpCommand(bench.folder, database),
      flavour: 'Stub',
      serverVersion: '1.0',
      toolVersion: '1.0',
      consistency: 'snapshot',
      warnings: this.warnings,
      snapshotAt: new Date(),
      snapshotId: 'snap-1',
      inventory,
      uncounted: this.uncounted,
      watch: this.watch === undefined ? closed : Promise.race([closed, this.watch]),
      explain: (stderr) => (/deadlock/.test(stderr) ? new Failure('dump_blocked', 'A lock was held.') : undefined),
      close: async () => {
        this.closed += 1;
        release();
      },
    };
  }

  #dumpCommand(folder: string, database: StubDatabase): Command {
    this.#files += 1;
    const text = this.mangle === undefined ? dumpText(database) : this.mangle(dumpText(database));
    const file = join(folder, `dump-${this.#files}-${Math.random().toString(36).slice(2)}`);
    writeFileSync(file, text);
    const { bytes, exit, signal, hang } = this.dump;
    const write = bytes === undefined ? 'cat "$1"' : 'head -c "$2" "$1"';
    const end = hang ? 'exec sleep 600' : signal ? `kill -${signal} $$` : `exit ${exit ?? 0}`;
    return { program: '/bin/sh', args: ['-c', `${write}; ${end}`, 'sh', file, String(bytes ?? 0)] };
  }

  async parse(_bench: unknown, plain: Plain): Promise<ParseReport> {
    const database = await readDump(plain.bytes());
    return { tables: factsOf(database, 'digests'), values: database.values, warnings: [] };
  }

  async plan(): Promise<readonly PlanItem[]> {
    return this.planItems;
  }

  async restore(
    bench: { runner: { start: (command: Command) => unknown }; folder: string },
    plain: Plain,
    job: { request: { target: Connection; inPlace: boolean; only: readonly string[] } },
  ) {
    const { target, inPlace, only } = job.request;
    const before = this.#database(target.database);
    const fresh: StubDatabase = { tables: {}, values: {}, objects: {} };
    if (!(inPlace && this.atomic)) this.databases.set(target.database, { ...fresh, dirty: true });
    try {
      const restored = await readDump(this.viaCommand ? this.#throughCommand(bench, plain) : plain.bytes(), this.onRow);
      if (only.length > 0) {
        restored.tables = Object.fromEntries(Object.entries(restored.tables).filter(([name]) => only.includes(name)));
      }
      this.databases.set(target.database, restored);
    } catch (error) {
      if (inPlace && this.atomic) this.databases.set(target.database, before);
      throw error;
    }
    return { notices: this.notices, accounted: this.accounted };
  }

  async *#throughCommand(bench: { folder: string }, plain: Plain) {
    const { createReadStream } = await import('node:fs');
    this.#files += 1;
    const file = join(bench.folder, `restored-${this.#files}`);
    await plain.into({ program: '/bin/sh', args: ['-c', 'exec cat > "$1"', 'sh', file] });
    yield* createReadStream(file);
  }

  async recognise() {
    return '';
  }

  /** What was asked of it, in order. */
  readonly globalsAsked: boolean[] = [];
  globals: GlobalsItem[] = [];

  async restoreGlobals(_bench: unknown, plain: Plain, { apply }: { apply: boolean }) {
    await readDump(plain.bytes());
    this.globalsAsked.push(apply);
    return this.globals;
  }

  async inventory(_bench: unknown, source: Connection, content: 'counts' | 'digests'): Promise<Inventory> {
    return this.#inventory(this.#database(source.database), content);
  }

  async query(_bench: unknown, _source: unknown, statement: string) {
    return this.queries.get(statement) ?? [];
  }

  admin(): DatabaseAdmin {
    const { databases, openSessions } = this;
    return {
      list: async () => [...databases.keys()],
      exists: async (_server, name) => databases.has(name),
      isEmpty: async (_server, name) => Object.keys(databases.get(name)?.tables ?? {}).length === 0,
      create: async (_server, name) => {
        if (databases.has(name)) throw new Failure('target_not_empty', `${name} exists.`);
        databases.set(name, { tables: {}, values: {}, objects: {} });
      },
      drop: async (_server, name) => void databases.delete(name),
      sessions: async (_server, name) => openSessions.get(name) ?? [],
      disconnect: async (_server, name) => void openSessions.delete(name),
      swap: async (_server, { current, fresh, kept }) => {
        const old = databases.get(current);
        const next = databases.get(fresh);
        if (old === undefined || next === undefined) throw new Failure('restore_failed', 'Nothing to swap.');
        databases.set(kept, old);
        databases.set(current, next);
        databases.delete(fresh);
      },
    };
  }

  async scratch(_bench: unknown, _origin: unknown) {
    if (this.scratchRefused !== undefined) throw this.scratchRefused;
    return { connection: connectionTo('scratch'), stop: async () => undefined };
  }

  #database(name: string): StubDatabase {
    const found = this.databases.get(name);
    if (found === undefined) throw new Failure('database_unreachable', `There is no database ${name}.`);
    return found;
  }

  #inventory(database: StubDatabase, content: 'counts' | 'digests'): Inventory {
    const { values, objects } = database;
    return {
      objects: { ...objects },
      values: { ...values },
      facts: { encoding: 'UTF8' },
      tables: factsOf(database, content),
    };
  }
}

export function connectionTo(database: string): Connection {
  return {
    engine: 'stub',
    host: 'db.example',
    port: 1,
    user: 'u',
    password: undefined,
    database,
    tls: { mode: 'disable' },
    options: {},
  };
}

function factsOf({ tables }: StubDatabase, content: 'counts' | 'digests'): Record<string, TableFacts> {
  return Object.fromEntries(
    Object.entries(tables).map(([name, rows]) => {
      const digest = createHash('sha256')
        .update([...rows].sort().join('\n'))
        .digest('hex')
        .slice(0, 16);
      return [name, { rows: rows.length, ...(content === 'digests' ? { digest } : {}) }];
    }),
  );
}

async function readDump(bytes: AsyncIterable<Uint8Array>, onRow?: (row: string) => unknown): Promise<StubDatabase> {
  const database: StubDatabase = { tables: {}, values: {}, objects: {} };
  let table: string[] = [];
  let count = 0;
  let end: string | undefined;
  for await (const line of linesOf(bytes)) {
    if (end !== undefined) throw incomplete('it goes on after its end');
    if (line.startsWith(`${END} `)) {
      end = line;
      continue;
    }
    count += 1;
    if (line.startsWith('row ')) {
      await onRow?.(line);
      table.push(line.slice(4));
    } else if (line.startsWith('table ')) {
      table = [];
      database.tables[line.slice(6)] = table;
    } else if (/^(value|object) /.test(line)) {
      const at = line.lastIndexOf('=');
      const name = line.slice(line.indexOf(' ') + 1, at);
      (line.startsWith('value') ? database.values : database.objects)[name] = line.slice(at + 1);
    } else if (line !== '-- stub dump') throw incomplete('it holds a line that is none');
  }
  if (end !== `${END} ${count}`) throw incomplete('its end is missing');
  return database;
}

async function* linesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let rest = '';
  for await (const chunk of bytes) {
    const lines = (rest + Buffer.from(chunk).toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  if (rest !== '') yield rest;
}

function incomplete(how: string): Failure {
  return new Failure('dump_incomplete', `The dump is not whole: ${how}.`);
}
