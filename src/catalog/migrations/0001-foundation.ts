import { type Kysely, sql } from 'kysely';
import { finderStatements } from './functions.ts';
import { PEOPLE } from './tables-people.ts';
import { SERVICE } from './tables-service.ts';
import { WORK } from './tables-work.ts';

// Rules of every tenant table: tenant_id in the primary key and in every foreign key (M20), row security enabled and forced
// (M16), a policy that survives the empty setting left behind by an earlier transaction (M17). `app` owns nothing.

const TENANT = `nullif(current_setting('app.tenant_id', true), '')::uuid`;

const TABLES = [PEOPLE, WORK, SERVICE].join('\n');

/** In the order they are made. */
export const TENANT_TABLES = [...TABLES.matchAll(/CREATE TABLE (\w+)/g)].map((match) => match[1] ?? '');

export async function up(db: Kysely<unknown>): Promise<void> {
  await sql.raw(TABLES).execute(db);
  for (const table of TENANT_TABLES) {
    await sql
      .raw(`ALTER TABLE ${table} ENABLE ROW LEVEL SECURITY; ALTER TABLE ${table} FORCE ROW LEVEL SECURITY`)
      .execute(db);
    await sql
      .raw(`CREATE POLICY tenant ON ${table} USING (tenant_id = ${TENANT}) WITH CHECK (tenant_id = ${TENANT})`)
      .execute(db);
    const rights = table === 'audit_events' ? 'SELECT, INSERT' : 'SELECT, INSERT, UPDATE, DELETE';
    await sql.raw(`GRANT ${rights} ON ${table} TO app`).execute(db);
  }
  await sql.raw(APPEND_ONLY).execute(db);
  for (const statement of finderStatements()) await sql.raw(statement).execute(db);
}

/** No right can lift this: rows of the audit chain are added, never changed (F101). */
const APPEND_ONLY = `
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'audit events are only ever added';
END $$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_events FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_table BEFORE TRUNCATE ON audit_events FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();`;
