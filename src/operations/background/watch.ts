import { randomUUID } from 'node:crypto';
import type { TenantTransaction } from '../../catalog/catalog.ts';
import { type AlarmRow, closeAlarm, forgetAlarms, openAlarm, openAlarms } from '../../catalog/repositories/alarms.ts';
import { tell } from '../../catalog/repositories/notices.ts';
import { forgetNotices } from '../../catalog/repositories/outbox.ts';
import { watchFacts } from '../../catalog/repositories/watch-facts.ts';
import { type Alarm, changesOf, endsSilently, judgeAlarms } from '../../domain/alarms.ts';
import { messageOf } from '../../domain/failure.ts';
import { EVENT_NAMES, SEVERITIES } from '../../domain/notice/events.ts';
import { noticeOf } from '../../domain/notice/notice.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { tellDigests } from './digests.ts';

type Needs = Pick<Runtime, 'catalog' | 'log'>;

export interface Watched {
  readonly opened: number;
  readonly closed: number;
  /** Tenants that could not be looked at. */
  readonly failed: number;
}

/**
 * Looks at every tenant for conditions that nothing reports by itself: above all, for what did not happen. It has a timer of
 * its own, so that a timetable that stands still is noticed (F47). Each condition is told when it begins and when it is over,
 * however many watch at once.
 */
export async function watchTenants(runtime: Needs): Promise<Watched> {
  let [opened, closed, failed] = [0, 0, 0];
  for (const tenantId of await runtime.catalog.find.tenants()) {
    try {
      const now = await runtime.catalog.now();
      const change = await runtime.catalog.withTenant(tenantId, (trx) => watchTenant(trx, tenantId, now));
      opened += change.opened;
      closed += change.closed;
    } catch (error) {
      failed += 1;
      runtime.log('error', { tenantId, cause: messageOf(error) }, 'a tenant could not be watched');
    }
  }
  return { opened, closed, failed };
}

const DAY_MS = 86_400_000;
/** How long episodes that are over, and notices that were sent, are kept. */
const ALARMS_KEPT_MS = 400 * DAY_MS;
const NOTICES_KEPT_MS = 90 * DAY_MS;

async function watchTenant(trx: TenantTransaction, tenantId: string, now: Date) {
  const holding = judgeAlarms(await watchFacts(trx, now), now);
  const { begin, end } = changesOf(await openAlarms(trx), holding);
  let [opened, closed] = [0, 0];
  for (const alarm of begin) opened += (await open(trx, { tenantId, alarm, now })) ? 1 : 0;
  for (const row of end) closed += (await close(trx, row, now)) ? 1 : 0;
  await tellDigests(trx, tenantId, now);
  await forgetAlarms(trx, new Date(now.getTime() - ALARMS_KEPT_MS));
  await forgetNotices(trx, new Date(now.getTime() - NOTICES_KEPT_MS));
  return { opened, closed };
}

interface Beginning {
  readonly tenantId: string;
  readonly alarm: Alarm;
  readonly now: Date;
}

async function open(trx: TenantTransaction, { tenantId, alarm, now }: Beginning): Promise<boolean> {
  const { event, subject, data } = alarm;
  const id = randomUUID();
  const happening = { event, tenantId, key: `alarm ${id}`, at: now, data };
  const { title: about, severity } = noticeOf(happening).payload;
  if (!(await openAlarm(trx, { tenantId, id, event, subject, about, severity, data, at: now }))) return false;
  // A channel that takes nothing is not the one to say so.
  await tell(trx, happening, event === 'notice.undelivered' ? subject.replace('channel ', '') : undefined);
  return true;
}

async function close(trx: TenantTransaction, row: AlarmRow, now: Date): Promise<boolean> {
  if (!(await closeAlarm(trx, row.id, now))) return false;
  const event = EVENT_NAMES.find((name) => name === row.event);
  const severity = SEVERITIES.find((name) => name === row.severity);
  if (event === undefined || severity === undefined || endsSilently(event)) return true;
  await tell(trx, {
    event: 'alarm.ended',
    tenantId: row.tenant_id,
    key: `alarm ${row.id}`,
    at: now,
    data: { alarm: event, about: row.about, since: row.opened_at.toISOString() },
    ends: { event, severity },
  });
  return true;
}
