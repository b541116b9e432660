import { Argument, type Command, type Option } from 'commander';
import { addServiceOptions } from '../service-options.ts';

/** A command that asks a service: what it takes, and where what it does is found once it is asked for. */
export interface ServiceCommand {
  readonly name: string;
  readonly description: string;
  /** `<DATABASE>` and what it stands for, in their order. The name says what a shell completes it with. */
  readonly arguments?: Readonly<Record<string, string>>;
  readonly options?: readonly Option[];
  load(): Promise<Work>;
}

/** Is given what stood on the command line, and the options. */
export type Work = (given: readonly string[], options: unknown) => Promise<void>;

export function addServiceCommand(parent: Command, definition: ServiceCommand): void {
  const command = parent.command(definition.name).description(definition.description);
  for (const [name, meaning] of Object.entries(definition.arguments ?? {}))
    command.addArgument(new Argument(name, meaning));
  for (const option of definition.options ?? []) command.addOption(option);
  addServiceOptions(command).action(async (...received: unknown[]) => {
    const work = await definition.load();
    const given = received.slice(0, -2).filter((argument) => argument !== undefined);
    await work(given.map(String), received.at(-2));
  });
}
