import { createHash } from 'node:crypto';
import { tableParts } from './create-table.ts';
import type { Row, Server } from './server.ts';
import { quoteName, quoteText } from './sql-text.ts';

export interface TableEntry {
  readonly name: string;
  readonly kind: 'table' | 'view' | 'sequence';
  readonly engine: string;
  readonly versioned: boolean;
}

/** What a database holds besides rows. */
export interface Schema {
  readonly entries: readonly TableEntry[];
  readonly objects: Readonly<Record<string, string>>;
  readonly values: Readonly<Record<string, string>>;
  readonly facts: Readonly<Record<string, string>>;
}

/**
 * Reads every definition of the session's database, as plain names and digests. Nothing in them depends on the database's
 * own name, on server settings, or on when it was made, so that a faithful copy has the same.
 */
export async function readSchema(server: Server, database: string, keep: (table: string) => boolean): Promise<Schema> {
  const found = new Findings();
  const entries = (await readEntries(server, database)).filter((entry) => keep(entry.name));
  for (const entry of entries) await readEntry(server, { ...entry, database }, found);
  await readTriggers(server, database, { keep, found });
  await readRoutines(server, database, found);
  await readEvents(server, database, found);
  const facts = { ...(await readFacts(server, database)), ...found.definerFact() };
  return { entries, objects: sorted(found.objects), values: sorted(found.values), facts };
}

/** The first 16 hex digits of SHA-256 of what makes up an object. */
export function digestOf(...parts: readonly (string | null | undefined)[]): string {
  return createHash('sha256')
    .update(JSON.stringify(parts.map((part) => part ?? null)))
    .digest('hex')
    .slice(0, 16);
}

class Findings {
  readonly objects = new Map<string, string>();
  readonly values = new Map<string, string>();
  readonly #definers = new Set<string>();

  add(key: string, ...parts: readonly (string | null | undefined)[]): void {
    this.objects.set(key, digestOf(...parts));
  }

  definer(account: string | null | undefined): void {
    if (account !== null && account !== undefined && account !== '') this.#definers.add(account);
  }

  definerFact(): Record<string, string> {
    return this.#definers.size === 0 ? {} : { definers: JSON.stringify([...this.#definers].sort()) };
  }
}

function sorted(map: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries([...map].sort(([a], [b]) => (a < b ? -1 : 1)));
}

export async function readEntries(server: Server, database: string): Promise<TableEntry[]> {
  const rows = await server.rows(
    `SELECT TABLE_NAME AS name, TABLE_TYPE AS type, ENGINE AS engine FROM information_schema.TABLES
     WHERE TABLE_SCHEMA = ${quoteText(database)} ORDER BY BINARY TABLE_NAME`,
  );
  return rows.map(({ name, type, engine }) => ({
    name: name ?? '',
    kind: type === 'VIEW' ? 'view' : type === 'SEQUENCE' ? 'sequence' : 'table',
    engine: engine ?? '',
    versioned: type === 'SYSTEM VERSIONED',
  }));
}

type Place = TableEntry & { readonly database: string };

async function readEntry(server: Server, entry: Place, found: Findings): Promise<void> {
  const { name, kind } = entry;
  if (kind === 'view') return readView(server, entry, found);
  if (kind === 'sequence') return readSequence(server, name, found);
  const [row] = await server.rows(`SHOW CREATE TABLE ${quoteName(name)}`);
  const { parts, autoIncrement } = tableParts(name, row?.['Create Table'] ?? '');
  for (const [key, text] of parts) found.add(key, text);
  if (autoIncrement !== undefined) found.values.set(`auto_increment ${name}`, autoIncrement);
}

async function readView(server: Server, { name, database }: Place, found: Findings): Promise<void> {
  const [row] = await server.rows(`SHOW CREATE VIEW ${quoteName(name)}`);
  const text = row?.['Create View'] ?? '';
  found.add(`view ${name}`, withoutOwnName(text, database), row?.character_set_client, row?.collation_connection);
  found.definer(definerOf(text));
}

/** Where the account that a view runs as is absent, MariaDB writes the database's own name before every column. */
function withoutOwnName(text: string, database: string): string {
  const own = `${quoteName(database)}.`;
  const pieces = text.match(/'(?:[^'\\]|\\[\s\S]|'')*'|`(?:[^`]|``)*`\.?|[\s\S]/g) ?? [];
  return pieces.filter((piece) => piece !== own).join('');
}

async function readSequence(server: Server, name: string, found: Findings): Promise<void> {
  const [row] = await server.rows(`SHOW CREATE SEQUENCE ${quoteName(name)}`);
  found.add(`sequence ${name}`, row?.['Create Table']);
  const [value] = await server.rows(`SELECT next_not_cached_value AS value FROM ${quoteName(name)}`);
  found.values.set(`sequence ${name}`, value?.value ?? '');
}

interface TriggerTask {
  readonly keep: (table: string) => boolean;
  readonly found: Findings;
}

async function readTriggers(server: Server, database: string, { keep, found }: TriggerTask): Promise<void> {
  const rows = await server.rows(
    `SELECT TRIGGER_NAME AS name, EVENT_OBJECT_TABLE AS tbl, EVENT_MANIPULATION AS event, ACTION_TIMING AS timing,
       ACTION_ORDER AS place, ACTION_STATEMENT AS body, SQL_MODE AS mode, DEFINER AS definer,
       CHARACTER_SET_CLIENT AS client, COLLATION_CONNECTION AS collation, DATABASE_COLLATION AS base
     FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = ${quoteText(database)}`,
  );
  for (const row of rows) {
    if (!keep(row.tbl ?? '')) continue;
    const { name, tbl, event, timing, place, body, mode, definer, client, collation, base } = row;
    found.add(`trigger ${name}`, tbl, event, timing, place, body?.trim(), mode, definer, client, collation, base);
    found.definer(definer);
  }
}

async function readRoutines(server: Server, database: string, found: Findings): Promise<void> {
  const rows = await server.rows(
    `SELECT ROUTINE_NAME AS name, ROUTINE_TYPE AS type, DEFINER AS definer FROM information_schema.ROUTINES
     WHERE ROUTINE_SCHEMA = ${quoteText(database)}`,
  );
  for (const { name, type, definer } of rows) {
    const [row] = await server.rows(`SHOW CREATE ${type} ${quoteName(name ?? '')}`);
    found.add(`${type?.toLowerCase()} ${name}`, ...definitionOf(row, 'Create '));
    found.definer(definer);
  }
}

async function readEvents(server: Server, database: string, found: Findings): Promise<void> {
  const rows = await server.rows(
    `SELECT EVENT_NAME AS name, DEFINER AS definer FROM information_schema.EVENTS WHERE EVENT_SCHEMA = ${quoteText(database)}`,
  );
  for (const { name, definer } of rows) {
    const [row] = await server.rows(`SHOW CREATE EVENT ${quoteName(name ?? '')}`);
    found.add(`event ${name}`, row?.time_zone, ...definitionOf(row, 'Create '));
    found.definer(definer);
  }
}

/** The text and the settings it was made under, which decide what it means. */
function definitionOf(row: Row | undefined, prefix: string): (string | null | undefined)[] {
  const column = Object.keys(row ?? {}).find((name) => name.startsWith(prefix)) ?? '';
  // Dump tools end a body with white space of their own.
  const text = row?.[column]?.trim();
  return [text, row?.sql_mode, row?.character_set_client, row?.collation_connection, row?.['Database Collation']];
}

/** Database-level facts in clear. */
export async function readFacts(server: Server, database: string): Promise<Record<string, string>> {
  const extra = server.flavour === 'MariaDB' ? 'SCHEMA_COMMENT' : 'DEFAULT_ENCRYPTION';
  const read = (column: string) =>
    server.rows(
      `SELECT DEFAULT_CHARACTER_SET_NAME AS charset, DEFAULT_COLLATION_NAME AS collation, ${column} AS extra
       FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ${quoteText(database)}`,
    );
  // Servers from before these columns have neither comment nor encryption.
  const [row] = await read(extra).catch(() => read("''"));
  const name = server.flavour === 'MariaDB' ? 'comment' : 'encryption';
  const value = row?.extra ?? '';
  return {
    charset: row?.charset ?? '',
    collation: row?.collation ?? '',
    ...(value === '' || value === 'NO' ? {} : { [name]: value }),
  };
}

/** The account that a view runs as, `user@host`. */
function definerOf(sql: string): string | undefined {
  const match = /\bDEFINER=`((?:[^`]|``)*)`(?:@`((?:[^`]|``)*)`)?/.exec(sql.slice(0, 2_000));
  if (match === null) return undefined;
  const [, user = '', host] = match.map((part) => part?.replaceAll('``', '`'));
  return host === undefined ? user : `${user}@${host}`;
}
