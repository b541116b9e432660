import { accessList, changedAccess, notOfExtension, PUBLIC_SCHEMA, qualified, relation, shown } from './sql.ts';

/** Access lists that hang on no object of ours: columns, and objects of the server or of extensions that someone changed. */
export const ACCESS_QUERIES: readonly string[] = [
  `select 'acl column ' || ${relation('a.attrelid')} || '.' || ${shown('a.attname')} as entry,
      ${accessList('a.attacl', 'c', 'c.relowner')} as body, a.attrelid::text as relation
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    where a.attacl is not null and not a.attisdropped and c.oid >= 16384 and ${notOfExtension('pg_class', 'c.oid')}`,
  changedSystemAccess({
    catalog: 'pg_proc',
    alias: 'p',
    entry: "'acl function ' || p.oid::regprocedure",
    acl: 'p.proacl',
    owner: 'p.proowner',
    type: 'f',
  }),
  changedSystemAccess({
    catalog: 'pg_class',
    alias: 'c',
    entry: `'acl relation ' || ${qualified('c.relnamespace', 'c.relname')}`,
    acl: 'c.relacl',
    owner: 'c.relowner',
    type: 'r',
  }),
  changedSystemAccess({
    catalog: 'pg_namespace',
    alias: 'n',
    entry: `'acl schema ' || ${shown('n.nspname')}`,
    acl: 'n.nspacl',
    owner: 'n.nspowner',
    type: 'n',
    except: `n.oid = ${PUBLIC_SCHEMA} or n.nspname ~ '^pg_(toast|temp)'`,
  }),
];

interface SystemObjects {
  readonly catalog: string;
  readonly alias: string;
  readonly entry: string;
  readonly acl: string;
  readonly owner: string;
  readonly type: string;
  readonly except?: string;
}

/** Objects of the server or an extension whose access list is not the one they came with. */
function changedSystemAccess({ catalog, alias, entry, acl, owner, type, except }: SystemObjects): string {
  const id = `${alias}.oid`;
  const initial = `(select ip.initprivs from pg_init_privs ip where ip.objoid = ${id} and ip.classoid = 'pg_catalog.${catalog}'::regclass and ip.objsubid = 0)`;
  return `select ${entry} as entry, ${accessList(acl, type, owner)} as body, null as relation
    from pg_catalog.${catalog} ${alias}
    where (${id} < 16384 or not ${notOfExtension(catalog, id)}) and ${acl} is not null and not (${except ?? 'false'})
      and ${acl} is distinct from ${initial} and ${changedAccess(acl, type, owner)} is distinct from ${changedAccess(initial, type, owner)}`;
}
