import { clock, found } from '../../catalog/repositories/changing.ts';
import { getDatabase } from '../../catalog/repositories/databases.ts';
import { tell } from '../../catalog/repositories/notices.ts';
import { getRun } from '../../catalog/repositories/runs.ts';
import { BackupRun } from '../../contract/resources/stored.ts';
import { Failure, messageOf } from '../../domain/failure.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import { claim } from '../claim.ts';
import { fail } from '../fail.ts';
import { applyRetention, removeMarked } from '../retention/apply.ts';
import { startQueued } from '../start-queued.ts';
import type { RunInput } from '../workflow.ts';
import { backupDefinition } from './definition.ts';
import { type Recorded, record } from './record.ts';

/** Retention that could not be done, for the notice. */
export interface Blocked {
  readonly code: string;
  readonly cause: string;
  readonly remedy?: string;
}

export interface Retained extends Recorded {
  readonly marked: number;
  readonly removed: number;
  readonly blocked: Blocked | undefined;
}

type RetentionNeeds = Pick<Runtime, 'catalog' | 'openStorage'>;

/**
 * Judges what this backup may have made superfluous, at each destination that has its copy, and removes what was marked
 * earlier. The backup is done whatever comes of it: what stands in the way is told, and tried again daily.
 */
async function retention(runtime: RetentionNeeds, input: Recorded): Promise<Retained> {
  const { tenantId, runId, backupIds } = input;
  const done = { ...input, marked: 0, removed: 0, blocked: undefined };
  if (backupIds.length === 0) return done;
  try {
    const run = await runtime.catalog.withTenant(tenantId, async (trx) => found(await getRun(trx, runId), 'run'));
    const { retention: rules = {}, zone, destinationIds } = BackupRun.parse(run.request);
    let marked = 0;
    for (const destinationId of destinationIds) {
      const scope = { databaseId: run.database_id ?? '', destinationId };
      marked += (await applyRetention(runtime, { tenantId, runId, ...scope, retention: rules, zone })).length;
    }
    const { removed, blocked } = await removeMarked(runtime, { tenantId, runId });
    return { ...done, marked, removed, blocked: blocked[0] };
  } catch (error) {
    const { code, remedy } = error instanceof Failure ? error : { code: 'internal', remedy: undefined };
    const blocked = { code, cause: messageOf(error), ...(remedy === undefined ? {} : { remedy }) };
    return { ...done, blocked };
  }
}

/** Tells of retention that is blocked, and sets the verifications going that the backup made due. */
async function notify(runtime: Pick<Runtime, 'catalog' | 'launcher' | 'log'>, input: Retained): Promise<Retained> {
  const { tenantId, runId, blocked, verifyRunIds } = input;
  if (blocked !== undefined) {
    await runtime.catalog.withTenant(tenantId, async (trx) => {
      const { database_id: id } = found(await getRun(trx, runId), 'run');
      const database = id === null ? undefined : await getDatabase(trx, id);
      const about = database === undefined ? {} : { databaseId: database.id, databaseName: database.name };
      const { code, cause, remedy } = blocked;
      const data = { runId, ...about, code, cause, ...(remedy === undefined ? {} : { remedy }) };
      await tell(trx, { event: 'retention.blocked', tenantId, key: `run ${runId}`, at: await clock(trx), data });
    });
  }
  for (const id of verifyRunIds) await startQueued(runtime, { tenantId, runId: id, kind: 'verify' });
  return input;
}

/** The functions of the workflow, by the names of its steps. */
export const backupSteps = {
  claim: (runtime: Pick<Runtime, 'catalog'>, input: RunInput) => claim(runtime, backupDefinition, input),
  record,
  retention,
  notify,
  fail: (runtime: Pick<Runtime, 'catalog'>, input: Parameters<typeof fail>[2]) =>
    fail(runtime, backupDefinition, input),
};
