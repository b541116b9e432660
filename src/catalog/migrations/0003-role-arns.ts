import { type Kysely, sql } from 'kysely';
import { definer } from './functions.ts';

/** Roles of clients' accounts that a row names; made by the database itself, so that no writer can leave one out. */
const COLUMNS = {
  destinations: ['writeRoleArn', 'readRoleArn', 'deleteRoleArn'].map((name) => `place ->> '${name}'`),
  databases: [`settings -> 'credential' ->> 'roleArn'`, `settings -> 'tunnel' -> 'privateKey' ->> 'roleArn'`],
} as const;

const STATEMENTS = [
  ...Object.entries(COLUMNS).flatMap(([table, arns]) => [
    `ALTER TABLE ${table} ADD COLUMN role_arns text[]
      GENERATED ALWAYS AS (array_remove(ARRAY[${arns.join(', ')}], NULL)) STORED`,
    `CREATE INDEX ${table}_of_role ON ${table} USING gin (role_arns)`,
    `CREATE POLICY finder ON ${table} FOR SELECT TO finder USING (true)`,
    `GRANT SELECT (tenant_id, id, role_arns) ON ${table} TO finder`,
  ]),
  'GRANT CREATE ON SCHEMA public TO finder',
  ...definer({
    name: 'find_role_users',
    args: 'wanted text',
    returns: 'TABLE (tenant_id uuid, id uuid)',
    query: `SELECT t.tenant_id, t.id FROM destinations t WHERE t.role_arns @> ARRAY[wanted]
      UNION ALL SELECT t.tenant_id, t.id FROM databases t WHERE t.role_arns @> ARRAY[wanted]`,
  }),
  'REVOKE CREATE ON SCHEMA public FROM finder',
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
