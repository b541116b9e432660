import type { TocEntry } from '../archive/toc.ts';
import { quoted } from '../names.ts';

/**
 * Takes everything out of a database that anyone made in it, inside the restore's own transaction: either the backup's
 * content is there afterwards, or what was there before. Extensions that lie in no such schema stay.
 */
const CLEAR = `DO $clear$
DECLARE item record;
BEGIN
  FOR item IN SELECT evtname AS name FROM pg_catalog.pg_event_trigger e WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_event_trigger'::pg_catalog.regclass AND d.objid = e.oid AND d.deptype = 'e') LOOP
    EXECUTE pg_catalog.format('DROP EVENT TRIGGER %I', item.name);
  END LOOP;
  FOR item IN SELECT pubname AS name FROM pg_catalog.pg_publication LOOP
    EXECUTE pg_catalog.format('DROP PUBLICATION %I', item.name);
  END LOOP;
  -- A subscription's slot on the other server cannot be dropped in a transaction: it is let go.
  FOR item IN SELECT subname AS name FROM pg_catalog.pg_subscription WHERE subdbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database()) LOOP
    EXECUTE pg_catalog.format('ALTER SUBSCRIPTION %I DISABLE', item.name);
    EXECUTE pg_catalog.format('ALTER SUBSCRIPTION %I SET (slot_name = NONE)', item.name);
    EXECUTE pg_catalog.format('DROP SUBSCRIPTION %I', item.name);
  END LOOP;
  FOR item IN SELECT nspname AS name FROM pg_catalog.pg_namespace n WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
      AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_namespace'::pg_catalog.regclass AND d.objid = n.oid AND d.deptype = 'e') LOOP
    EXECUTE pg_catalog.format('DROP SCHEMA %I CASCADE', item.name);
  END LOOP;
  FOR item IN SELECT fdwname AS name FROM pg_catalog.pg_foreign_data_wrapper w WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_foreign_data_wrapper'::pg_catalog.regclass AND d.objid = w.oid AND d.deptype = 'e') LOOP
    EXECUTE pg_catalog.format('DROP FOREIGN DATA WRAPPER %I CASCADE', item.name);
  END LOOP;
  FOR item IN SELECT srvname AS name FROM pg_catalog.pg_foreign_server LOOP
    EXECUTE pg_catalog.format('DROP SERVER %I CASCADE', item.name);
  END LOOP;
  FOR item IN SELECT lanname AS name FROM pg_catalog.pg_language l WHERE l.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_language'::pg_catalog.regclass AND d.objid = l.oid AND d.deptype = 'e') LOOP
    EXECUTE pg_catalog.format('DROP LANGUAGE %I CASCADE', item.name);
  END LOOP;
  FOR item IN SELECT amname AS name FROM pg_catalog.pg_am a WHERE a.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_am'::pg_catalog.regclass AND d.objid = a.oid AND d.deptype = 'e') LOOP
    EXECUTE pg_catalog.format('DROP ACCESS METHOD %I CASCADE', item.name);
  END LOOP;
  FOR item IN SELECT pg_catalog.format_type(castsource, NULL) AS source, pg_catalog.format_type(casttarget, NULL) AS target FROM pg_catalog.pg_cast c WHERE c.oid >= 16384 AND NOT EXISTS (SELECT FROM pg_catalog.pg_depend d WHERE d.classid = 'pg_catalog.pg_cast'::pg_catalog.regclass AND d.objid = c.oid AND d.deptype = 'e') LOOP
    EXECUTE 'DROP CAST (' || item.source || ' AS ' || item.target || ')';
  END LOOP;
  FOR item IN SELECT pg_catalog.pg_get_userbyid(defaclrole) AS name, defaclobjtype AS kind FROM pg_catalog.pg_default_acl WHERE defaclnamespace = 0 LOOP
    EXECUTE pg_catalog.format('ALTER DEFAULT PRIVILEGES FOR ROLE %I REVOKE ALL ON %s FROM PUBLIC', item.name,
      CASE item.kind WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES' ELSE 'SCHEMAS' END);
  END LOOP;
  PERFORM pg_catalog.lo_unlink(oid) FROM pg_catalog.pg_largeobject_metadata;
END $clear$;
CREATE SCHEMA public AUTHORIZATION pg_database_owner;
GRANT USAGE ON SCHEMA public TO PUBLIC;
COMMENT ON SCHEMA public IS 'standard public schema';
`;

/** An entry that runs before all others in the same transaction. */
export function clearingEntry(id: number): TocEntry {
  return madeEntry(id, 'DATABASE CLEARING', CLEAR);
}

/** The same for rows alone: all tables at once, since foreign keys may go in circles. */
export function emptyingEntry(id: number, tables: readonly TocEntry[]): TocEntry {
  const names = tables.map(({ schema, tag }) => `ONLY ${quoted(schema)}.${quoted(tag)}`);
  // Of the kind that readers count among data, though it has none of its own.
  return madeEntry(id, 'SEQUENCE SET', names.length === 0 ? 'SELECT 1;\n' : `TRUNCATE TABLE ${names.join(', ')};\n`);
}

const PRE_DATA = 2;
const DATA = 3;

function madeEntry(id: number, kind: string, definition: string): TocEntry {
  return {
    id,
    tag: 'cleared',
    kind,
    definition,
    drop: '',
    copy: '',
    schema: '',
    tablespace: '',
    owner: '',
    dependsOn: [],
    hasData: false,
    rest: {
      hadDumper: 0,
      tableId: '0',
      objectId: '0',
      section: kind === 'SEQUENCE SET' ? DATA : PRE_DATA,
      method: undefined,
      relationKind: 0,
      withOids: 'false',
      absent: [false, true, true, true, true, true],
    },
  };
}
