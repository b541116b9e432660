import type { Command, Option } from 'commander';
import { buildProgram } from '../cli/program.ts';

const COMMON = 'Common options:';

/** Every command with what it takes, from the program's own tree. */
export function commandsText(): string {
  const program = buildProgram();
  const leaves = leavesOf(program, 'dbdump');
  const service = leaves.find(({ name }) => name === 'dbdump database list');
  const rescue = leaves.find(({ name }) => name === 'dbdump rescue list');
  return [
    ...leaves.map(leafText),
    commonText('Options of every command that asks a service', service?.command),
    commonText('Options of every `rescue` command, and of `doctor`', rescue?.command),
  ].join('\n');
}

interface Leaf {
  readonly name: string;
  readonly command: Command;
}

function leavesOf(command: Command, name: string): Leaf[] {
  const below = command
    .createHelp()
    .visibleCommands(command)
    .filter((one) => one.name() !== 'help');
  if (below.length === 0) return [{ name, command }];
  return below.flatMap((one) => leavesOf(one, `${name} ${one.name()}`));
}

function leafText({ name, command }: Leaf): string {
  const usage = command.registeredArguments.map((argument) =>
    argument.required ? `<${argument.name()}>` : `[${argument.name()}]`,
  );
  const what = command.registeredArguments.map((argument) => row(`\`${argument.name()}\``, argument.description));
  const options = command.options
    .filter((option) => !option.hidden && option.helpGroupHeading !== COMMON)
    .map(optionRow);
  return [
    `### \`${[name, ...usage].join(' ')}\``,
    '',
    `${command.description().charAt(0).toUpperCase()}${command.description().slice(1)}.`,
    ...tableOf([...what, ...options]),
    '',
  ].join('\n');
}

function commonText(heading: string, command: Command | undefined): string {
  const options = command?.options.filter((option) => option.helpGroupHeading === COMMON) ?? [];
  return [`## ${heading}`, ...tableOf(options.map(optionRow)), ''].join('\n');
}

function optionRow(option: Option): string {
  const { flags, description, mandatory, argChoices, defaultValue, defaultValueDescription } = option;
  const notes = [
    mandatory && defaultValue === undefined ? 'must be given' : undefined,
    argChoices === undefined ? undefined : `one of ${argChoices.join(', ')}`,
    isShown(option) ? `${defaultValueDescription ?? String(defaultValue)} unless given` : undefined,
  ].filter((note) => note !== undefined);
  return row(`\`${flags}\``, notes.length === 0 ? description : `${description} (${notes.join('; ')})`);
}

function isShown({ defaultValue, negate }: Option): boolean {
  return defaultValue !== undefined && typeof defaultValue !== 'boolean' && !negate;
}

function row(name: string, meaning: string): string {
  return `| ${name} | ${meaning.replaceAll('|', '\\|')} |`;
}

function tableOf(rows: readonly string[]): string[] {
  return rows.length === 0 ? [] : ['', '| | |', '| --- | --- |', ...rows];
}
