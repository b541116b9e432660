import { maybe, type ObjectKind, qualified, routine, shown, sortedOptions } from './sql.ts';

const argumentTypes = `array_to_string(array(select format_type(t, null) from unnest(p.proargtypes) with ordinality a (t, n) order by n), ',')`;
const routineName = `${qualified('p.pronamespace', 'p.proname')} || '(' || ${argumentTypes} || ')'`;
const collationName = (id: string) =>
  `(select ${qualified('co.collnamespace', 'co.collname')} from pg_collation co where co.oid = ${id})`;
const typeName = qualified('t.typnamespace', 't.typname');
const isArray = 'exists (select from pg_type el where el.typarray = t.oid)';
const typeAccess = { owner: 't.typowner', acl: { column: 't.typacl', type: 'T' } } as const;
const operatorText = (id: string) => `nullif(${id}, 0)::regoperator::text`;
const opclassName = (id: string) =>
  `(select ${qualified('oc.opcnamespace', 'oc.opcname')} from pg_opclass oc where oc.oid = ${id})`;
const familyName = (id: string) =>
  `(select ${qualified('fa.opfnamespace', 'fa.opfname')} from pg_opfamily fa where fa.oid = ${id})`;
const methodName = (id: string) => `(select am.amname::text from pg_am am where am.oid = ${id})`;

export const ROUTINES: readonly ObjectKind[] = [
  {
    catalog: 'pg_proc',
    alias: 'p',
    joins: 'join pg_language l on l.oid = p.prolang',
    // The constructors of a range come with its type.
    where: `p.prokind <> 'a' and not exists (select from pg_depend d where d.classid = 'pg_catalog.pg_proc'::regclass and d.objid = p.oid and d.deptype = 'i')`,
    kind: "case p.prokind when 'p' then 'procedure' when 'w' then 'window function' else 'function' end",
    name: routineName,
    definition: [
      'l.lanname',
      'pg_get_function_arguments(p.oid)',
      'pg_get_function_result(p.oid)',
      "case when p.prosrc = '' then null else p.prosrc end",
      'p.probin',
      'p.provolatile',
      'p.proparallel',
      'p.prosecdef',
      'p.proleakproof',
      'p.proisstrict',
      'p.proretset',
      'p.procost',
      'p.prorows',
      sortedOptions('p.proconfig'),
      routine('p.prosupport'),
      'array(select format_type(t, null) from unnest(p.protrftypes) t)',
    ],
    owner: 'p.proowner',
    acl: { column: 'p.proacl', type: 'f' },
    more: { query: 'pg_get_function_sqlbody(p.oid)' },
  },
  {
    catalog: 'pg_proc',
    alias: 'p',
    joins: 'join pg_aggregate a on a.aggfnoid = p.oid',
    kind: "'aggregate'",
    name: routineName,
    definition: [
      'pg_get_function_arguments(p.oid)',
      'a.aggkind',
      'a.aggnumdirectargs',
      ...['transfn', 'finalfn', 'combinefn', 'serialfn', 'deserialfn', 'mtransfn', 'minvtransfn', 'mfinalfn'].map((f) =>
        routine(`a.agg${f}::oid`),
      ),
      'a.aggfinalextra',
      'a.aggmfinalextra',
      'a.aggfinalmodify',
      'a.aggmfinalmodify',
      operatorText('a.aggsortop'),
      'format_type(a.aggtranstype, null)',
      'a.aggtransspace',
      'case when a.aggmtranstype <> 0 then format_type(a.aggmtranstype, null) end',
      'a.aggmtransspace',
      'a.agginitval',
      'a.aggminitval',
      'p.proparallel',
    ],
    owner: 'p.proowner',
    acl: { column: 'p.proacl', type: 'f' },
  },
  {
    catalog: 'pg_operator',
    alias: 'o',
    // Without code it is a name that another operator mentions.
    where: 'o.oprcode <> 0',
    kind: "'operator'",
    name: `(select ${shown('ns.nspname')} from pg_namespace ns where ns.oid = o.oprnamespace) || '.' || o.oprname || '(' || coalesce(format_type(nullif(o.oprleft, 0), null), '') || ',' || format_type(o.oprright, null) || ')'`,
    definition: [
      'format_type(nullif(o.oprresult, 0), null)',
      routine('o.oprcode::oid'),
      operatorText('o.oprcom'),
      operatorText('o.oprnegate'),
      routine('o.oprrest::oid'),
      routine('o.oprjoin::oid'),
      'o.oprcanmerge',
      'o.oprcanhash',
    ],
    owner: 'o.oprowner',
  },
  {
    catalog: 'pg_opfamily',
    alias: 'f',
    kind: "'operator family'",
    name: `${qualified('f.opfnamespace', 'f.opfname')} || ' using ' || ${methodName('f.opfmethod')}`,
    definition: [
      `array(select amopstrategy || ' ' || amoppurpose::text || ' ' || amopopr::regoperator || coalesce(' ' || ${familyName('amopsortfamily')}, '') from pg_amop where amopfamily = f.oid order by 1)`,
      "array(select amprocnum || ' ' || format_type(amproclefttype, null) || ' ' || format_type(amprocrighttype, null) || ' ' || amproc::oid::regprocedure from pg_amproc where amprocfamily = f.oid order by 1)",
    ],
    owner: 'f.opfowner',
  },
  {
    catalog: 'pg_opclass',
    alias: 'o',
    kind: "'operator class'",
    name: `${qualified('o.opcnamespace', 'o.opcname')} || ' using ' || ${methodName('o.opcmethod')}`,
    definition: [
      'format_type(o.opcintype, null)',
      'case when o.opckeytype <> 0 then format_type(o.opckeytype, null) end',
      'o.opcdefault',
      familyName('o.opcfamily'),
    ],
    owner: 'o.opcowner',
  },
  {
    catalog: 'pg_cast',
    alias: 'c',
    kind: "'cast'",
    name: "'(' || format_type(c.castsource, null) || ' AS ' || format_type(c.casttarget, null) || ')'",
    definition: [routine('c.castfunc'), 'c.castcontext', 'c.castmethod'],
  },
  {
    catalog: 'pg_conversion',
    alias: 'c',
    kind: "'conversion'",
    name: qualified('c.connamespace', 'c.conname'),
    definition: [
      'pg_encoding_to_char(c.conforencoding)',
      'pg_encoding_to_char(c.contoencoding)',
      routine('c.conproc::oid'),
      'c.condefault',
    ],
    owner: 'c.conowner',
  },
  {
    catalog: 'pg_transform',
    alias: 't',
    joins: 'join pg_language l on l.oid = t.trflang',
    kind: "'transform'",
    name: `'for ' || format_type(t.trftype, null) || ' language ' || ${shown('l.lanname')}`,
    definition: [routine('t.trffromsql::oid'), routine('t.trftosql::oid')],
  },
];

export const TYPES: readonly ObjectKind[] = [
  {
    catalog: 'pg_type',
    alias: 't',
    where: "t.typtype = 'e'",
    kind: "'enum'",
    name: typeName,
    definition: ['array(select enumlabel::text from pg_enum where enumtypid = t.oid order by enumsortorder)'],
    ...typeAccess,
  },
  {
    catalog: 'pg_type',
    alias: 't',
    where: "t.typtype = 'd'",
    kind: "'domain'",
    name: typeName,
    definition: [
      'format_type(t.typbasetype, t.typtypmod)',
      't.typnotnull',
      't.typdefault',
      `(select ${collationName('t.typcollation')} from pg_type b where b.oid = t.typbasetype and b.typcollation <> t.typcollation)`,
      "(select jsonb_agg(jsonb_build_array(k.conname, pg_get_constraintdef(k.oid)) order by k.conname) from pg_constraint k where k.contypid = t.oid and k.contype = 'c')",
    ],
    ...typeAccess,
  },
  {
    catalog: 'pg_type',
    alias: 't',
    joins: 'join pg_range r on r.rngtypid = t.oid',
    where: "t.typtype = 'r'",
    kind: "'range'",
    name: typeName,
    definition: [
      'format_type(r.rngsubtype, null)',
      'format_type(r.rngmultitypid, null)',
      opclassName('r.rngsubopc'),
      collationName('r.rngcollation'),
      routine('r.rngcanonical::oid'),
      routine('r.rngsubdiff::oid'),
    ],
    ...typeAccess,
  },
  {
    catalog: 'pg_type',
    alias: 't',
    joins: "join pg_class c on c.oid = t.typrelid and c.relkind = 'c'",
    kind: "'composite type'",
    name: typeName,
    definition: [
      `(select jsonb_agg(jsonb_build_array(a.attname, format_type(a.atttypid, a.atttypmod), ${collationName('a.attcollation')}) order by a.attnum) from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped)`,
    ],
    ...typeAccess,
  },
  {
    catalog: 'pg_type',
    alias: 't',
    where: `(t.typtype = 'b' and not ${isArray}) or (t.typtype = 'p' and not t.typisdefined)`,
    kind: "'base type'",
    name: typeName,
    definition: [
      't.typisdefined',
      't.typlen',
      't.typbyval',
      't.typalign',
      't.typstorage',
      't.typcategory',
      't.typispreferred',
      't.typdelim',
      't.typdefault',
      ...['input', 'output', 'receive', 'send', 'modin', 'modout', 'analyze'].map((f) => routine(`t.typ${f}::oid`)),
      routine(`coalesce(${maybe('t', 'typsubscript')}, '-')::regproc::oid`),
      'case when t.typelem <> 0 then format_type(t.typelem, null) end',
    ],
    ...typeAccess,
  },
  {
    catalog: 'pg_collation',
    alias: 'c',
    kind: "'collation'",
    name: qualified('c.collnamespace', 'c.collname'),
    definition: [
      'c.collprovider',
      'c.collisdeterministic',
      'c.collcollate',
      'c.collctype',
      `coalesce(${maybe('c', 'colllocale')}, ${maybe('c', 'colliculocale')})`,
      maybe('c', 'collicurules'),
    ],
    owner: 'c.collowner',
  },
];
