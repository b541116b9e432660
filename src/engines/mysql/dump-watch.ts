import { setTimeout as delay } from 'node:timers/promises';
import { Failure } from '../../domain/failure.ts';
import type { Connection, DumpRequest } from '../engine.ts';
import { digestOf, type Schema } from './schema.ts';
import type { Row, Server } from './server.ts';
import { quoteText } from './sql-text.ts';

export interface Watched {
  readonly source: Connection;
  readonly request: DumpRequest;
  readonly schema: Schema;
  readonly keep: (table: string) => boolean;
}

const LOOK_EVERY_MS = 1_000;
/** The catalogue is compared less often: it costs more on servers with many tables. */
const CATALOGUE_EVERY_MS = 5_000;
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
  readonly #ours = new Set<string>();

  constructor(server: Server, watched: Watched, signal: AbortSignal) {
    this.#server = server;
    this.#watched = watched;
    signal.addEventListener('abort', () => this.#stop.abort(), { once: true });
    this.ended = this.#look().catch((error: unknown) => {
      if (!this.#stop.signal.aborted) throw error;
    });
    // Whoever opened the dump may not listen yet.
    this.ended.catch(() => undefined);
  }

  async #look(): Promise<void> {
    const before = new Set((await processes(this.#server)).map(({ id }) => id ?? ''));
    const catalogue = await catalogueDigest(this.#server, this.#watched);
    let compareAt = Date.now() + CATALOGUE_EVERY_MS;
    while (!this.#stop.signal.aborted) {
      await delay(LOOK_EVERY_MS, undefined, { signal: this.#stop.signal });
      this.#judgeWaits(await processes(this.#server), before);
      if (Date.now() < compareAt) continue;
      compareAt = Date.now() + CATALOGUE_EVERY_MS;
      if ((await catalogueDigest(this.#server, this.#watched)) !== catalogue) throw schemaChanged();
    }
  }

  #judgeWaits(all: readonly Row[], before: ReadonlySet<string>): void {
    const tool = all.filter((row) => this.#isTool(row, before));
    for (const row of tool) this.#ours.add(row.id ?? '');
    this.#judgeOwnWait(tool, all);
    this.#judgeOthersWait(tool, all);
  }

  #isTool({ id, user, db }: Row, before: ReadonlySet<string>): boolean {
    return (
      !before.has(id ?? '') &&
      id !== this.#server.sessionId &&
      user === this.#watched.source.user &&
      db === this.#watched.source.database
    );
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

  /** Only the table that is being read is locked: who waits for another one does not wait for us. */
  #judgeOthersWait(tool: readonly Row[], all: readonly Row[]): void {
    const { blockLimitMs } = this.#watched.request;
    if (blockLimitMs === 0) return;
    const table = tool
      .map(({ info }) => /\bFROM `((?:[^`]|``)+)`/.exec(info ?? '')?.[1])
      .find((name) => name !== undefined);
    if (table === undefined) return;
    const name = table.replaceAll('``', '`');
    const held = all.find(
      (row) =>
        !this.#ours.has(row.id ?? '') &&
        WAITING.test(row.state ?? '') &&
        (row.info ?? '').includes(name) &&
        secondsOf(row) * 1_000 >= blockLimitMs,
    );
    if (held !== undefined) throw blocking(name, held);
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

function secondsOf({ time }: Row): number {
  return Number(time ?? 0);
}

/** When every object was made or changed last, as cheaply as the catalogue tells. */
async function catalogueDigest(server: Server, { source, keep }: Watched): Promise<string> {
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

function schemaChanged(): Failure {
  return new Failure('schema_changed', 'A table, view, routine, trigger or event changed while the dump ran.', {
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

function blocking(table: string, held: Row): Failure {
  return new Failure(
    'dump_blocked',
    `Session ${held.id} of ${held.user} waited ${held.time} s for table ${JSON.stringify(table)}, which was being dumped.`,
    {
      remedy: 'Run migrations outside the backup time, or dump from a replica.',
      details: { session: held.id, waitedSeconds: secondsOf(held) },
    },
  );
}
