import type { MongoClient } from 'mongodb';
import { Failure, messageOf } from '../../domain/failure.ts';
import type { Connection, Origin, Plain, RestoreReport, RestoreRequest, Workbench } from '../engine.ts';
import { readPrelude } from './archive.ts';
import { type RestoreChoice, restoreCommand } from './commands.ts';
import { withClient } from './dial.ts';
import { explainTool } from './failures.ts';
import { DIRTY_MARK, listCollections } from './inventory.ts';
import { planRestore } from './restore-plan.ts';
import { requireTool } from './tools.ts';

/**
 * See Engine.restore. A mark in the target says that a restore runs; it goes when everything is there, so that whatever
 * was interrupted is known as unfinished (F75). The order: mark, restore, compare names (F20), remove what is too much, unmark.
 */
export async function restore(
  bench: Workbench,
  plain: Plain,
  job: { readonly origin: Origin; readonly request: RestoreRequest },
): Promise<RestoreReport> {
  const { request } = job;
  const tool = requireTool(bench.tools, 'mongorestore');
  const work = planRestore(await readPrelude(plain.bytes()), job.origin, request);
  const databases = [...work.expected.keys()];
  await withClient(bench, request.target, async (client) => {
    if (!request.inPlace) await requireEmpty(client, databases);
    for (const name of databases) await setMark(client, name, bench.runId);
    if (request.inPlace && work.choice.dataOnly) await emptyCollections(client, work.expected);
  });
  await runRestore(bench, plain, { program: tool.path, target: request.target, choice: work.choice, databases });
  await withClient(bench, request.target, async (client) => {
    for (const [name, collections] of work.expected) await requireNames(client, name, collections);
    if (work.choice.drop && request.only.length === 0) await dropExtras(client, work.expected);
    for (const name of databases) await client.db(name).dropCollection(DIRTY_MARK);
  });
  return { notices: work.notices, accounted: [] };
}

async function requireEmpty(client: MongoClient, databases: readonly string[]): Promise<void> {
  for (const name of databases) {
    const inside = await client.db(name).listCollections({}, { nameOnly: true }).toArray();
    if (inside.length === 0) continue;
    throw new Failure('target_not_empty', `The database ${JSON.stringify(name)} has ${inside.length} collections.`, {
      remedy: 'Restore under a new name, or in place with the typed confirmation.',
    });
  }
}

async function setMark(client: MongoClient, database: string, runId: string): Promise<void> {
  const mark = client.db(database).collection<{ _id: string; startedAt: Date }>(DIRTY_MARK);
  await mark.updateOne({ _id: runId }, { $set: { startedAt: new Date() } }, { upsert: true });
}

/** A restore of data keeps indexes and options, so documents go and the collection stays. */
async function emptyCollections(client: MongoClient, expected: ReadonlyMap<string, readonly string[]>): Promise<void> {
  for (const [database, names] of expected) {
    for (const name of names) await client.db(database).collection(name).deleteMany({});
  }
}

interface RunRestore {
  readonly program: string;
  readonly target: Connection;
  readonly choice: RestoreChoice;
  readonly databases: readonly string[];
}

async function runRestore(
  bench: Workbench,
  plain: Plain,
  { program, target, choice, databases }: RunRestore,
): Promise<void> {
  const remedy = `${databases.map((name) => JSON.stringify(name)).join(', ')} is marked as unfinished: restore again in place, or drop it.`;
  let said: string;
  try {
    said = (await plain.into(restoreCommand(program, target, choice))).stderr;
  } catch (error) {
    bench.signal.throwIfAborted();
    throw restoreFailure(error, remedy);
  }
  const failed = /(\d+) document\(s\) failed to restore/.exec(said)?.[1] ?? '0';
  if (failed !== '0')
    throw new Failure('restore_failed', `mongorestore could not restore ${failed} documents.`, { remedy });
}

/** Failures of the stored bytes keep their code; the tool's own are explained. */
function restoreFailure(error: unknown, remedy: string): Failure {
  if (error instanceof Failure && !['restore_failed', 'dump_failed', 'internal'].includes(error.code)) return error;
  const explained = explainTool('mongorestore', messageOf(error));
  const message = explained?.message ?? `mongorestore failed: ${messageOf(error)}`;
  return new Failure('restore_failed', message, { remedy, cause: error });
}

/** mongorestore may leave out a namespace and still end well (F20). */
async function requireNames(client: MongoClient, database: string, expected: readonly string[]): Promise<void> {
  const found = new Set((await listCollections(client.db(database))).map(({ name }) => name));
  const missing = expected.filter((name) => !found.has(name));
  if (missing.length === 0) return;
  const list = missing.slice(0, 5).map((name) => JSON.stringify(name));
  throw new Failure('restore_failed', `mongorestore left out ${missing.length} collections: ${list.join(', ')}.`, {
    remedy: 'Use the MongoDB Database Tools 100.12.2 or newer and restore again.',
    details: { missing },
  });
}

/** Last, so that a restore that fails has removed nothing it did not replace. */
async function dropExtras(client: MongoClient, expected: ReadonlyMap<string, readonly string[]>): Promise<void> {
  for (const [database, names] of expected) {
    const db = client.db(database);
    for (const { name } of await listCollections(db)) {
      if (!names.includes(name)) await db.dropCollection(name);
    }
  }
}
