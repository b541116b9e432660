import { getRun } from '../../catalog/repositories/runs.ts';
import { messageOf } from '../../domain/failure.ts';
import { folderOf, MARKER_NAME, nameOf } from '../../pipeline/layout.ts';
import { exactly } from '../../pipeline/volumes.ts';
import type { Runtime } from '../../runtime/runtime.ts';
import type { ListedObject, Storage } from '../../storage/storage.ts';
import type { Place } from './adopt.ts';

type Needs = Pick<Runtime, 'catalog' | 'openStorage' | 'log'>;

export interface Swept {
  /** Unfinished uploads of runs that are over. */
  readonly aborted: number;
  /** Objects without a manifest whose time of grace is over. */
  readonly removed: number;
  /** Objects without a manifest that stay for now: a lost manifest can come back, bytes cannot. */
  readonly waiting: number;
}

const DAY_MS = 86_400_000;
/** Objects without a manifest stay so long. */
const GRACE_MS = 7 * DAY_MS;
/** Uploads of a run that the catalog does not know: a backup by hand may take this long. */
const UNKNOWN_MS = 2 * DAY_MS;
/** A sign of life of a backup by hand that is younger protects everything of its database. */
const ALIVE_MS = 10 * 60_000;

/** Ends what runs left behind. A store or role that refuses keeps it until the next time: no backup is worse for it. */
export async function removeForsaken(runtime: Needs, place: Place, leftovers: readonly ListedObject[]): Promise<Swept> {
  const aborted = await unlessRefused(runtime, place, () => abortUploads(runtime, place));
  const removed = await unlessRefused(runtime, place, () => removeObjects(runtime, place, leftovers));
  return { aborted, removed, waiting: leftovers.length - removed };
}

async function unlessRefused({ log }: Needs, place: Place, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    log('warn', { ...place, cause: messageOf(error) }, 'what ended runs left in a store could not be removed');
    return 0;
  }
}

async function abortUploads(runtime: Needs, place: Place): Promise<number> {
  const storage = await runtime.openStorage({ ...place, purpose: 'write' });
  try {
    let aborted = 0;
    for await (const upload of storage.unfinishedUploads('')) {
      const old = age(storage, upload.startedAt) > UNKNOWN_MS;
      if (!(await isOver(runtime, place, { key: upload.key, old })) || (await isHeld(storage, upload.key))) continue;
      await storage.abortUpload(upload);
      aborted += 1;
    }
    return aborted;
  } finally {
    await storage.close();
  }
}

async function removeObjects(runtime: Needs, place: Place, leftovers: readonly ListedObject[]): Promise<number> {
  if (leftovers.length === 0) return 0;
  const storage = await runtime.openStorage({ ...place, purpose: 'delete' });
  try {
    let removed = 0;
    for (const { key, modifiedAt } of leftovers) {
      const graced = age(storage, modifiedAt) > GRACE_MS;
      if (!graced || !isOurs(key) || !(await isOver(runtime, place, { key, old: true }))) continue;
      if (await isHeld(storage, key)) continue;
      const stat = await storage.head(key);
      if (stat === undefined) continue;
      await storage.remove(key, exactly(stat));
      removed += 1;
    }
    return removed;
  } finally {
    await storage.close();
  }
}

function age(storage: Storage, then: Date): number {
  return Date.now() + storage.clockOffsetMs() - then.getTime();
}

const RUN_FOLDER = /T\d{6}Z-([0-9a-f-]+)$/;
const RUN_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/;

/** Whether a key lies in a folder that only a run of ours makes; what else a client keeps there is not ours to touch. */
function isOurs(key: string): boolean {
  return RUN_FOLDER.test(folderOf(key)) && nameOf(key).startsWith('dump.');
}

/** Whether the run that wrote a key is over; of a run that the catalog does not know only time can tell. */
async function isOver(
  { catalog }: Needs,
  { tenantId }: Place,
  { key, old }: { readonly key: string; readonly old: boolean },
): Promise<boolean> {
  const name = RUN_FOLDER.exec(folderOf(key))?.[1] ?? '';
  const runId = RUN_ID.exec(name)?.[0];
  const run = runId === undefined ? undefined : await catalog.withTenant(tenantId, (trx) => getRun(trx, runId));
  if (run === undefined) return old;
  return !['queued', 'running'].includes(run.state);
}

/** Whether a backup by hand, which has no run in the catalog, shows that it lives. */
async function isHeld(storage: Storage, key: string): Promise<boolean> {
  const [database = ''] = key.split('/');
  const marker = await storage.head(`${database}/${MARKER_NAME}`);
  return marker !== undefined && age(storage, marker.modifiedAt) < ALIVE_MS;
}
