import { type ListNeeds, surveyStore } from '../../pipeline/list.ts';
import type { BackupSummary } from '../../pipeline/pipeline.ts';

export interface RunSearch {
  /** The database's, in the store. */
  readonly folder: string;
  readonly runId: string;
  /** When the run can have sealed something last. */
  readonly until: Date;
}

/** A run may be tried again for this long. */
const DAYS = 8;
const DAY_MS = 86_400_000;

/**
 * What a run has sealed in a store, as the store itself tells: the manifest is the commit, whatever became of whoever wrote
 * it (F57). Of several attempts the newest. Undefined when there is nothing that can be trusted.
 */
export async function sealedByRun(
  needs: ListNeeds,
  { folder, runId, until }: RunSearch,
): Promise<BackupSummary | undefined> {
  for (let back = 0; back < DAYS; back += 1) {
    const day = new Date(until.getTime() - back * DAY_MS).toISOString().slice(0, 10).replaceAll('-', '/');
    const { backups, problems } = await surveyStore(needs, `${folder}/${day}T`);
    const ours = backups.filter(({ manifest }) => manifest.body.run === runId);
    if (ours.length > 0) return ours.toSorted((a, b) => b.manifest.body.attempt - a.manifest.body.attempt)[0];
    // Its folder is there and the store did not let us look: that is another answer than that there is nothing.
    const unread = problems.find(({ key, failure }) => key.includes(runId) && failure.code.startsWith('storage_'));
    if (unread !== undefined) throw unread.failure;
  }
  return undefined;
}
