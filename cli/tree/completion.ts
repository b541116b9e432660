import { Argument, type Command } from 'commander';
import { addServiceOptions } from '../service-options.ts';

/** What makes a shell complete commands, options, and the names of the service's own things. */
export function addCompletionCommands(program: Command): void {
  program
    .command('completion')
    .description('print what your shell needs to complete dbdump: source <(dbdump completion bash)')
    .addArgument(new Argument('<shell>', 'which one').choices(['bash', 'zsh', 'fish']))
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const [{ completionScript }, { wordsOf }] = await Promise.all([
        import('../completion/shells.ts'),
        import('../completion/words.ts'),
      ]);
      process.stdout.write(completionScript(shell, wordsOf(program)));
    });
  const names = program
    .command('__names', { hidden: true })
    .addArgument(new Argument('<kind>').choices(['database', 'destination', 'schedule', 'backup', 'run']));
  addServiceOptions(names).action(async (kind: string, options: unknown) => {
    const { printNames } = await import('../commands/names.ts');
    await printNames(kind, options);
  });
}
