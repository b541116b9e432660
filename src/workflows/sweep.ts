import { abandonLease } from '../catalog/repositories/run-lease.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { RunInput } from './workflow.ts';

/** Runs looked at in one sweep. */
const MOST = 1000;
/** Whatever a lease says, it ends before this. */
const END_OF_TIME = new Date('9999-12-31T00:00:00Z');

/** Runs that ought to be started: those that are queued, and those whose holder gave no sign of life. The catalog is the truth. */
export async function runsToStart({ catalog }: Pick<Runtime, 'catalog'>): Promise<readonly RunInput[]> {
  const queued = await catalog.find.queuedRuns(MOST);
  const dead = await catalog.find.deadRuns(await catalog.now(), MOST);
  return [...dead, ...queued].map(({ tenantId, id: runId }) => ({ tenantId, runId }));
}

/**
 * Ends every lease: for a service that has just started and knows that whoever held one has died with the one before it. A
 * holder that lives all the same is fenced off as soon as another attempt claims the run.
 */
export async function abandonLeases({ catalog }: Pick<Runtime, 'catalog'>): Promise<number> {
  const running = await catalog.find.deadRuns(END_OF_TIME, MOST);
  for (const { tenantId, id } of running) await catalog.withTenant(tenantId, (trx) => abandonLease(trx, id));
  return running.length;
}
