import { randomUUID } from 'node:crypto';
import type { TenantTransaction } from '../catalog/catalog.ts';
import { insertRun, type NewRun, type RunRow } from '../catalog/repositories/runs.ts';
import type { RunKind } from '../contract/resources/work.ts';
import { messageOf } from '../domain/failure.ts';
import type { Runtime } from '../runtime/runtime.ts';
import { requireRoomForRun } from './limits.ts';
import type { Asker } from './operation.ts';

export type WantedRun = Pick<NewRun, 'databaseId' | 'scheduleId' | 'backupId' | 'request'> & {
  readonly kind: RunKind;
  readonly id?: string;
};

/** Puts a run into the queue, within the tenant's limit, in the transaction of everything else about it. */
export async function queueRun(trx: TenantTransaction, asker: Asker, wanted: WantedRun): Promise<RunRow> {
  await requireRoomForRun(trx);
  return insertRun(trx, {
    ...wanted,
    id: wanted.id ?? randomUUID(),
    tenantId: asker.tenantId,
    trigger: asker.via === 'api-key' ? 'api' : 'manual',
  });
}

/**
 * Sets a queued run going. Call after the commit: a worker that is faster than us must find the row (B-14). A start that is
 * lost is no failure: the sweep of queued runs starts it again, and the same start twice is one.
 */
export async function launch(
  { launcher, log }: Pick<Runtime, 'launcher' | 'log'>,
  asker: Asker,
  run: { readonly id: string; readonly kind: string },
): Promise<void> {
  try {
    await launcher.start(run.kind, { tenantId: asker.tenantId, runId: run.id });
  } catch (error) {
    log('warn', { runId: run.id, cause: messageOf(error) }, 'a run could not be started and waits for the sweep');
  }
}
