import type { Argument, Command, Option } from 'commander';

/** What may stand somewhere on the command line. */
export interface Slot {
  /** Words that are known beforehand. */
  readonly choices: readonly string[];
  /** Names that only the service knows, or files. */
  readonly kind: 'database' | 'destination' | 'schedule' | 'backup' | 'run' | 'file' | undefined;
}

export interface OptionWords extends Slot {
  /** `-f`, `--file`. */
  readonly flags: readonly string[];
  readonly takesValue: boolean;
  readonly description: string;
}

/** One command of the tree as a shell needs it. */
export interface CommandWords {
  /** `database add`; empty for the program itself. */
  readonly path: string;
  readonly commands: readonly { readonly name: string; readonly description: string }[];
  readonly options: readonly OptionWords[];
  readonly arguments: readonly Slot[];
}

/** Every command of a program, from the program itself down. */
export function wordsOf(program: Command, path = ''): CommandWords[] {
  const help = program.createHelp();
  const commands = help.visibleCommands(program);
  // Names of a service mean nothing where there is none.
  const asks = !path.startsWith('rescue') && path !== 'doctor';
  const own: CommandWords = {
    path,
    commands: commands.map((command) => ({ name: command.name(), description: command.description() })),
    options: help.visibleOptions(program).map((option) => optionWords(option, asks)),
    arguments: path === '' ? [] : program.registeredArguments.map((argument) => argumentSlot(argument, asks)),
  };
  const below = commands
    .filter((command) => command.name() !== 'help')
    .flatMap((command) => wordsOf(command, path === '' ? command.name() : `${path} ${command.name()}`));
  return [own, ...below];
}

const KINDS = ['database', 'destination', 'schedule', 'backup', 'run'] as const;
const FILES = ['file', 'folder', 'key-or-file', 'dump'];

function optionWords(option: Option, asks: boolean): OptionWords {
  const value = /<([^>]+)>/.exec(option.flags)?.[1];
  return {
    flags: [option.short, option.long].filter((flag) => flag !== undefined),
    takesValue: option.required,
    description: option.description,
    choices: option.argChoices ?? (value === 'level' ? ['1', '2', '3'] : []),
    kind: kindOf(value, asks),
  };
}

function argumentSlot(argument: Argument, asks: boolean): Slot {
  return { choices: argument.argChoices ?? [], kind: kindOf(argument.name().toLowerCase(), asks) };
}

function kindOf(name: string | undefined, asks: boolean): Slot['kind'] {
  if (name === undefined) return undefined;
  if (FILES.includes(name)) return 'file';
  return asks ? KINDS.find((kind) => kind === name) : undefined;
}
