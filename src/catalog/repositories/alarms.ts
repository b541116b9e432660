import { type Selectable, sql } from 'kysely';
import type { TenantTransaction } from '../catalog.ts';
import type { CatalogTables } from '../schema.ts';

export type AlarmRow = Selectable<CatalogTables['alarms']>;

export interface NewAlarm {
  readonly tenantId: string;
  readonly id: string;
  readonly event: string;
  /** `schedule <id>`. */
  readonly subject: string;
  /** One line for people. */
  readonly about: string;
  readonly severity: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly at: Date;
}

/** Opens an episode; false when it is open already, however many see it at once. */
export async function openAlarm(trx: TenantTransaction, alarm: NewAlarm): Promise<boolean> {
  const { rows } = await sql`
    insert into alarms (tenant_id, id, event, subject, about, severity, data, opened_at)
    values (${alarm.tenantId}, ${alarm.id}, ${alarm.event}, ${alarm.subject}, ${alarm.about}, ${alarm.severity},
      ${JSON.stringify(alarm.data)}, ${alarm.at})
    on conflict (tenant_id, event, subject) where closed_at is null do nothing returning id`.execute(trx);
  return rows.length === 1;
}

/** Whether an alarm of this family was opened since then. */
export async function openedSince(
  trx: TenantTransaction,
  { event, family, since }: { readonly event: string; readonly family: string; readonly since: Date },
): Promise<boolean> {
  const row = await trx
    .selectFrom('alarms')
    .select('id')
    .where('event', '=', event)
    .where(sql<boolean>`starts_with(subject, ${`${family}: `})`)
    .where('opened_at', '>', since)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Ends an episode; false when somebody else has. */
export async function closeAlarm(trx: TenantTransaction, id: string, at: Date): Promise<boolean> {
  const { numUpdatedRows } = await trx
    .updateTable('alarms')
    .set({ closed_at: at })
    .where('id', '=', id)
    .where('closed_at', 'is', null)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Worst first, then the oldest. */
export async function openAlarms(trx: TenantTransaction): Promise<readonly AlarmRow[]> {
  return trx
    .selectFrom('alarms')
    .selectAll()
    .where('closed_at', 'is', null)
    .orderBy(sql`array_position(array['critical', 'warning', 'info'], severity)`)
    .orderBy('opened_at')
    .orderBy('id')
    .execute();
}

/** Episodes that are over are kept for as long as anybody may ask. */
export async function forgetAlarms(trx: TenantTransaction, before: Date): Promise<void> {
  await trx.deleteFrom('alarms').where('closed_at', '<', before).execute();
}
