import type { BackupStatus } from '../domain/backup.ts';
import { Failure, messageOf } from '../domain/failure.ts';
import type { ReportBody } from '../domain/manifest.ts';
import type { ListedObject } from '../storage/storage.ts';
import { folderOf, MANIFEST_NAME, MARKER_NAME, nameOf, PROBE_FOLDER, REPORTS_FOLDER } from './layout.ts';
import type { BackupSummary, Needs, TrustedManifest } from './pipeline.ts';
import { levelOf } from './report.ts';
import { openManifest, openReport } from './seal.ts';

export interface ListNeeds extends Pick<Needs, 'storage' | 'trusted'> {
  /** Also lists manifests without a signature or of an unknown signer, as `signed: false`. */
  readonly acceptUnsigned?: boolean;
}

/** A manifest or report that cannot be used, and why. */
export interface StoreProblem {
  readonly key: string;
  readonly failure: Failure;
}

/** Everything a store holds, nothing left out: what is no backup is named as what it is (F41). */
export interface StoreSurvey {
  /** Newest snapshot first. */
  readonly backups: readonly BackupSummary[];
  readonly problems: readonly StoreProblem[];
  /** Objects in run folders without a manifest: not a backup. */
  readonly leftovers: readonly ListedObject[];
}

/** Newest first. What cannot be trusted or is no backup is left to `surveyStore`, which names it. */
export async function listBackups(needs: ListNeeds): Promise<readonly BackupSummary[]> {
  return (await surveyStore(needs)).backups;
}

/** Reads every manifest and the reports that decide its status; of the keys with a prefix only, where one is given. */
export async function surveyStore(needs: ListNeeds, prefix = ''): Promise<StoreSurvey> {
  const folders = await runFolders(needs, prefix);
  const backups: BackupSummary[] = [];
  const problems: StoreProblem[] = [];
  const leftovers: ListedObject[] = [];
  for (const [folder, objects] of folders) {
    const manifest = objects.get(MANIFEST_NAME);
    if (manifest === undefined) {
      leftovers.push(...objects.values());
      continue;
    }
    try {
      backups.push(await summary(needs, { folder, objects, problems }));
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      problems.push({ key: manifest.key, failure: error });
    }
  }
  backups.sort((a, b) => (snapshotOf(a) < snapshotOf(b) ? 1 : -1));
  return { backups, problems, leftovers };
}

export interface FindOptions {
  /** `newest` also finds one that was never verified; `good` only falls back to such a one. */
  readonly prefer?: 'good' | 'newest';
  /** `latest` is the newest one of a server's roles and globals, where the store holds those of one server. */
  readonly globals?: boolean;
}

/**
 * One backup by its id, by a unique beginning of it, or `latest` (newest good one, by its snapshot's time); `latest:NAME`
 * where the store holds several databases. Failures: `not_found`, `usage` where the reference fits several.
 */
export async function findBackup(
  needs: ListNeeds,
  reference: string,
  options: FindOptions = {},
): Promise<BackupSummary> {
  const survey = await surveyStore(needs);
  if (reference === 'latest' && options.globals === true) return latestGlobals(survey);
  if (reference === 'latest' || reference.startsWith('latest:')) {
    return latest(survey, reference.slice('latest:'.length), options.prefer ?? 'good');
  }
  const exact = survey.backups.filter(({ manifest }) => manifest.body.backup === reference);
  const fitting = exact.length > 0 ? exact : survey.backups.filter(({ manifest }) => startsWith(manifest, reference));
  const [found, ...more] = fitting;
  if (found === undefined) throw notFound(survey, `No backup is called ${reference}.`);
  if (more.length === 0) return found;
  throw new Failure('usage', `${fitting.length} backups are called ${reference}….`, {
    remedy: `Give more of the name: ${fitting.map(({ manifest }) => manifest.body.backup).join(', ')}.`,
  });
}

function latest(survey: StoreSurvey, name: string, prefer: 'good' | 'newest'): BackupSummary {
  const fitting = survey.backups.filter(({ manifest }) => name === '' || manifest.body.database.name === name);
  const databases = [...new Set(fitting.map(({ manifest }) => manifest.body.database.name))];
  if (databases.length > 1) {
    throw new Failure('usage', `The store holds backups of ${databases.length} databases.`, {
      remedy: `Say which: ${databases.map((database) => `latest:${database}`).join(', ')}.`,
    });
  }
  const usable = fitting.filter(({ status }) => !['lost', 'suspect', 'deleted'].includes(status));
  const good = usable.find(({ status }) => status === 'good');
  const found = prefer === 'good' ? (good ?? usable[0]) : usable[0];
  if (found === undefined) throw notFound(survey, 'The store holds no backup that can be used.');
  return found;
}

/** Roles have no database's name: servers are told apart by their id. */
function latestGlobals(survey: StoreSurvey): BackupSummary {
  const backups = survey.backups.filter(({ manifest }) => manifest.body.type === 'globals');
  const servers = new Map(backups.map(({ manifest }) => [manifest.body.database.id, manifest.body.database]));
  if (servers.size > 1) {
    const places = [...servers.values()].map(({ host, port }) => `${host}:${port}`);
    throw new Failure('usage', `The store holds roles of ${servers.size} servers: ${places.join(', ')}.`, {
      remedy: 'Give the backup by its name; dbdump rescue list shows them.',
    });
  }
  if (backups.length === 0) {
    throw new Failure('not_found', 'The store holds no backup of roles and globals.', {
      remedy: 'They are saved by dbdump rescue backup --all-databases.',
    });
  }
  return latest({ ...survey, backups }, '', 'good');
}

function startsWith({ body }: TrustedManifest, reference: string): boolean {
  return reference !== '' && body.backup.startsWith(reference);
}

function notFound({ backups, problems }: StoreSurvey, message: string): Failure {
  const first = problems[0];
  const why =
    first === undefined ? '' : ` ${problems.length} more could not be used; the first: ${first.failure.message}`;
  return new Failure(first !== undefined && backups.length === 0 ? first.failure.code : 'not_found', message + why, {
    remedy: first?.failure.remedy ?? 'List the backups to see what there is.',
  });
}

function snapshotOf({ manifest }: BackupSummary): string {
  return manifest.body.snapshotAt;
}

type Objects = Map<string, ListedObject>;

/** Run folders and what lies in them, reports included under `reports/<name>`. */
async function runFolders({ storage }: ListNeeds, prefix: string): Promise<Map<string, Objects>> {
  const folders = new Map<string, Objects>();
  for await (const object of storage.list(prefix)) {
    const folder = folderOf(object.key);
    const inReports = nameOf(folder) === REPORTS_FOLDER;
    const run = inReports ? folderOf(folder) : folder;
    if (nameOf(object.key) === MARKER_NAME || folder === PROBE_FOLDER) continue;
    const objects = folders.get(run) ?? new Map<string, ListedObject>();
    objects.set(inReports ? `${REPORTS_FOLDER}/${nameOf(object.key)}` : nameOf(object.key), object);
    folders.set(run, objects);
  }
  return folders;
}

interface Place {
  readonly folder: string;
  readonly objects: Objects;
  readonly problems: StoreProblem[];
}

async function summary(needs: ListNeeds, place: Place): Promise<BackupSummary> {
  const key = `${place.folder}/${MANIFEST_NAME}`;
  const manifest = openManifest(await text(needs, key), needs.trusted, {
    key,
    acceptUnsigned: needs.acceptUnsigned === true,
  });
  const { tables } = manifest.body.inventory;
  const missing = missingVolume(manifest, place.objects);
  if (missing !== undefined) return { manifest, level: 0, verifiedAt: undefined, tables, ...missing };
  const best = await judgement(needs, manifest, place);
  if (best === undefined)
    return { manifest, status: 'sealed', level: 0, verifiedAt: undefined, reason: undefined, tables };
  return {
    manifest,
    status: best.status,
    level: levelOf(best),
    verifiedAt: new Date(best.at),
    reason: best.reason,
    // Tools that take their own snapshot are counted in the decoded dump alone.
    tables: { ...tables, ...best.tables },
  };
}

async function text({ storage }: ListNeeds, key: string): Promise<string> {
  const found = await storage.get(key);
  if (found !== undefined) return Buffer.from(found.body).toString('utf8');
  throw new Failure('backup_lost', `${key} was removed while it was being read.`, { remedy: 'List again.' });
}

function missingVolume(
  { body }: TrustedManifest,
  objects: Objects,
): { status: BackupStatus; reason: string } | undefined {
  for (const { name, bytes } of body.volumes) {
    const found = objects.get(name);
    if (found === undefined) return { status: 'lost', reason: `${name} is no longer in the store.` };
    if (found.bytes !== bytes)
      return { status: 'suspect', reason: `${name} has ${found.bytes} bytes instead of ${bytes}.` };
  }
  return undefined;
}

/**
 * The report that decides: the newest bad one, or the best of those after it. A later check of a lower level takes nothing
 * away from a higher one. Read from the newest back, and no further than needed.
 */
async function judgement(needs: ListNeeds, manifest: TrustedManifest, place: Place): Promise<ReportBody | undefined> {
  let best: ReportBody | undefined;
  for await (const report of reportsNewestFirst(needs, manifest, place)) {
    const level = levelOf(report);
    if (level === 0) return best ?? report;
    if (best === undefined || level > levelOf(best)) best = report;
    if (level === 3) break;
  }
  return best;
}

/** Trusted reports about exactly this manifest. */
async function* reportsNewestFirst(needs: ListNeeds, manifest: TrustedManifest, place: Place) {
  const names = [...place.objects.keys()].filter((name) => name.startsWith(`${REPORTS_FOLDER}/`)).sort();
  for (const name of names.reverse()) {
    const report = await trustedReport(needs, `${place.folder}/${name}`, place.problems);
    if (report !== undefined && report.manifestSha256 === manifest.sha256) yield report;
  }
}

async function trustedReport(needs: ListNeeds, key: string, problems: StoreProblem[]): Promise<ReportBody | undefined> {
  try {
    return openReport(await text(needs, key), needs.trusted);
  } catch (error) {
    if (!(error instanceof Failure)) throw new Failure('internal', messageOf(error), { cause: error });
    problems.push({ key, failure: error });
    return undefined;
  }
}
