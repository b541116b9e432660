import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../domain/failure.ts';
import { differences } from '../../domain/inventory.ts';
import type { Connection, DumpRequest } from '../engine.ts';
import { digestOf, readSchema, type Schema } from './schema.ts';
import type { Row, Server } from './server.ts';
import { quoteText } from './sql-text.ts';

export interface Watched {
  readonly source: Connection;
  readonly request: DumpRequest;
  readonly schema: Schema;
  /** Taken before the schema was read. */
  readonly catalogue: string;
  readonly keep: (table: string) => boolean;
}

const LOOK_EVERY_MS = 1_000;
/** The catalogue is compared less often: it costs more on servers with many tables. */
const CATALOGUE_EVERY_MS = 5_000;
const TOOL_STATEMENT =
  /^(?:SELECT \/\*!40001 SQL_NO_CACHE \*\/|SHOW (?:CREATE|FIELDS|TABLE STATUS|TRIGGERS|FUNCTION|PROCEDURE|EVENTS)|LOCK TABLES)/i;
const WAITING = /Waiting for (?:table metadata lock|table level lock|table flush|schema metadata lock)/i;

/**
 * Looks after the tool's session from ours: ends the dump when it waits too long for a lock (F9), when it makes others
 * wait too long (F10, M26), and when the schema is no longer the one that was read (F13). Leaves no session behind.
 */
export class DumpWatch {
  /** Rejects when something outside the tool says that the dump must stop; resolves when closed. */
  readonly ended: Promise<void>;
  readonly #server: Server;
  readonly #watched: Watched;
  readonly #stop = new AbortController();
  readonly #cancelled: AbortSignal;
  readonly #ours = new Set<string>();

  constructor(server: Server, watched: Watched, signal: AbortSignal) {
    this.#server = server;
    this.#watched = watched;
    this.#cancelled = signal;
    signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
    this.ended = this.#look();
    // Whoever opened the dump may not listen yet.
    this.ended.catch(() => undefined);
  }

  async #look(): Promise<void> {
    const before = new Set((await processes(this.#server)).map(({ id }) => id ?? ''));
    let compareAt = Date.now() + CATALOGUE_EVERY_MS;
    while (await this.#rest()) {
      this.#judgeWaits(await processes(this.#server), before);
      if (Date.now() < compareAt) continue;
      compareAt = Date.now() + CATALOGUE_EVERY_MS;
      if ((await catalogueDigest(this.#server, this.#watched)) !== this.#watched.catalogue) throw schemaChanged();
    }
    await this.#compareAtEnd();
  }

  /** False once the dump is over. */
  async #rest(): Promise<boolean> {
    await delay(LOOK_EVERY_MS, undefined, { signal: this.#stop.signal }).catch(() => undefined);
    return !this.#stop.signal.aborted;
  }

  /** Every definition must still be what it was before: servers change some tables under a dump without an error. */
  async #compareAtEnd(): Promise<void> {
    const { source, schema, keep } = this.#watched;
    if (this.#cancelled.aborted) return;
    const now = await readSchema(this.#server, source.database, keep);
    const empty = { tables: {}, values: {}, facts: {} };
    const [changed] = differences({ objects: schema.objects, ...empty }, { objects: now.objects, ...empty });
    if (changed !== undefined) throw schemaChanged(changed.what);
  }

  #judgeWaits(all: readonly Row[], before: ReadonlySet<string>): void {
    const candidates = all.filter((row) => this.#mayBeTool(row, before));
    const tool = candidates.filter(({ info }) => TOOL_STATEMENT.test(info ?? ''));
    for (const row of tool) this.#ours.add(row.id ?? '');
    this.#judgeOwnWait(tool, all);
    this.#judgeOthersWait(candidates, all);
  }

  /** A session of this account that came after ours, and says nothing or what dump tools say. */
  #mayBeTool({ id, user, db, info }: Row, before: ReadonlySet<string>): boolean {
    if (this.#ours.has(id ?? '')) return true;
    const { source } = this.#watched;
    const isNew = !before.has(id ?? '') && id !== this.#server.sessionId;
    const isQuiet = (info ?? '') === '' || TOOL_STATEMENT.test(info ?? '');
    return isNew && isQuiet && user === source.user && db === source.database;
  }

  #judgeOwnWait(tool: readonly Row[], all: readonly Row[]): void {
    const { lockWaitMs } = this.#watched.request;
    const waiting = tool.find((row) => WAITING.test(row.state ?? '') && secondsOf(row) * 1_000 >= lockWaitMs);
    if (waiting === undefined) return;
    const holder = all.find(
      (row) => !this.#ours.has(row.id ?? '') && row.db === waiting.db && row.id !== this.#server.sessionId,
    );
    throw blocked(waiting, holder);
  }

  /**
   * Only the table that is being read is locked: who waits for another one does not wait for us. Where the server does not
   * say which one that is, a wait counts as ours: the limit is a promise, a dump can be taken again.
   */
  #judgeOthersWait(candidates: readonly Row[], all: readonly Row[]): void {
    const { blockLimitMs } = this.#watched.request;
    if (blockLimitMs === 0 || candidates.length === 0) return;
    const table = candidates.map(tableOf).find((name) => name !== undefined);
    const held = all.find(
      (row) =>
        !candidates.includes(row) &&
        row.db === this.#watched.source.database &&
        WAITING.test(row.state ?? '') &&
        (table === undefined || (row.info ?? '').includes(table)) &&
        secondsOf(row) * 1_000 >= blockLimitMs,
    );
    if (held !== undefined) throw blocking(table, held);
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.ended.catch(() => undefined);
    // A tool that was killed leaves a session that notices only when it next writes (F11).
    const left = (await processes(this.#server).catch(() => [])).filter(({ id }) => this.#ours.has(id ?? ''));
    for (const { id } of left) await this.#server.run(`KILL ${Number(id)}`).catch(() => undefined);
  }
}

async function processes(server: Server): Promise<readonly Row[]> {
  const rows = await server.rows('SHOW FULL PROCESSLIST');
  return rows.map((row) => ({
    id: row.Id ?? null,
    user: row.User ?? null,
    db: row.db ?? null,
    time: row.Time ?? null,
    state: row.State ?? null,
    info: row.Info ?? null,
  }));
}

function tableOf({ info }: Row): string | undefined {
  return /\bFROM `((?:[^`]|``)+)`/.exec(info ?? '')?.[1]?.replaceAll('``', '`');
}

function secondsOf({ time }: Row): number {
  return Number(time ?? 0);
}

/** When every object was made or changed last, as cheaply as the catalogue tells. */
export async function catalogueDigest(
  server: Server,
  { source, keep }: Pick<Watched, 'source' | 'keep'>,
): Promise<string> {
  const schema = quoteText(source.database);
  const rows = await server.rows(
    `SELECT 'table' AS kind, TABLE_NAME AS name, TABLE_TYPE AS extra, CREATE_TIME AS at, TABLE_NAME AS tbl
       FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${schema}
     UNION ALL SELECT 'routine', ROUTINE_NAME, ROUTINE_TYPE, LAST_ALTERED, NULL
       FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = ${schema}
     UNION ALL SELECT 'trigger', TRIGGER_NAME, EVENT_MANIPULATION, CREATED, EVENT_OBJECT_TABLE
       FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ${schema}
     UNION ALL SELECT 'event', EVENT_NAME, EVENT_TYPE, CREATED, NULL
       FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ${schema}
     UNION ALL SELECT 'view', TABLE_NAME, VIEW_DEFINITION, NULL, TABLE_NAME
       FROM information_schema.VIEWS WHERE TABLE_SCHEMA = ${schema}`,
  );
  const lines = rows
    .filter(({ tbl }) => tbl === null || keep(tbl ?? ''))
    .map((row) => JSON.stringify(Object.values(row)));
  return digestOf(...lines.sort());
}

function schemaChanged(what?: string): Failure {
  const which = what === undefined ? 'A table, view, routine, trigger or event' : `The ${what}`;
  return new Failure('schema_changed', `${which} changed while the dump ran.`, {
    remedy: 'The dump is taken again by itself; keep migrations and backups apart in time.',
  });
}

function blocked(waiting: Row, holder: Row | undefined): Failure {
  const who = holder === undefined ? 'another session' : `session ${holder.id} of ${holder.user}`;
  return new Failure('dump_blocked', `The dump waited ${waiting.time} s for a lock that ${who} seems to hold.`, {
    remedy: 'Try again when it has ended, or raise the lock wait of this database.',
    details: { session: holder?.id ?? null, waitedSeconds: secondsOf(waiting) },
  });
}

function blocking(table: string | undefined, held: Row): Failure {
  const what = table === undefined ? 'a table' : `table ${JSON.stringify(table)}`;
  return new Failure(
    'dump_blocked',
    `Session ${held.id} of ${held.user} waited ${held.time} s for ${what} that was being dumped.`,
    {
      remedy: 'Run migrations outside the backup time, or dump from a replica.',
      details: { session: held.id, waitedSeconds: secondsOf(held) },
    },
  );
}
