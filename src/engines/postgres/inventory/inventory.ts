import { hash } from 'node:crypto';
import { Failure, messageOf } from '../../../domain/failure.ts';
import type { Inventory, TableFacts } from '../../../domain/inventory.ts';
import type { Session } from '../session.ts';
import { ACCESS_QUERIES } from './access.ts';
import { countLargeObjects, countRows, digestLargeObjects, digestRows, readSequenceValues } from './content.ts';
import { readFacts } from './facts.ts';
import { RELATIONS } from './relations.ts';
import { ROUTINES, TYPES } from './routines-and-types.ts';
import { entriesQuery } from './sql.ts';
import { LARGE_OBJECTS, readSequences, readTables, type Table } from './tables.ts';
import { SPECIAL_QUERIES, WHOLE_DATABASE } from './whole-database.ts';

const DIGITS = 16;

const LARGE_OBJECT_ENTRIES = `select part.kind || ' large objects' as entry, part.body as body, null as relation
  from (select string_agg(oid || '=' || pg_get_userbyid(lomowner), ',' order by oid) as owners,
    string_agg(oid || '=' || lomacl::text, ',' order by oid) filter (where lomacl is not null) as acls,
    string_agg(oid || '=' || obj_description(oid, 'pg_largeobject'), ',' order by oid) as comments
    from pg_largeobject_metadata) l
  cross join lateral (values ('owner', l.owners), ('acl', l.acls), ('comment', l.comments)) part (kind, body)
  where part.body is not null`;

/** Subscriptions are dumped for a superuser only; their connection strings are never read. */
const SUBSCRIPTIONS = `select 'subscription ' || subname as entry,
    jsonb_build_array(subslotname, subbinary, subsynccommit, subpublications)::text as body, null as relation
  from pg_subscription where subdbid = (select oid from pg_database where datname = current_database())
    and (select rolsuper from pg_roles where rolname = current_user)`;

/** Every query that lists things; each has the columns `entry`, `body`, `relation`. */
export const ENTRY_QUERIES: readonly string[] = [
  ...[...RELATIONS, ...ROUTINES, ...TYPES, ...WHOLE_DATABASE].map(entriesQuery),
  ...SPECIAL_QUERIES,
  ...ACCESS_QUERIES,
  LARGE_OBJECT_ENTRIES,
  SUBSCRIPTIONS,
];

/** Which relations' entries to keep: `undefined` for entries that belong to none. */
export type Keep = (relation: string | undefined) => boolean;

/** Every object as name → digest. */
export async function readObjects(session: Session, keep: Keep = () => true): Promise<Record<string, string>> {
  const objects: Record<string, string> = {};
  for (const query of ENTRY_QUERIES) {
    for (const { entry, body, relation } of await session.rows(query)) {
      if (typeof entry === 'string' && keep(relation ?? undefined)) objects[entry] = shortDigest(body ?? '');
    }
  }
  return objects;
}

function shortDigest(text: string): string {
  return hash('sha256', text, 'hex').slice(0, DIGITS);
}

/** The whole inventory of a database, in one snapshot. */
export async function readInventory(session: Session, content: 'counts' | 'digests'): Promise<Inventory> {
  await session.rows('begin isolation level repeatable read read only');
  try {
    const objects = await readObjects(session);
    const facts = await readFacts(session);
    const values = await readSequenceValues(session, await readSequences(session));
    const tables = await readContent(session, await readTables(session), content);
    return { objects, tables, values, facts };
  } catch (error) {
    throw explainReading(error);
  } finally {
    await session.rows('rollback');
  }
}

/** What keeps a role from reading a database whole; any other error stays what it is. */
function explainReading(error: unknown): unknown {
  const words = messageOf(error);
  if (!/row-level security|permission denied/i.test(words)) return error;
  return new Failure('privilege_missing', `The database cannot be read whole by this user: ${words}.`, {
    remedy: 'Use a role that may read everything: a superuser, or one with pg_read_all_data and BYPASSRLS.',
    cause: error,
  });
}

async function readContent(session: Session, tables: readonly Table[], content: 'counts' | 'digests') {
  const facts: Record<string, TableFacts> = {};
  if (content === 'digests') return digestAll(session, tables, true);
  for (const table of tables) facts[table.shown] = { rows: await countRows(session, table) };
  const objects = await countLargeObjects(session);
  if (objects > 0) facts[LARGE_OBJECTS] = { rows: objects };
  return facts;
}

/** Rows and digests of these tables and of large objects, where there are any. */
export async function digestAll(
  session: Session,
  tables: readonly Table[],
  largeObjects: boolean,
): Promise<Record<string, TableFacts>> {
  const facts: Record<string, TableFacts> = {};
  await inDatabaseEncoding(session, async () => {
    for (const table of tables) facts[table.shown] = await digestRows(session, table);
  });
  const objects = largeObjects ? await digestLargeObjects(session) : { rows: 0 };
  if (objects.rows > 0) facts[LARGE_OBJECTS] = objects;
  return facts;
}

/** A dump is text in the database's own encoding; what is compared with it must be too. */
async function inDatabaseEncoding(session: Session, work: () => Promise<void>): Promise<void> {
  await session.rows("select set_config('client_encoding', current_setting('server_encoding'), false)");
  await work();
  await session.rows("set client_encoding = 'UTF8'");
}
