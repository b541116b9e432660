import { Failure, messageOf } from '../../domain/failure.ts';
import type { Connection, SwapNames, Workbench } from '../engine.ts';
import { dropCode, saveCode } from './contents.ts';
import { checkedName, createDatabase, databaseExists, databaseOptions } from './databases.ts';
import { replay } from './restore.ts';
import { readEntries, readFacts } from './schema.ts';
import { type Server, withServer } from './server.ts';
import { quoteName } from './sql-text.ts';
import type { ObjectKind } from './statement.ts';

const CODE: readonly ObjectKind[] = ['view', 'trigger', 'procedure', 'function', 'package', 'package body', 'event'];

interface Step {
  run(): Promise<void>;
  undo(): Promise<void>;
}

interface Swap {
  readonly bench: Workbench;
  readonly session: Server;
  readonly server: Connection;
  readonly names: SwapNames;
}

/**
 * Gives `current` the name `kept` and `fresh` the name `current`. All tables change places in one RENAME TABLE, which is
 * all or nothing. Views, triggers, routines and events cannot be renamed into another database: they are dropped before
 * and made again after it, so for that moment tables stand without them; a failure at any step makes everything as it
 * was. Events of `kept` are made disabled: an old copy must not act.
 */
export async function swapDatabases(bench: Workbench, server: Connection, names: SwapNames): Promise<void> {
  await withServer({ ...server, database: '' }, async (session) => {
    await requireNames(session, names);
    const steps = await stepsOf({ bench, session, server, names });
    await runAll(steps, names);
  });
}

async function requireNames(session: Server, { current, fresh, kept }: SwapNames): Promise<void> {
  for (const name of [current, fresh]) {
    if (await databaseExists(session, name)) continue;
    throw new Failure('not_found', `There is no database ${JSON.stringify(name)} to swap.`, {
      remedy: 'List the databases of that server and check the name.',
    });
  }
  if (!(await databaseExists(session, checkedName(kept)))) return;
  throw new Failure('target_not_empty', `There already is a database ${JSON.stringify(kept)}.`, {
    remedy: 'Drop or rename it, then swap again.',
  });
}

/** Everything that is only read comes first; what is hardest to take back comes last. */
async function stepsOf({ bench, session, server, names }: Swap): Promise<readonly Step[]> {
  const { current, fresh, kept } = names;
  const at = (database: string): Connection => ({ ...server, database });
  const facts = { old: await readFacts(session, current), new: await readFacts(session, fresh) };
  const code = { old: await saveCode(bench, session, at(current)), new: await saveCode(bench, session, at(fresh)) };
  const tables = { old: await tableNames(session, current), new: await tableNames(session, fresh) };
  const make = (database: string, dump: Buffer, disableEvents = false) =>
    replay(bench, at(database), { dump, kinds: CODE, disableEvents });
  const alter = (to: Readonly<Record<string, string>>) =>
    session.run(`ALTER DATABASE ${quoteName(current)}${databaseOptions(session, to)}`);
  return [
    {
      run: () => createDatabase(session, kept, facts.old),
      undo: () => session.run(`DROP DATABASE IF EXISTS ${quoteName(kept)}`),
    },
    {
      run: () => dropBoth(session, current, fresh),
      undo: async () => {
        await dropBoth(session, current, fresh);
        await make(current, code.old);
        await make(fresh, code.new);
      },
    },
    {
      run: () => move(session, [...moves(tables.old, current, kept), ...moves(tables.new, fresh, current)]),
      undo: () => move(session, [...moves(tables.new, current, fresh), ...moves(tables.old, kept, current)]),
    },
    { run: () => alter(facts.new), undo: () => alter(facts.old) },
    {
      run: async () => {
        await make(current, code.new);
        await make(kept, code.old, true);
      },
      undo: () => dropBoth(session, current, kept),
    },
    { run: () => session.run(`DROP DATABASE ${quoteName(fresh)}`), undo: async () => undefined },
  ];
}

async function dropBoth(session: Server, one: string, other: string): Promise<void> {
  await dropCode(session, one);
  await dropCode(session, other);
}

async function tableNames(session: Server, database: string): Promise<string[]> {
  const entries = await readEntries(session, database);
  return entries.filter(({ kind }) => kind !== 'view').map(({ name }) => name);
}

function moves(tables: readonly string[], from: string, to: string): string[] {
  return tables.map((name) => `${quoteName(from)}.${quoteName(name)} TO ${quoteName(to)}.${quoteName(name)}`);
}

async function move(session: Server, list: readonly string[]): Promise<void> {
  if (list.length > 0) await session.run(`RENAME TABLE ${list.join(', ')}`);
}

/** Runs the steps; a failed one may have done half of its work, so its own undo runs too. */
async function runAll(steps: readonly Step[], { current }: SwapNames): Promise<void> {
  const begun: Step[] = [];
  try {
    for (const [index, step] of steps.entries()) {
      // RENAME TABLE alone does all or nothing.
      if (index !== 2) begun.push(step);
      await step.run();
      if (index === 2) begun.push(step);
    }
  } catch (error) {
    await undoAll(begun, error);
    throw new Failure(
      'restore_failed',
      `The swap of ${JSON.stringify(current)} failed and was undone: ${messageOf(error)}`,
      {
        remedy: 'Everything has its old name. Remove the cause, then swap again.',
        cause: error,
      },
    );
  }
}

async function undoAll(begun: readonly Step[], cause: unknown): Promise<void> {
  for (const step of begun.toReversed()) {
    try {
      await step.undo();
    } catch (error) {
      throw new Failure(
        'target_dirty',
        `A failed swap could not be undone: ${messageOf(error)}; it failed with ${messageOf(cause)}`,
        {
          remedy: 'Look at all three databases: no rows were lost; views, triggers, routines or events may be missing.',
          cause,
        },
      );
    }
  }
}
