interface Finder {
  readonly name: string;
  readonly args: string;
  readonly from: string;
  readonly where: string;
}

/** Columns `finder` may see, and nothing else. */
const COLUMNS: Readonly<Record<string, string>> = {
  tenants: 'tenant_id',
  members: 'tenant_id, id, subject',
  api_keys: 'tenant_id, id, key_hash',
  sessions: 'tenant_id, id, token_hash',
  sign_in_links: 'tenant_id, id, token_hash',
  invitations: 'tenant_id, id, token_hash',
  schedules: 'tenant_id, id, next_slot, enabled',
  runs: 'tenant_id, id, state, lease_until, queued_at',
  outbox: 'tenant_id, id, state, next_try_at',
};

const FINDERS: readonly Finder[] = [
  { name: 'find_memberships', args: 'wanted text', from: 'members', where: 'subject = wanted' },
  { name: 'find_api_key', args: 'wanted bytea', from: 'api_keys', where: 'key_hash = wanted' },
  { name: 'find_session', args: 'wanted bytea', from: 'sessions', where: 'token_hash = wanted' },
  { name: 'find_sign_in_link', args: 'wanted bytea', from: 'sign_in_links', where: 'token_hash = wanted' },
  { name: 'find_invitation', args: 'wanted bytea', from: 'invitations', where: 'token_hash = wanted' },
  {
    name: 'find_due_schedules',
    args: 'at timestamptz, most integer',
    from: 'schedules',
    where: 'enabled AND next_slot <= at ORDER BY next_slot LIMIT most',
  },
  {
    name: 'find_dead_runs',
    args: 'at timestamptz, most integer',
    from: 'runs',
    where: `state = 'running' AND lease_until < at ORDER BY lease_until LIMIT most`,
  },
  {
    name: 'find_queued_runs',
    args: 'most integer',
    from: 'runs',
    where: `state = 'queued' ORDER BY queued_at LIMIT most`,
  },
  {
    name: 'find_due_notices',
    args: 'at timestamptz, most integer',
    from: 'outbox',
    where: `state = 'pending' AND next_try_at <= at ORDER BY next_try_at LIMIT most`,
  },
];

/** Names of the functions that run with another role's rights; the catalogue test knows no others. */
export const DEFINER_FUNCTIONS = [...FINDERS.map((finder) => finder.name), 'find_tenants', 'find_role_users'];

/**
 * The few questions that must be asked before a tenant is known. Each runs as `finder`, a role without login, sees only the
 * columns above, and returns ids, never contents.
 */
export function finderStatements(): string[] {
  const policies = Object.entries(COLUMNS).flatMap(([table, columns]) => [
    `CREATE POLICY finder ON ${table} FOR SELECT TO finder USING (true)`,
    `GRANT SELECT (${columns}) ON ${table} TO finder`,
  ]);
  const functions = FINDERS.flatMap(({ name, args, from, where }) =>
    definer({
      name,
      args,
      returns: 'TABLE (tenant_id uuid, id uuid)',
      query: `SELECT t.tenant_id, t.id FROM ${from} t WHERE ${where}`,
    }),
  );
  const tenants = definer({
    name: 'find_tenants',
    args: '',
    returns: 'TABLE (tenant_id uuid)',
    query: 'SELECT t.tenant_id FROM tenants t',
  });
  return [
    ...policies,
    'GRANT USAGE, CREATE ON SCHEMA public TO finder',
    ...functions,
    ...tenants,
    'REVOKE CREATE ON SCHEMA public FROM finder',
  ];
}

/** A function that runs with `finder`'s rights and that `app` may call. */
export function definer({
  name,
  args,
  returns,
  query,
}: {
  name: string;
  args: string;
  returns: string;
  query: string;
}): string[] {
  const types = args
    .split(', ')
    .map((arg) => arg.split(' ')[1] ?? '')
    .join(', ');
  return [
    `CREATE FUNCTION ${name}(${args}) RETURNS ${returns} LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$ ${query} $$`,
    `ALTER FUNCTION ${name}(${types}) OWNER TO finder`,
    `REVOKE ALL ON FUNCTION ${name}(${types}) FROM PUBLIC`,
    `GRANT EXECUTE ON FUNCTION ${name}(${types}) TO app`,
  ];
}
