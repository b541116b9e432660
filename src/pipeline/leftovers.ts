import { Failure } from '../domain/failure.ts';
import type { ListedObject, Storage, UnfinishedUpload } from '../storage/storage.ts';
import { folderOf, MANIFEST_NAME, nameOf, PROBE_FOLDER } from './layout.ts';
import type { Needs } from './pipeline.ts';
import { exactly } from './volumes.ts';

/** What an unfinished run left in a store. */
export interface Leftovers {
  readonly uploads: readonly UnfinishedUpload[];
  readonly objects: readonly ListedObject[];
}

/** Unfinished uploads and volumes without a manifest in a database's folder; of one run only where it is named. */
export async function findLeftovers(storage: Storage, folder: string, run?: string): Promise<Leftovers> {
  const uploads: UnfinishedUpload[] = [];
  for await (const upload of storage.unfinishedUploads(`${folder}/`)) {
    if (isOfRun(upload.key, run)) uploads.push(upload);
  }
  const folders = new Map<string, ListedObject[]>();
  for await (const object of storage.list(`${folder}/`)) {
    if (!isOfRun(object.key, run)) continue;
    const siblings = folders.get(folderOf(object.key)) ?? [];
    folders.set(folderOf(object.key), [...siblings, object]);
  }
  return { uploads, objects: [...folders.values()].filter(hasNoManifest).flat() };
}

export interface Cleaning {
  readonly folder: string;
  /** The dead run whose volumes go; undefined: only unfinished uploads. */
  readonly run: string | undefined;
  note(sentence: string): void;
}

/**
 * Aborts every unfinished upload in the folder and removes the dead run's volumes, each named in a note. For the holder
 * of the database's lease only. Volumes of other runs stay: a lost manifest can come back, bytes cannot (F41, F58).
 */
export async function removeLeftovers(storage: Storage, { folder, run, note }: Cleaning): Promise<void> {
  const { uploads } = await findLeftovers(storage, folder);
  for (const upload of uploads) {
    await storage.abortUpload(upload);
    note(`Aborted the unfinished upload of ${upload.key}, begun ${upload.startedAt.toISOString()}.`);
  }
  if (run === undefined) return;
  const { objects } = await findLeftovers(storage, folder, run);
  for (const { key } of objects) {
    const stat = await storage.head(key);
    if (stat === undefined) continue;
    await storage.remove(key, exactly(stat));
    note(`Removed ${key}: its run ended before the backup was complete.`);
  }
}

/** A probe is over within minutes: what began longer ago was left by one that was killed. */
const PROBE_MS = 3_600_000;

/** Aborts what killed probes left unfinished. No run fails for it: a store that refuses keeps them until it does not. */
export async function abortForsakenProbes({ storage, now }: Pick<Needs, 'storage' | 'now'>): Promise<void> {
  const latest = now().getTime() + storage.clockOffsetMs() - PROBE_MS;
  try {
    for await (const upload of storage.unfinishedUploads(`${PROBE_FOLDER}/`)) {
      if (upload.startedAt.getTime() < latest) await storage.abortUpload(upload);
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
  }
}

/** Run folders are named `<time>Z-<run>`, a later attempt `<time>Z-<run>-<attempt>`. */
function isOfRun(key: string, run: string | undefined): boolean {
  if (run === undefined) return true;
  const folder = nameOf(folderOf(key));
  const end = folder.indexOf('Z-');
  const name = end < 0 ? '' : folder.slice(end + 2);
  return name === run || (name.startsWith(`${run}-`) && /^\d+$/.test(name.slice(run.length + 1)));
}

function hasNoManifest(objects: readonly ListedObject[]): boolean {
  return !objects.some(({ key }) => nameOf(key) === MANIFEST_NAME);
}
