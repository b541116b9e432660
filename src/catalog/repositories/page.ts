import { type RawBuilder, type SqlBool, sql } from 'kysely';
import { Failure } from '../../domain/failure.ts';

export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string | undefined;
}

/** Rows newest first; `next` is the cursor of the following page, where there is one. */
export interface Page<Row> {
  readonly rows: readonly Row[];
  readonly next: string | undefined;
}

export interface Position {
  readonly at: string;
  readonly id: string;
}

const ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Rows behind the cursor in the order (column, id), newest first: what is added meanwhile shifts nothing. */
export function behind(column: string, cursor: string | undefined): RawBuilder<SqlBool> {
  if (cursor === undefined) return sql<SqlBool>`true`;
  const { at, id } = positionOf(cursor);
  return sql<SqlBool>`(${sql.ref(column)}, id) < (${at}::timestamptz, ${id}::uuid)`;
}

/** The same position for a query of more than one table. */
export function positionAfter(cursor: string | undefined): Position | undefined {
  return cursor === undefined ? undefined : positionOf(cursor);
}

/** Of `limit + 1` rows that were asked for, the page and the way on. */
export function cutPage<Row extends { readonly id: string }>(
  rows: readonly Row[],
  limit: number,
  at: (row: Row) => Date,
): Page<Row> {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  if (rows.length <= limit || last === undefined) return { rows: page, next: undefined };
  return { rows: page, next: cursorOf({ at: at(last).toISOString(), id: last.id }) };
}

function cursorOf(position: Position): string {
  return Buffer.from(JSON.stringify([position.at, position.id])).toString('base64url');
}

function positionOf(cursor: string): Position {
  const [at, id] = parts(cursor);
  if (typeof at === 'string' && !Number.isNaN(Date.parse(at)) && typeof id === 'string' && ID.test(id)) {
    return { at: new Date(at).toISOString(), id };
  }
  throw new Failure('usage', 'The cursor is not one that a list gave.', { remedy: 'Start again without a cursor.' });
}

function parts(cursor: string): unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    return Array.isArray(value) ? value : [];
  } catch {
    return [];
  }
}

/** The sequence number behind which a list of numbered events goes on. */
export function sequenceCursor(cursor: string | undefined): string | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursor, 'base64url').toString();
  if (/^\d{1,18}$/.test(text)) return text;
  throw new Failure('usage', 'The cursor is not one that a list gave.', { remedy: 'Start again without a cursor.' });
}
