import type { TenantTransaction } from '../../catalog/catalog.ts';
import {
  enabledSchedules,
  reseatSchedule,
  type ScheduleRow,
  slotRuleOf,
} from '../../catalog/repositories/schedules.ts';
import { nextRuns } from '../../domain/time.ts';
import type { Runtime } from '../../runtime/runtime.ts';

/** Rows that are looked at in one transaction. */
const PAGE = 200;

/**
 * Puts every schedule's next slot where its rule and the catalog's clock say it is: at the start of the service, after the
 * clock was put forward or back, and daily, since zones change their rules (F66, F67). What is due now stays due. Returns how
 * many moved.
 */
export async function reseatSchedules({ catalog }: Pick<Runtime, 'catalog'>): Promise<number> {
  let moved = 0;
  for (const tenantId of await catalog.find.tenants()) {
    for (let after: string | undefined, full = true; full; ) {
      const now = await catalog.now();
      const page = await catalog.withTenant(tenantId, async (trx) => {
        const rows = await enabledSchedules(trx, { after, most: PAGE });
        for (const row of rows) moved += (await reseat(trx, row, now)) ? 1 : 0;
        return rows;
      });
      full = page.length === PAGE;
      after = page.at(-1)?.id;
    }
  }
  return moved;
}

async function reseat(trx: TenantTransaction, row: ScheduleRow, now: Date): Promise<boolean> {
  if (row.next_slot !== null && row.next_slot <= now) return false;
  const [next] = nextRuns(slotRuleOf(row), now, 1);
  if (next?.getTime() === row.next_slot?.getTime()) return false;
  await reseatSchedule(trx, row, next);
  return true;
}
