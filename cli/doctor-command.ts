import { Argument, type Command, Option } from 'commander';
import { addCommonOptions } from './rescue/global-options.ts';

/** `dbdump doctor`: whether this machine, a database and a store have what a backup needs. */
export function addDoctorCommand(program: Command): void {
  const command = program
    .command('doctor')
    .description('whether tools, a database and a store have what a backup needs, and what to do about it');
  command.addArgument(new Argument('[DATABASE_URL]', 'a database URL, env:NAME or file:PATH'));
  command.addOption(new Option('--to <store>', 'a store address to try'));
  addCommonOptions(command).action(async (database: string | undefined, given: unknown) => {
    const { doctorCommand } = await import('./rescue/doctor.ts');
    await doctorCommand(database, given);
  });
}
