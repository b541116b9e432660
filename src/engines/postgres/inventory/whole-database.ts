import { maybe, type ObjectKind, qualified, relation, routine, shown, sortedOptions } from './sql.ts';

const dictionary = (id: string) =>
  `(select ${qualified('di.dictnamespace', 'di.dictname')} from pg_ts_dict di where di.oid = ${id})`;

/** Objects that belong to the database as a whole, or to text search. */
export const WHOLE_DATABASE: readonly ObjectKind[] = [
  {
    catalog: 'pg_extension',
    alias: 'e',
    kind: "'extension'",
    name: shown('e.extname'),
    where: "e.extname <> 'plpgsql'",
    definition: ['(select nspname from pg_namespace where oid = e.extnamespace)'],
    // Each server brings its own version of an extension; a restore says so where they differ.
    more: { 'version of': 'e.extversion' },
  },
  {
    catalog: 'pg_language',
    alias: 'l',
    kind: "'language'",
    name: shown('l.lanname'),
    definition: ['l.lanpltrusted', routine('l.lanplcallfoid'), routine('l.laninline'), routine('l.lanvalidator')],
    owner: 'l.lanowner',
    acl: { column: 'l.lanacl', type: 'l' },
  },
  {
    catalog: 'pg_am',
    alias: 'a',
    kind: "'access method'",
    name: shown('a.amname'),
    definition: ['a.amtype', routine('a.amhandler::oid')],
  },
  {
    catalog: 'pg_event_trigger',
    alias: 'e',
    kind: "'event trigger'",
    name: shown('e.evtname'),
    definition: ['e.evtevent', routine('e.evtfoid'), 'e.evtenabled', 'e.evttags'],
    owner: 'e.evtowner',
  },
  {
    catalog: 'pg_foreign_data_wrapper',
    alias: 'f',
    kind: "'foreign data wrapper'",
    name: shown('f.fdwname'),
    definition: [routine('f.fdwhandler'), routine('f.fdwvalidator'), sortedOptions('f.fdwoptions')],
    owner: 'f.fdwowner',
    acl: { column: 'f.fdwacl', type: 'F' },
  },
  {
    catalog: 'pg_foreign_server',
    alias: 's',
    joins: 'join pg_foreign_data_wrapper f on f.oid = s.srvfdw',
    kind: "'foreign server'",
    name: shown('s.srvname'),
    definition: ['f.fdwname', 's.srvtype', 's.srvversion', sortedOptions('s.srvoptions')],
    owner: 's.srvowner',
    acl: { column: 's.srvacl', type: 'S' },
  },
  {
    catalog: 'pg_publication',
    alias: 'p',
    kind: "'publication'",
    name: shown('p.pubname'),
    definition: [
      'p.puballtables',
      'p.pubinsert',
      'p.pubupdate',
      'p.pubdelete',
      'p.pubtruncate',
      'p.pubviaroot',
      `coalesce(nullif(${maybe('p', 'pubgencols')}, 'n'), '')`,
    ],
    owner: 'p.pubowner',
  },
  {
    catalog: 'pg_publication_rel',
    alias: 'r',
    joins: 'join pg_publication p on p.oid = r.prpubid',
    kind: "'publication table'",
    name: `${relation('r.prrelid')} || ' in ' || ${shown('p.pubname')}`,
    relation: 'r.prrelid',
    definition: [
      'array(select a.attname::text from pg_attribute a where a.attrelid = r.prrelid and a.attnum = any (r.prattrs::int2[]) order by 1)',
      'pg_get_expr(r.prqual, r.prrelid)',
    ],
    comment: false,
  },
  {
    catalog: 'pg_publication_namespace',
    alias: 'r',
    joins: 'join pg_publication p on p.oid = r.pnpubid join pg_namespace n on n.oid = r.pnnspid',
    kind: "'publication schema'",
    name: `${shown('n.nspname')} || ' in ' || ${shown('p.pubname')}`,
    definition: ["''"],
    comment: false,
  },
  {
    catalog: 'pg_ts_parser',
    alias: 'p',
    kind: "'text search parser'",
    name: qualified('p.prsnamespace', 'p.prsname'),
    definition: ['start', 'token', 'end', 'headline', 'lextype'].map((f) => routine(`p.prs${f}::oid`)),
  },
  {
    catalog: 'pg_ts_template',
    alias: 't',
    kind: "'text search template'",
    name: qualified('t.tmplnamespace', 't.tmplname'),
    definition: [routine('t.tmplinit::oid'), routine('t.tmpllexize::oid')],
  },
  {
    catalog: 'pg_ts_dict',
    alias: 'd',
    kind: "'text search dictionary'",
    name: qualified('d.dictnamespace', 'd.dictname'),
    definition: [
      `(select ${qualified('te.tmplnamespace', 'te.tmplname')} from pg_ts_template te where te.oid = d.dicttemplate)`,
      'd.dictinitoption',
    ],
    owner: 'd.dictowner',
  },
  {
    catalog: 'pg_ts_config',
    alias: 'c',
    kind: "'text search configuration'",
    name: qualified('c.cfgnamespace', 'c.cfgname'),
    definition: [
      `(select ${qualified('pa.prsnamespace', 'pa.prsname')} from pg_ts_parser pa where pa.oid = c.cfgparser)`,
      `(select jsonb_agg(jsonb_build_array(m.maptokentype, ${dictionary('m.mapdict')}) order by m.maptokentype, m.mapseqno) from pg_ts_config_map m where m.mapcfg = c.oid)`,
    ],
    owner: 'c.cfgowner',
  },
];

/** Kinds whose rows do not come one object each. Columns as in `entriesQuery`. */
export const SPECIAL_QUERIES: readonly string[] = [
  // No option of a mapping is read: they are passwords.
  `select 'user mapping ' || coalesce(${shown('u.usename')}, 'PUBLIC') || ' on ' || ${shown('u.srvname')} as entry, '' as body, null as relation
    from pg_user_mappings u`,
  `select 'default acl ' || pg_get_userbyid(d.defaclrole) || coalesce(' in schema ' || ${shown('n.nspname')}, '') || ' on ' ||
      case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions' when 'T' then 'types' when 'n' then 'schemas' else 'large objects' end as entry,
    (select jsonb_agg(g.entry order by g.entry) from (
      select jsonb_build_array(case when x.grantee = d.defaclrole then '<owner>' when x.grantee = 0 then 'PUBLIC' else pg_get_userbyid(x.grantee)::text end,
        x.is_grantable, case when count(*) >= (select count(*) from aclexplode(acldefault(case d.defaclobjtype when 'S' then 's' else d.defaclobjtype end, d.defaclrole)) b where b.grantee = d.defaclrole)
          then '["ALL"]'::jsonb else jsonb_agg(x.privilege_type order by x.privilege_type) end) as entry
      from aclexplode(d.defaclacl) x group by x.grantee, x.is_grantable) g)::text as body, null as relation
    from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace`,
  // Comments on parts: columns, and everything whose own query knows no object of one id.
  `select 'comment column ' || ${relation('a.attrelid')} || '.' || ${shown('a.attname')} as entry, d.description as body, a.attrelid::text as relation
    from pg_description d join pg_attribute a on a.attrelid = d.objoid and a.attnum = d.objsubid
    where d.classoid = 'pg_catalog.pg_class'::regclass and d.objsubid > 0 and a.attrelid >= 16384
      and not exists (select from pg_depend dep where dep.classid = d.classoid and dep.objid = d.objoid and dep.deptype = 'e')`,
  `select 'comment constraint ' || k.conname || ' on domain ' || k.contypid::regtype as entry, d.description as body, null as relation
    from pg_description d join pg_constraint k on k.oid = d.objoid and k.contypid <> 0
    where d.classoid = 'pg_catalog.pg_constraint'::regclass and k.oid >= 16384`,
  `select 'security label ' || l.provider || ' ' || l.objtype || ' ' || l.objname as entry, l.label as body, null as relation
    from pg_seclabels l where l.objtype not in ('database', 'role', 'tablespace', 'large object')`,
];
