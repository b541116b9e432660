import { createHash } from 'node:crypto';
import { runFolder, slug } from '../domain/backup.ts';
import type { Connection } from '../engines/engine.ts';

export const MANIFEST_NAME = 'manifest.json';
export const MARKER_NAME = 'running.json';
/** Where a store's probe writes and removes what it tries out; a role that may not delete leaves it there. */
export const PROBE_FOLDER = 'database-dump-probe';
export const REPORTS_FOLDER = 'reports';

const ID_DIGITS = 12;

type Address = Pick<Connection, 'engine' | 'host' | 'port' | 'database'>;

/** A database's id where no catalog gives it one: the same address always gets the same id. */
export function databaseId({ engine, host, port, database }: Address): string {
  const identity = JSON.stringify([engine, host, port, database]);
  return createHash('sha256').update(identity).digest('hex').slice(0, ID_DIGITS);
}

/** The folder of everything kept of one database: `shop-1f2e3d4c5b6a`. */
export function databaseFolder(address: Address, id: string = databaseId(address)): string {
  return `${slug(address.database)}-${id}`;
}

/** The same for one database of many that share an id; names that look alike in a key do not share a folder. */
export function memberFolder(database: string, id: string): string {
  const digest = createHash('sha256').update(database).digest('hex').slice(0, ID_DIGITS);
  return `${slug(database)}-${id}-${digest}`;
}

/** The folder of one run of one database. A later attempt of the same run never shares a key with an earlier one (F30). */
export function backupFolder(database: string, startedAt: Date, run: { id: string; attempt: number }): string {
  const suffix = run.attempt === 1 ? '' : `-${run.attempt}`;
  return `${database}/${runFolder(startedAt, `${run.id}${suffix}`)}`;
}

/** The part of a key before its last slash, empty for a key without one. */
export function folderOf(key: string): string {
  return key.slice(0, Math.max(0, key.lastIndexOf('/')));
}

/** The part of a key after its last slash. */
export function nameOf(key: string): string {
  return key.slice(key.lastIndexOf('/') + 1);
}
