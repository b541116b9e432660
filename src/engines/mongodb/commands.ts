/** The commands of mongodump and mongorestore. Names are literal, whatever characters they hold (F81). */
import { Secret } from '../../domain/secret.ts';
import type { Argument, Command } from '../../process/child.ts';
import type { Connection } from '../engine.ts';
import { toolConfig } from './address.ts';
import { readAuthority } from './authority.ts';

const CONFIG: Argument = { file: 'mongo-tools.yaml', prefix: '--config=' };
const AUTHORITY: Argument = { file: 'authority.pem', prefix: '--sslCAFile=' };

/** How a tool gets at the server: private files, and the password by itself for whoever redacts. */
function login(connection: Connection): Pick<Command, 'args' | 'files' | 'hidden'> {
  const { password } = connection;
  const authority = readAuthority(connection);
  return {
    args: authority === undefined ? [CONFIG] : [CONFIG, AUTHORITY],
    files: {
      'mongo-tools.yaml': new Secret(toolConfig(connection)),
      ...(authority === undefined ? {} : { 'authority.pem': new Secret(authority) }),
    },
    ...(password === undefined ? {} : { hidden: [password] }),
  };
}

export interface DumpChoice {
  /** Names within the connection's database that are left out. */
  readonly exclude: readonly string[];
  /** Only for a whole member of a replica set (F19). */
  readonly oplog: boolean;
}

/** Writes the archive to standard output. */
export function dumpCommand(program: string, source: Connection, choice: DumpChoice): Command {
  const { args: place, ...secrets } = login(source);
  const args: Argument[] = [...place, '--archive'];
  if (source.database !== '') args.push(`--db=${source.database}`);
  if (choice.oplog) args.push('--oplog');
  for (const name of choice.exclude) args.push(`--excludeCollection=${name}`);
  return { program, args, ...secrets };
}

export interface RestoreChoice {
  /** Database in the archive → database on the target, where one database is restored; else names stay. */
  readonly rename: { readonly from: string; readonly to: string } | undefined;
  /** Namespaces of the archive, by name; undefined means everything but the server's own databases. */
  readonly only: readonly string[] | undefined;
  readonly exclude: readonly string[];
  /** Drops each collection before it is restored. */
  readonly drop: boolean;
  /** Documents only: no options, no indexes. */
  readonly dataOnly: boolean;
  readonly oplogReplay: boolean;
}

/** Reads the archive on standard input. Stops at the first error; keeps the order of documents, which capped collections need. */
export function restoreCommand(program: string, target: Connection, choice: RestoreChoice): Command {
  const { args: place, ...secrets } = login(target);
  const args: Argument[] = [
    ...place,
    '--archive',
    '--stopOnError',
    '--maintainInsertionOrder',
    '--bypassDocumentValidation',
    '--keepIndexVersion',
  ];
  if (choice.drop) args.push('--drop');
  if (choice.dataOnly) args.push('--noOptionsRestore', '--noIndexRestore');
  if (choice.oplogReplay) args.push('--oplogReplay');
  for (const name of choice.only ?? []) args.push(`--nsInclude=${literal(name)}`);
  for (const name of choice.exclude) args.push(`--nsExclude=${literal(name)}`);
  if (choice.only === undefined) args.push('--nsExclude=admin.*', '--nsExclude=config.*');
  if (choice.rename !== undefined) {
    args.push(`--nsFrom=${literal(choice.rename.from)}.*`, `--nsTo=${literal(choice.rename.to)}.*`);
  }
  return { program, args, ...secrets };
}

/** A name inside a namespace pattern, standing for itself. */
export function literal(name: string): string {
  return name.replaceAll('\\', '\\\\').replaceAll('*', '\\*');
}
