import { type Command, Option } from 'commander';
import { addDatabaseCommands, addDestinationCommands } from './places.ts';
import { addServiceCommand } from './service-command.ts';
import { addBackupCommands, addRestoreCommands, addRunCommands, addScheduleCommands } from './work.ts';

/** The commands that ask a service. What they do is loaded when one is asked for. */
export function addServiceCommands(program: Command): void {
  addServiceCommand(program, {
    name: 'login',
    description: 'sign in at a service with an API key, which is asked for or read from standard input',
    load: async () => (await import('../commands/sign-in.ts')).signIn,
  });
  addServiceCommand(program, {
    name: 'logout',
    description: 'forget the key',
    load: async () => (await import('../commands/sign-in.ts')).signOut,
  });
  addDatabaseCommands(program);
  addDestinationCommands(program);
  addBackupCommands(program);
  addRestoreCommands(program);
  addScheduleCommands(program);
  addRunCommands(program);
  addServiceCommand(program, {
    name: 'apply',
    description: 'make the service what a file says: destinations, databases, schedules, channels',
    options: [
      new Option('-f, --file <file>', 'the file, YAML; - is standard input').makeOptionMandatory(),
      new Option('--dry-run', 'print what would change; change nothing'),
      new Option('--prune', 'also remove what the file does not name, of the kinds that it has; backups stay'),
    ],
    load: async () => (await import('../commands/apply.ts')).applyFile,
  });
  const audit = program.command('audit').description('who did what');
  addServiceCommand(audit, {
    name: 'verify',
    description: 'whether the chain of audit events is whole',
    load: async () => (await import('../commands/audit.ts')).auditVerify,
  });
}
