import { shownQualified } from '../names.ts';
import type { Session } from '../session.ts';
import { isOurs } from './sql.ts';

/** A table whose rows are in a dump. */
export interface Table {
  readonly id: string;
  readonly schema: string;
  readonly name: string;
  /** As inventories name it. */
  readonly shown: string;
  readonly bytes: number;
  /** Columns that a dump carries, in its order. Generated ones are not among them. */
  readonly columns: readonly string[];
  /** Columns come in another order in a copy: it is a child by INHERITS. */
  readonly reordered: boolean;
  /** An extension's table: only rows that match this are dumped. */
  readonly condition: string;
}

/** Large objects as a table of its own, under a name that no table can have. */
export const LARGE_OBJECTS = 'large objects';

const COLUMNS = `(select coalesce(json_agg(a.attname order by a.attnum), '[]')::text from pg_attribute a
  where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '')`;
const REORDERED = 'not c.relispartition and exists (select from pg_inherits i where i.inhrelid = c.oid)';

const TABLES = `select c.oid::text as id, n.nspname as schema, c.relname as name, pg_relation_size(c.oid)::text as bytes,
    ${COLUMNS} as columns, (${REORDERED})::text as reordered, coalesce(e.condition, '') as condition
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  left join (select unnest(extconfig) as id, unnest(extcondition) as condition from pg_extension) e on e.id = c.oid
  where c.relkind = 'r' and c.relpersistence <> 't' and (${isOurs('pg_class', 'c.oid')} or e.id is not null)
    and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  order by n.nspname, c.relname`;

/** All tables whose rows a full dump carries. */
export async function readTables(session: Session): Promise<Table[]> {
  const rows = await session.rows(TABLES);
  return rows.map((row) => ({
    id: row.id ?? '',
    schema: row.schema ?? '',
    name: row.name ?? '',
    shown: shownQualified(row.schema ?? '', row.name ?? ''),
    bytes: Number(row.bytes),
    columns: JSON.parse(row.columns ?? '[]') as string[],
    reordered: row.reordered === 'true',
    condition: row.condition ?? '',
  }));
}

const SEQUENCES = `select n.nspname as schema, c.relname as name, c.oid::text as id from pg_class c
  join pg_namespace n on n.oid = c.relnamespace
  left join (select unnest(extconfig) as id from pg_extension) e on e.id = c.oid
  where c.relkind = 'S' and c.relpersistence <> 't' and (${isOurs('pg_class', 'c.oid')} or e.id is not null)
  order by 1, 2`;

export interface SequenceName {
  readonly id: string;
  readonly schema: string;
  readonly name: string;
}

export async function readSequences(session: Session): Promise<SequenceName[]> {
  const rows = await session.rows(SEQUENCES);
  return rows.map((row) => ({ id: row.id ?? '', schema: row.schema ?? '', name: row.name ?? '' }));
}

/** The key of a sequence's value in an inventory. */
export function sequenceValueName(schema: string, name: string): string {
  return `sequence ${shownQualified(schema, name)}`;
}
