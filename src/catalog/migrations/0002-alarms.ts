import { type Kysely, sql } from 'kysely';
import { definer } from './functions.ts';

const TENANT = `nullif(current_setting('app.tenant_id', true), '')::uuid`;

/** Tables that this migration adds. */
export const ALARM_TABLES = ['alarms'];

const STATEMENTS = [
  // Lasting conditions: one open row for each, from when it was first seen until it is over.
  `CREATE TABLE alarms (
    tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
    id uuid NOT NULL,
    event text NOT NULL,
    subject text NOT NULL,
    about text NOT NULL,
    severity text NOT NULL,
    data jsonb NOT NULL,
    opened_at timestamptz(3) NOT NULL,
    closed_at timestamptz(3),
    PRIMARY KEY (tenant_id, id)
  )`,
  'CREATE UNIQUE INDEX alarms_open ON alarms (tenant_id, event, subject) WHERE closed_at IS NULL',
  'CREATE INDEX alarms_of_subject ON alarms (tenant_id, subject, event, opened_at DESC)',
  'ALTER TABLE alarms ENABLE ROW LEVEL SECURITY',
  'ALTER TABLE alarms FORCE ROW LEVEL SECURITY',
  `CREATE POLICY tenant ON alarms USING (tenant_id = ${TENANT}) WITH CHECK (tenant_id = ${TENANT})`,
  'GRANT SELECT, INSERT, UPDATE, DELETE ON alarms TO app',

  // A slot is due when its delay within the window is over.
  'ALTER TABLE schedules ADD COLUMN next_due timestamptz(3)',
  // The owner is bound by the policies too, and no tenant is set here.
  'ALTER TABLE schedules NO FORCE ROW LEVEL SECURITY',
  'UPDATE schedules SET next_due = next_slot',
  'ALTER TABLE schedules FORCE ROW LEVEL SECURITY',
  'DROP INDEX schedules_due',
  'CREATE INDEX schedules_due ON schedules (next_due, tenant_id, id) WHERE enabled',
  'CREATE INDEX schedules_without_slot ON schedules (tenant_id) WHERE enabled AND next_due IS NULL',
  'GRANT SELECT (next_due) ON schedules TO finder',
  'DROP FUNCTION find_due_schedules(timestamptz, integer)',
  'GRANT CREATE ON SCHEMA public TO finder',
  ...definer({
    name: 'find_due_schedules',
    args: 'at timestamptz, most integer',
    returns: 'TABLE (tenant_id uuid, id uuid)',
    // Minute by minute; within one minute tenants take turns, each with its own in order (F55). Of a long queue only its
    // head is put into order.
    query: `SELECT d.tenant_id, d.id FROM (
      SELECT s.tenant_id, s.id, s.next_due, date_trunc('minute', s.next_due) AS minute,
        row_number() OVER (PARTITION BY date_trunc('minute', s.next_due), s.tenant_id ORDER BY s.next_due, s.id) AS turn
      FROM (SELECT t.tenant_id, t.id, t.next_due FROM schedules t
        WHERE t.enabled AND t.next_due <= at ORDER BY t.next_due LIMIT 20000) s
    ) d ORDER BY d.minute, d.turn, d.next_due, d.id LIMIT most`,
  }),
  'REVOKE CREATE ON SCHEMA public FROM finder',

  // The secret before the present one is good for a while after a rotation.
  'ALTER TABLE channels ADD COLUMN sealed_previous bytea, ADD COLUMN previous_until timestamptz(3)',
  'CREATE INDEX outbox_of_channel ON outbox (tenant_id, channel_id, created_at DESC, id DESC)',
  `CREATE INDEX outbox_given_up ON outbox (tenant_id, channel_id) WHERE state = 'failed'`,
];

export async function up(db: Kysely<unknown>): Promise<void> {
  for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
}
