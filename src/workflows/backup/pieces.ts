import type { BackupType } from '../../domain/backup.ts';
import { Failure } from '../../domain/failure.ts';
import type { Connection, Engine } from '../../engines/engine.ts';
import { databaseFolder, memberFolder } from '../../pipeline/layout.ts';
import type { JobDatabase } from '../job.ts';
import type { Task } from '../task.ts';

/** One dump of a run: the run's database, or one of those of a server whose entry stands for all of them. */
export interface Piece {
  readonly source: Connection;
  readonly type: BackupType;
  /** Of what is kept of it, in every store. */
  readonly folder: string;
  /** Which one it is, where the entry stands for all. */
  readonly member: string | undefined;
}

/** Stands for roles, accounts and settings, which belong to no database of a server; nothing can have this name. */
const GLOBALS = '';

/** The store's folder of a database of an entry; `member` is left out where the entry is one database. */
export function folderOf(entry: JobDatabase, member?: string): string {
  const { engine, settings } = entry.look;
  const { host, port, databaseName: database = '' } = settings;
  if (member === undefined) return databaseFolder({ engine, host, port, database }, entry.id);
  if (member === GLOBALS) return `globals-${entry.id}`;
  return memberFolder(member, entry.id);
}

/** Which dumps the run consists of, as the server lists its databases now: a new one is found by itself. */
export async function piecesOf(
  { bench }: Pick<Task, 'bench'>,
  work: {
    readonly entry: JobDatabase;
    readonly engine: Engine;
    readonly source: Connection;
    readonly type: BackupType;
  },
): Promise<readonly Piece[]> {
  const { entry, engine, source, type } = work;
  if (!entry.look.settings.allDatabases) return [{ source, type, folder: folderOf(entry), member: undefined }];
  const names = await engine.admin(bench).list(source);
  if (names.length === 0)
    throw new Failure('not_found', 'The server has no database to back up.', { remedy: 'Check user and server.' });
  const members: readonly (readonly [string, BackupType])[] = [
    ...names.map((name) => [name, type] as const),
    ...(engine.types.includes('globals') ? ([[GLOBALS, 'globals']] as const) : []),
  ];
  return members.map(([member, of]) => ({
    source: member === GLOBALS ? source : { ...source, database: member },
    type: of,
    folder: folderOf(entry, member),
    member,
  }));
}
