import { Argument, type Command, Option } from 'commander';
import { addCommonOptions } from './rescue/global-options.ts';

/** `dbdump doctor`: whether this machine, a database and a store have what a backup needs. */
export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description(
      'whether tools, a database, a store and the service have what a backup needs, and what to do about it',
    );
  command.addArgument(new Argument('[DATABASE_URL]', 'a database URL, env:NAME or file:PATH'));
  command.addOption(new Option('--to <store>', 'a store address to try'));
  command.addOption(new Option('--server <url>', 'a service to ask; left out, the one that you are signed in at'));
  command.addOption(new Option('--api-key <source>', 'its key: env:NAME, file:PATH or - for standard input'));
  addCommonOptions(command).action(async (database: string | undefined, given: unknown) => {
    const [{ doctorCommand }, { checkService }] = await Promise.all([
      import('./rescue/doctor.ts'),
      import('./doctor-service.ts'),
    ]);
    await doctorCommand(database, given, () => checkService(given));
  });
}
