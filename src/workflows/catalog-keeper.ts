import type { Catalog } from '../catalog/catalog.ts';
import { renewLease, requireLease, setReport } from '../catalog/repositories/run-lease.ts';
import type { RunKeeper } from '../runtime/runtime.ts';
import { jobOf } from './job.ts';
import { LEASE_SECONDS, type RunInput } from './workflow.ts';

/** Keeps one attempt by the catalog itself: on one machine by the task, on AWS by the broker on its behalf. */
export function catalogKeeper(
  catalog: Catalog,
  { tenantId, runId, lease }: RunInput & { readonly lease: string },
): RunKeeper {
  const ref = { runId, lease };
  return {
    job: () => catalog.withTenant(tenantId, async (trx) => jobOf(trx, await requireLease(trx, ref))),
    renew: () => catalog.withTenant(tenantId, (trx) => renewLease(trx, ref, LEASE_SECONDS)),
    check: async () => {
      await catalog.withTenant(tenantId, async (trx) => {
        // Not over as long as nobody else has claimed it: a lease that ran out while the catalog was away is renewed.
        await renewLease(trx, ref, LEASE_SECONDS);
        await requireLease(trx, ref);
      });
    },
    report: async (report) => {
      await catalog.withTenant(tenantId, (trx) => setReport(trx, ref, report));
    },
  };
}
