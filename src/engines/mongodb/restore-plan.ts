import { Failure } from '../../domain/failure.ts';
import type { Origin, RestoreRequest } from '../engine.ts';
import type { ArchivedCollection } from './archive-format.ts';
import type { RestoreChoice } from './commands.ts';
import { isServersOwn, isWholeServer } from './parse.ts';
import { choose } from './selection.ts';

export interface RestoreWork {
  readonly choice: RestoreChoice;
  /** Database on the target → names of the collections it must hold afterwards. */
  readonly expected: ReadonlyMap<string, readonly string[]>;
  readonly notices: readonly string[];
}

/** Turns what an archive announces and what was asked into what mongorestore is told. */
export function planRestore(
  archived: readonly ArchivedCollection[],
  origin: Origin,
  request: RestoreRequest,
): RestoreWork {
  if (request.type === 'schema') {
    throw new Failure('usage', 'MongoDB cannot restore a schema without documents.', {
      remedy: 'Choose full or data.',
    });
  }
  if (origin.type === 'globals') {
    throw new Failure(
      'restore_refused',
      'Users and roles belong to a whole server and are not restored into a database.',
      {
        remedy: 'Run: dbdump rescue restore --globals, which makes those that are missing; --plan shows them first.',
      },
    );
  }
  const users = archived.filter((collection) => !isServersOwn(collection));
  const dataOnly = request.type === 'data' || origin.type === 'data';
  const from = sourceDatabase(users, origin, request.target.database);
  const rename = from === undefined ? undefined : { from, to: request.target.database };
  const views = dataOnly ? users.filter(({ type }) => type === 'view') : [];
  const chosen = chooseCollections(users, { from, only: request.only }).filter((one) => !views.includes(one));
  const choice: RestoreChoice = {
    rename,
    only: request.only.length === 0 ? undefined : chosen.map(namespaceOf),
    exclude: views.map(namespaceOf),
    // Dropping would take the indexes and options away that a restore of data is to keep.
    drop: request.inPlace && !dataOnly,
    dataOnly,
    oplogReplay: from === undefined && archived.some(isOplog),
  };
  return { choice, expected: expectedNames(chosen, rename?.to), notices: noticesFor(archived, { users, views }) };
}

function isOplog({ database, collection }: ArchivedCollection): boolean {
  return database === '' && collection === 'oplog';
}

/** Every target database has an entry, also one that gets nothing. */
function expectedNames(chosen: readonly ArchivedCollection[], target: string | undefined): Map<string, string[]> {
  const expected = new Map<string, string[]>(target === undefined ? [] : [[target, []]]);
  for (const { database, collection } of chosen) {
    const name = target ?? database;
    expected.set(name, [...(expected.get(name) ?? []), collection]);
  }
  return expected;
}

function namespaceOf({ database, collection }: ArchivedCollection): string {
  return `${database}.${collection}`;
}

/** The one database that is renamed into the target; undefined where the whole server is restored under its old names. */
function sourceDatabase(users: readonly ArchivedCollection[], origin: Origin, target: string): string | undefined {
  if (target === '') return undefined;
  const names = [...new Set(users.map(({ database }) => database))];
  if (isWholeServer(users, origin)) {
    throw new Failure('restore_refused', `The dump is of a whole server: ${names.join(', ') || 'without databases'}.`, {
      remedy: 'Restore it into a server without naming a database, or back up one database by itself.',
    });
  }
  return names[0] ?? (origin.database === '' ? target : origin.database);
}

function chooseCollections(
  users: readonly ArchivedCollection[],
  { from, only }: { readonly from: string | undefined; readonly only: readonly string[] },
): ArchivedCollection[] {
  const nameOf = (archived: ArchivedCollection) => (from === undefined ? namespaceOf(archived) : archived.collection);
  const chosen = new Set(choose(users.map(nameOf), only, []));
  return users.filter((archived) => chosen.has(nameOf(archived)));
}

function noticesFor(
  archived: readonly ArchivedCollection[],
  { users, views }: { readonly users: readonly ArchivedCollection[]; readonly views: readonly ArchivedCollection[] },
): string[] {
  const notices = views.map(
    ({ collection }) => `The view ${JSON.stringify(collection)} was not restored: only data was asked for.`,
  );
  if (archived.length > users.length) {
    notices.push(
      'Users, roles and settings of the server were not restored: mongorestore --nsInclude=admin.* does it.',
    );
  }
  return notices;
}
