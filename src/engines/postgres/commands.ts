import type { BackupType } from '../../domain/backup.ts';
import { Secret } from '../../domain/secret.ts';
import type { Command } from '../../process/child.ts';
import type { Tool } from '../../process/tools.ts';
import type { Connection } from '../engine.ts';
import { type LibpqWish, libpqEnvironment } from './environment.ts';
import { exactPattern } from './inventory/selection.ts';

interface Qualified {
  readonly schema: string;
  readonly name: string;
}

export interface DumpWish extends Omit<LibpqWish, 'clientMajor'> {
  readonly type: BackupType;
  readonly snapshot: string;
  readonly lockWaitMs: number;
  /** Undefined: all tables. */
  readonly include: readonly Qualified[] | undefined;
  readonly exclude: readonly Qualified[];
}

/**
 * pg_dump into an uncompressed custom archive on standard output, in a snapshot that is held elsewhere. Row security is
 * never turned on: a limited role must fail, not dump a part (F6).
 */
export function dumpCommand(tool: Tool, source: Connection, wish: DumpWish): Command {
  return {
    program: tool.path,
    args: [
      '--format=custom',
      '--compress=0',
      '--no-password',
      `--lock-wait-timeout=${Math.max(1, wish.lockWaitMs)}`,
      `--snapshot=${wish.snapshot}`,
      ...sections(wish.type),
      ...(wish.include ?? []).map((table) => `--table=${exactPattern(table)}`),
      ...wish.exclude.map((table) => `--exclude-table=${exactPattern(table)}`),
    ],
    bufferOutput: true,
    ...libpqEnvironment(source, { ...wish, clientMajor: tool.major }),
  };
}

function sections(type: BackupType): string[] {
  if (type === 'schema') return ['--schema-only'];
  return type === 'data' ? ['--data-only'] : [];
}

export interface GlobalsWish extends Omit<LibpqWish, 'clientMajor'> {
  readonly lockWaitMs: number;
  readonly passwordHashes: boolean;
}

/** Roles, memberships, tablespaces and their settings as SQL. Password hashes only where asked for. */
export function globalsCommand(tool: Tool, source: Connection, wish: GlobalsWish): Command {
  return {
    program: tool.path,
    args: [
      '--globals-only',
      '--no-password',
      `--lock-wait-timeout=${Math.max(1, wish.lockWaitMs)}`,
      // Read as a connection string, unlike PGDATABASE: so the name is quoted inside one of ours (F82).
      databaseArgument(source.database),
      ...(wish.passwordHashes ? [] : ['--no-role-passwords']),
    ],
    ...libpqEnvironment(source, { ...wish, clientMajor: tool.major }),
  };
}

function databaseArgument(name: string): string {
  return `--database=dbname=${conninfoValue(name)}`;
}

/** A value inside a connection string, literal whatever it holds. */
export function conninfoValue(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}

export interface RestoreWish extends Omit<LibpqWish, 'clientMajor'> {
  /** Numbers of the archive's entries to restore; undefined: all. */
  readonly entries: readonly number[] | undefined;
  readonly flags: readonly string[];
}

/**
 * pg_restore of an archive on standard input, in one transaction, stopping at the first error. The empty `--dbname` means
 * "connect"; the name itself comes from PGDATABASE, where it is literal (F81, F82).
 */
export function restoreCommand(tool: Tool, target: Connection, wish: RestoreWish): Command {
  const list = wish.entries === undefined ? {} : { list: new Secret(listText(wish.entries)) };
  return {
    program: tool.path,
    args: [
      '--dbname=',
      '--no-password',
      '--single-transaction',
      '--exit-on-error',
      ...wish.flags,
      ...(wish.entries === undefined ? [] : [{ file: 'list', prefix: '--use-list=' }]),
    ],
    files: list,
    bufferInput: true,
    ...libpqEnvironment(target, { ...wish, clientMajor: tool.major }),
  };
}

export interface ScriptWish {
  readonly flags: readonly string[];
  readonly entries?: readonly number[] | undefined;
}

/** An archive on standard input as SQL on standard output; no server is asked. */
export function scriptCommand(tool: Tool, { flags, entries }: ScriptWish): Command {
  const list = entries === undefined ? {} : { list: new Secret(listText(entries)) };
  return {
    program: tool.path,
    args: ['--file=-', ...flags, ...(entries === undefined ? [] : [{ file: 'list', prefix: '--use-list=' }])],
    files: list,
    bufferInput: true,
    bufferOutput: true,
  };
}

/** SQL on standard input in one transaction, stopping at the first error, without a configuration file. */
export function sqlCommand(psql: Tool, target: Connection, wish: Omit<LibpqWish, 'clientMajor'>): Command {
  return {
    program: psql.path,
    args: ['--no-psqlrc', '--no-password', '--quiet', '--set=ON_ERROR_STOP=1', '--single-transaction', '--file=-'],
    ...libpqEnvironment(target, { ...wish, clientMajor: psql.major }),
  };
}

/** Reads an archive to its end and keeps nothing: the format's own reader must be content. */
export function readThroughCommand(tool: Tool): Command {
  return { program: tool.path, args: ['--file=-'], bufferInput: true, bufferOutput: true };
}

function listText(entries: readonly number[]): string {
  return entries.map((id) => `${id};\n`).join('');
}
