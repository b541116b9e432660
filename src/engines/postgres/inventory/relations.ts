import {
  isOurs,
  maybe,
  notOfExtension,
  type ObjectKind,
  PUBLIC_SCHEMA,
  qualified,
  relation,
  shown,
  sortedOptions,
} from './sql.ts';

const name = qualified('c.relnamespace', 'c.relname');

/** Children by INHERITS get their columns in another order when they are made anew; partitions keep theirs. */
const inheritsColumns = `(not c.relispartition and exists (select from pg_inherits i where i.inhrelid = c.oid))`;

/** Minor releases since November 2026 keep a version number of their own among a column's options; pg_dump leaves it out too. */
const columnOptions = `array(select o from unnest(a.attoptions) o where o !~ '^pg_attver=' order by 1)`;

const columns = `(select jsonb_agg(jsonb_build_array(
    a.attname, format_type(a.atttypid, a.atttypmod),
    (select ${qualified('co.collnamespace', 'co.collname')} from pg_collation co join pg_type ty on ty.oid = a.atttypid
      where co.oid = a.attcollation and co.oid <> ty.typcollation),
    a.attnotnull, a.attidentity, a.attgenerated,
    (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d where d.adrelid = a.attrelid and d.adnum = a.attnum),
    (select nullif(a.attstorage, ty.typstorage) from pg_type ty where ty.oid = a.atttypid), ${maybe('a', 'attcompression')},
    coalesce(nullif(${maybe('a', 'attstattarget')}, '-1'), ''),
    ${columnOptions}, ${sortedOptions('a.attfdwoptions')},
    case when ${inheritsColumns} then a.attislocal end)
    order by case when ${inheritsColumns} then a.attname::text else '' end, a.attnum)
  from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)`;

const viewColumns = `(select jsonb_agg(jsonb_build_array(a.attname, format_type(a.atttypid, a.atttypmod),
    (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d where d.adrelid = a.attrelid and d.adnum = a.attnum)) order by a.attnum)
  from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)`;

const parents = `array(select ${relation('i.inhparent')} from pg_inherits i where i.inhrelid = c.oid order by i.inhseqno)`;
const method = '(select am.amname from pg_am am where am.oid = c.relam)';
const tablespace = '(select ts.spcname::text from pg_tablespace ts where ts.oid = c.reltablespace)';
const ownedBy = `(select ${relation('d.refobjid')} || '.' || ${shown('a.attname')} from pg_depend d
  join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
  where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')
    and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjsubid > 0 limit 1)`;

/** Tables of the system that only we see through; temporary ones are nobody's to keep. */
const KEPT = "c.relpersistence <> 't'";

export const RELATIONS: readonly ObjectKind[] = [
  {
    catalog: 'pg_namespace',
    alias: 'n',
    everything: true,
    where: `n.oid = ${PUBLIC_SCHEMA} or (${isOurs('pg_namespace', 'n.oid')} and n.nspname !~ '^pg_')`,
    kind: "'schema'",
    name: shown('n.nspname'),
    definition: ["''"],
    owner: 'n.nspowner',
    acl: { column: 'n.nspacl', type: 'n' },
  },
  {
    catalog: 'pg_class',
    alias: 'c',
    where: `c.relkind in ('r', 'p', 'f') and ${KEPT}`,
    kind: "case c.relkind when 'f' then 'foreign table' else 'table' end",
    name,
    relation: 'c.oid',
    definition: [
      'c.relkind',
      'c.relpersistence',
      columns,
      sortedOptions('c.reloptions'),
      `(select ${sortedOptions('toast.reloptions')} from pg_class toast where toast.oid = c.reltoastrelid)`,
      'pg_get_partkeydef(c.oid)',
      'pg_get_expr(c.relpartbound, c.oid)',
      parents,
      'c.relrowsecurity',
      'c.relforcerowsecurity',
      'c.relreplident',
      method,
      'case when c.reloftype <> 0 then format_type(c.reloftype, null) end',
      `(select jsonb_build_array(srv.srvname, ${sortedOptions('ft.ftoptions')}) from pg_foreign_table ft join pg_foreign_server srv on srv.oid = ft.ftserver where ft.ftrelid = c.oid)`,
    ],
    owner: 'c.relowner',
    acl: { column: 'c.relacl', type: 'r' },
    more: { tablespace },
  },
  {
    catalog: 'pg_class',
    alias: 'c',
    where: `c.relkind in ('v', 'm')`,
    kind: "case c.relkind when 'm' then 'materialized view' else 'view' end",
    name,
    relation: 'c.oid',
    definition: [viewColumns, sortedOptions('c.reloptions'), 'c.relispopulated', method],
    owner: 'c.relowner',
    acl: { column: 'c.relacl', type: 'r' },
    more: { tablespace, query: 'pg_get_viewdef(c.oid)' },
  },
  {
    catalog: 'pg_class',
    alias: 'c',
    joins: 'join pg_sequence s on s.seqrelid = c.oid',
    where: `c.relkind = 'S' and ${KEPT}`,
    kind: "'sequence'",
    name,
    relation: `coalesce((select d.refobjid from pg_depend d where d.classid = 'pg_catalog.pg_class'::regclass and d.objid = c.oid
      and d.deptype in ('a', 'i') and d.refclassid = 'pg_catalog.pg_class'::regclass and d.refobjsubid > 0 limit 1), c.oid)`,
    definition: [
      'format_type(s.seqtypid, null)',
      's.seqstart::text',
      's.seqincrement::text',
      's.seqmax::text',
      's.seqmin::text',
      's.seqcache::text',
      's.seqcycle',
      'c.relpersistence',
      ownedBy,
    ],
    owner: 'c.relowner',
    acl: { column: 'c.relacl', type: 's' },
  },
  {
    catalog: 'pg_class',
    alias: 'c',
    joins: 'join pg_index i on i.indexrelid = c.oid join pg_class t on t.oid = i.indrelid',
    // An index that was left invalid is not dumped; it is no use to anyone.
    where: `c.relkind in ('i', 'I') and (i.indisvalid or t.relkind = 'p') and i.indisready and t.relpersistence <> 't' and t.relkind <> 't' and ${notOfExtension('pg_class', 't.oid')}`,
    kind: "'index'",
    name,
    relation: 'i.indrelid',
    definition: [
      'pg_get_indexdef(c.oid)',
      'i.indisclustered',
      'i.indisreplident',
      parents,
      '(select jsonb_agg(jsonb_build_array(a.attnum, ' +
        maybe('a', 'attstattarget') +
        ') order by a.attnum) from pg_attribute a where a.attrelid = c.oid and coalesce(' +
        maybe('a', 'attstattarget') +
        '::int, -1) >= 0)',
    ],
    more: { tablespace },
  },
  {
    catalog: 'pg_constraint',
    alias: 'k',
    joins: 'join pg_class t on t.oid = k.conrelid',
    // Foreign keys that a partitioned table's key makes for each partition get new names each time. A plain NOT NULL is
    // a property of its column; since version 18 it also stands here.
    where: `t.relkind in ('r', 'p', 'f') and t.relpersistence <> 't' and (k.contype <> 'f' or k.conparentid = 0)
      and k.contype in ('c', 'f', 'p', 'u', 'x', 'n')
      and (k.contype <> 'n' or not k.convalidated or k.connoinherit)`,
    kind: "'constraint'",
    name: `${shown('k.conname')} || ' on ' || ${relation('k.conrelid')}`,
    relation: 'k.conrelid',
    definition: [
      'pg_get_constraintdef(k.oid)',
      "(select ci.relname from pg_class ci where ci.oid = k.conindid and k.contype <> 'f')",
    ],
  },
  {
    catalog: 'pg_trigger',
    alias: 'tg',
    where: 'not tg.tgisinternal',
    kind: "'trigger'",
    name: `${shown('tg.tgname')} || ' on ' || ${relation('tg.tgrelid')}`,
    relation: 'tg.tgrelid',
    definition: ['tg.tgenabled', 'pg_get_triggerdef(tg.oid)'],
  },
  {
    catalog: 'pg_rewrite',
    alias: 'r',
    where: "r.rulename <> '_RETURN'",
    kind: "'rule'",
    name: `${shown('r.rulename')} || ' on ' || ${relation('r.ev_class')}`,
    relation: 'r.ev_class',
    definition: ['r.ev_type', 'r.ev_enabled', 'r.is_instead'],
    more: { query: 'pg_get_ruledef(r.oid)' },
  },
  {
    catalog: 'pg_policy',
    alias: 'p',
    kind: "'policy'",
    name: `${shown('p.polname')} || ' on ' || ${relation('p.polrelid')}`,
    relation: 'p.polrelid',
    definition: [
      'p.polcmd',
      'p.polpermissive',
      "array(select case when r = 0 then 'PUBLIC' else pg_get_userbyid(r)::text end from unnest(p.polroles) r order by 1)",
    ],
    more: {
      query:
        "coalesce(pg_get_expr(p.polqual, p.polrelid), '') || ' / ' || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), '')",
    },
  },
  {
    catalog: 'pg_statistic_ext',
    alias: 's',
    kind: "'statistics'",
    name: qualified('s.stxnamespace', 's.stxname'),
    relation: 's.stxrelid',
    definition: ['pg_get_statisticsobjdef(s.oid)', `coalesce(nullif(${maybe('s', 'stxstattarget')}, '-1'), '')`],
    owner: 's.stxowner',
  },
];
