import { type Kysely, sql } from 'kysely';

const STATEMENTS = [
  // Attempts that failed with a word. Those whose worker died without one are the rest of `attempt`.
  'ALTER TABLE runs ADD COLUMN failures integer NOT NULL DEFAULT 0',
  // Rows by table, as the store's reports count them where the manifest cannot.
  "ALTER TABLE backups ADD COLUMN table_rows jsonb NOT NULL DEFAULT '{}'",
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
