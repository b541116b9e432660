import { Failure } from '../domain/failure.ts';
import type { Connection, DatabaseAdmin, Workbench } from '../engines/engine.ts';
import type { Needs, RestoreJob } from './pipeline.ts';

/** Longest name that every engine takes, in bytes. */
const LONGEST_NAME = 63;

/** `<name>_<word>_<time>`, shortened in front so that every engine takes it. */
export function derivedName(name: string, word: 'before' | 'restore' | 'restored', now: Date): string {
  const suffix = `_${word}_${now.toISOString().slice(0, 19).replace(/[-:T]/g, '')}`;
  const room = LONGEST_NAME - suffix.length;
  const start = new TextDecoder().decode(Buffer.from(name).subarray(0, room)).replace(/\uFFFD+$/, '');
  return `${start}${suffix}`;
}

/** The database that has the restored content in the end. */
export function finalName({ target, mode }: RestoreJob): string {
  return mode.kind === 'new' ? mode.name : target.database;
}

/** Replacing needs the name of what is replaced, typed (F73). */
export function requireConfirmed({ target, mode }: RestoreJob): void {
  if (mode.kind === 'new' || mode.confirm === target.database) return;
  throw new Failure('confirmation_missing', `${target.database} would be replaced, and its name was not confirmed.`, {
    remedy: `Type its name exactly to confirm: ${target.database}.`,
  });
}

/** Whether the database for a new-name restore exists already and is empty; one with content is refused (F73). */
export async function requireFree(admin: DatabaseAdmin, server: Connection, name: string): Promise<'absent' | 'empty'> {
  if (!(await admin.exists(server, name))) return 'absent';
  if (await admin.isEmpty(server, name)) return 'empty';
  throw new Failure('target_not_empty', `The database ${name} exists and is not empty.`, {
    remedy: 'Choose another name, or drop it first if a killed restore left it there.',
  });
}

export async function requireThere(admin: DatabaseAdmin, server: Connection): Promise<void> {
  if (await admin.exists(server, server.database)) return;
  throw new Failure('not_found', `There is no database ${server.database} to replace.`, {
    remedy: 'Restore it as a new database of that name.',
  });
}

/** A swap pulls the database away under whoever uses it: refused, with a list, unless they may be disconnected. */
export async function requireQuiet(admin: DatabaseAdmin, server: Connection, disconnect: boolean): Promise<void> {
  const sessions = await admin.sessions(server, server.database);
  if (sessions.length === 0) return;
  if (disconnect) return admin.disconnect(server, server.database);
  throw new Failure('target_in_use', `${server.database} is in use: ${sessions.join('; ')}.`, {
    remedy: 'End these sessions and try again, or allow them to be disconnected (--disconnect).',
    details: { sessions },
  });
}

/** The same bench, deaf to a cancel: what a cancelled run made must still be removed. */
export function tidying(bench: Workbench): Workbench {
  return { ...bench, signal: new AbortController().signal };
}

/** Drops a database that we made; one that cannot be dropped is named, since nobody may take it for a restored one. */
export async function dropOurs({ engine, bench }: Needs, server: Connection, name: string): Promise<void> {
  try {
    await engine.admin(tidying(bench)).drop(server, name);
  } catch {
    bench.note(`The database ${name} is an unfinished restore and could not be dropped: drop it by hand.`);
  }
}
