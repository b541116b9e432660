import type { Named } from './inventory/selection.ts';
import { isOurs } from './inventory/sql.ts';
import type { Session } from './session.ts';

/** Anything that a filter can name: tables, views, sequences. */
export interface Relation extends Named {
  /** Ids of what it is a part of: its partitioned tables, and the table that owns a sequence. */
  readonly partOf: readonly string[];
}

const RELATIONS = `select c.oid::text as id, n.nspname as schema, c.relname as name,
    to_json(array(select relid::oid::text from pg_partition_ancestors(c.oid))
      || array(select d.refobjid::text from pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid
        and c.relkind = 'S' and d.deptype in ('a', 'i') and d.refclassid = 'pg_catalog.pg_class'::regclass))::text as part_of
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'f', 'v', 'm', 'S') and c.relpersistence <> 't' and ${isOurs('pg_class', 'c.oid')}
    and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  order by 2, 3`;

export async function readRelations(session: Session): Promise<Relation[]> {
  const rows = await session.rows(RELATIONS);
  return rows.map((row) => ({
    id: row.id ?? '',
    schema: row.schema ?? '',
    name: row.name ?? '',
    partOf: JSON.parse(row.part_of ?? '[]') as string[],
  }));
}
