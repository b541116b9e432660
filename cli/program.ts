import { Command, CommanderError } from 'commander';
import { Failure } from '../src/domain/failure.ts';
import { addDoctorCommand } from './doctor-command.ts';
import { addRescueCommands } from './rescue-commands.ts';
import { openScreen } from './screen.ts';
import { addCompletionCommands } from './tree/completion.ts';
import { addServiceCommands } from './tree/service.ts';
import { VERSION } from './version.ts';

/** Parses the command line and runs what it asks for; the result is the process's exit code. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await buildProgram().parseAsync([...argv]);
  } catch (error) {
    process.exitCode = refuse(error, argv);
  }
}

export function buildProgram(): Command {
  const program = new Command('dbdump')
    .description('Verified backup and restore of PostgreSQL, MySQL, MariaDB and MongoDB')
    .version(VERSION)
    .exitOverride()
    .configureOutput({ outputError: () => undefined });
  addServiceCommands(program);
  addRescueCommands(program);
  addDoctorCommand(program);
  addCompletionCommands(program);
  return program;
}

/** What stands behind a refusal of the command line itself. Help and version are none. */
function refuse(error: unknown, argv: readonly string[]): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const json = argv.includes('--json');
  const screen = openScreen({ json, quiet: false, progress: 'none', colours: false });
  if (!(error instanceof CommanderError)) return screen.refuse(error);
  const [cause = '', hint] = error.message.replace(/^error: /, '').split('\n');
  // Help was asked for by giving no command: commander has printed it already.
  if (error.code === 'commander.help') return 2;
  const remedy = `${hint === undefined ? '' : `${hint.replace(/[()]/g, '')} `}See: dbdump --help`;
  return screen.refuse(new Failure('usage', `${cause.charAt(0).toUpperCase()}${cause.slice(1)}.`, { remedy }));
}
