import { readFileSync } from 'node:fs';
import { Secret } from '../../domain/secret.ts';
import type { Argument, Command } from '../../process/child.ts';
import type { Tool } from '../../process/tools.ts';
import type { Connection } from '../engine.ts';
import { type Family, optionFile } from './option-file.ts';

/** Which parts of a database a dump command writes. */
export interface DumpParts {
  readonly schema: boolean;
  readonly rows: boolean;
  /** Tables and views; undefined means all. */
  readonly only: readonly string[] | undefined;
  /** Rows that system-versioned tables had (MariaDB 10.11). */
  readonly history: boolean;
  /** Milliseconds until a wait for a table's lock ends the dump, where the tool can be told (F9). */
  readonly lockWaitMs: number;
  /** A comment for every statement that reads rows, by which the server's list of sessions tells whose it is (F11). */
  readonly mark: string | undefined;
}

const COMMON = [
  '--single-transaction',
  '--quick',
  '--hex-blob',
  '--no-tablespaces',
  '--skip-dump-date',
  '--default-character-set=utf8mb4',
  // Columns by name: a generated or invisible column, or another column order, then never shifts a value.
  '--complete-insert',
  '--max-allowed-packet=1G',
  '--skip-add-locks',
  '--skip-lock-tables',
];

/**
 * The command whose standard output is the dump. Without `--databases` it names no database, so that it restores under
 * any name; after `--` every name is literal (F81, M11).
 */
export function dumpCommand(tool: Tool, source: Connection, parts: DumpParts): Command {
  const { args, files } = login(source, familyOf(tool));
  const content = parts.rows ? marked(parts) : ['--no-data'];
  const objects = parts.schema ? ['--routines', '--events', '--triggers'] : ['--no-create-info', '--skip-triggers'];
  return {
    program: tool.path,
    args: [
      ...args,
      ...COMMON,
      ...familyOptions(tool, parts),
      ...content,
      ...objects,
      '--',
      source.database,
      ...(parts.only ?? []),
    ],
    files,
    // Both write 4 KiB at a time.
    bufferOutput: true,
  };
}

/** The tools pass a comment on nowhere else: a condition that is always true carries it. */
function marked({ mark }: DumpParts): string[] {
  return mark === undefined ? [] : [`--where=1 ${mark}`];
}

/** The command that writes every definition and no row; tables and sequences among them, to be left out by the reader. */
export function codeCommand(tool: Tool, source: Connection): Command {
  const { args, files } = login(source, familyOf(tool));
  const family = familyOf(tool) === 'MariaDB' ? [] : GTID;
  const content = ['--no-data', '--routines', '--events', '--triggers', '--', source.database];
  return { program: tool.path, args: [...args, ...COMMON, ...family, ...content], files };
}

/** GTID sets of the whole server do not belong into one database's dump (F16); neither do histograms. */
const GTID = ['--set-gtid-purged=OFF', '--column-statistics=0'];

function familyOptions(tool: Tool, parts: DumpParts): string[] {
  if (familyOf(tool) === 'MariaDB') return parts.history ? ['--dump-history'] : [];
  const seconds = Math.max(1, Math.ceil(parts.lockWaitMs / 1_000));
  const knowsInit = tool.major >= 9;
  return knowsInit ? [...GTID, `--init-command=SET SESSION lock_wait_timeout = ${seconds}`] : GTID;
}

/**
 * The command that reads a dump on standard input. Stops at the first error; knows no client commands but DELIMITER
 * (`--binary-mode`), and MariaDB's is put into its sandbox as well (M12).
 */
export function restoreCommand(tool: Tool, target: Connection): Command {
  const { args, files } = login(target, familyOf(tool));
  const family = familyOf(tool) === 'MariaDB' ? ['--sandbox'] : [];
  // Comments stay in: they belong to the bodies of routines.
  const options = [
    '--batch',
    '--binary-mode',
    '--comments',
    '--default-character-set=utf8mb4',
    '--max-allowed-packet=1G',
  ];
  return { program: tool.path, args: [...args, ...options, ...family, '--', target.database], files };
}

export function familyOf(tool: Tool): Family {
  return tool.flavour === 'MariaDB' ? 'MariaDB' : 'MySQL';
}

/** `--defaults-file` first, as the tools want it: it keeps every other option file out. */
function login(connection: Connection, family: Family) {
  const args: Argument[] = [{ file: 'client.cnf', prefix: '--defaults-file=' }];
  const files: Record<string, Secret> = { 'client.cnf': optionFile(connection, family) };
  if (connection.tls.mode !== 'disable' && connection.tls.caFile !== undefined) {
    // A copy, since the tool's user need not be able to read the original.
    files['ca.pem'] = new Secret(readFileSync(connection.tls.caFile, 'utf8'));
    args.push({ file: 'ca.pem', prefix: '--ssl-ca=' });
  }
  return { args, files };
}
