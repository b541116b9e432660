import type { TenantTransaction } from '../../catalog/catalog.ts';
import { type AlarmRow, closeAlarm, forgetAlarms, openAlarms } from '../../catalog/repositories/alarms.ts';
import { raise, tell } from '../../catalog/repositories/notices.ts';
import { forgetNotices } from '../../catalog/repositories/outbox.ts';
import { watchFacts } from '../../catalog/repositories/watch-facts.ts';
import { changesOf, endsSilently, familyOf, judgeAlarms } from '../../domain/alarms.ts';
import { messageOf } from '../../domain/failure.ts';
import { EVENT_NAMES, SEVERITIES } from '../../domain/notice/events.ts';
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
  for (const { event, subject, data } of begin)
    opened += (await raise(trx, { event, tenantId, key: subject, at: now, data }, subject)).opened ? 1 : 0;
  const families = new Set<string>();
  for (const row of end) {
    const family = `${row.event} ${familyOf(row.subject)}`;
    closed += (await close(trx, row, { now, silent: families.has(family) })) ? 1 : 0;
    families.add(family);
  }
  await tellDigests(trx, tenantId, now);
  await forgetAlarms(trx, new Date(now.getTime() - ALARMS_KEPT_MS));
  await forgetNotices(trx, new Date(now.getTime() - NOTICES_KEPT_MS));
  return { opened, closed };
}

interface Ending {
  readonly now: Date;
  /** Another of its family ends at the same time and is told. */
  readonly silent: boolean;
}

async function close(trx: TenantTransaction, row: AlarmRow, { now, silent }: Ending): Promise<boolean> {
  if (!(await closeAlarm(trx, row.id, now))) return false;
  const event = EVENT_NAMES.find((name) => name === row.event);
  const severity = SEVERITIES.find((name) => name === row.severity);
  if (event === undefined || severity === undefined || silent || endsSilently(event)) return true;
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
