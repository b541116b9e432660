import { clock } from '../catalog/repositories/changing.ts';
import { allScheduleIds } from '../catalog/repositories/schedules.ts';
import { closeTenant, lockTenant } from '../catalog/repositories/tenants.ts';
import { change } from './change.ts';
import { leave, requireTyped } from './leaving.ts';
import type { Operation } from './operation.ts';
import { withdraw } from './timetable.ts';

/**
 * The tenant leaves: nobody signs in any more, nothing runs, and no backup is touched unless asked. Its audit chain stays,
 * and so do the rows that a deletion of backups still needs. The name must be typed either way.
 */
export const deleteTenant: Operation<'tenant.delete', 'catalog' | 'timetable' | 'log'> = async (
  runtime,
  asker,
  { query },
) => {
  const gone: string[] = [];
  const leaving = await change(runtime, asker, async (trx, told) => {
    const tenant = await lockTenant(trx);
    requireTyped(query.confirm, tenant.name);
    const result = await leave(trx, {}, { ...query, name: tenant.name });
    gone.push(...(await allScheduleIds(trx)));
    await closeTenant(trx, await clock(trx));
    await told({
      action: 'tenant.delete',
      object: `tenant ${asker.tenantId}`,
      before: { name: tenant.name },
      after: result,
    });
    return result;
  });
  await withdraw(runtime, asker, gone);
  return leaving;
};
