import type { CommandWords, OptionWords, Slot } from './words.ts';

/** Fish takes one line for each thing that may stand somewhere. */
export function fishScript(tree: readonly CommandWords[]): string {
  const paths = tree.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  const lines = tree.flatMap((command) => [
    ...commandLines(command),
    ...optionLines(command),
    ...argumentLines(command),
  ]);
  return `# Completion of dbdump for fish. Generated: dbdump completion fish
function __dbdump_path
    set -l path
    for word in (commandline -opc)[2..]
        if contains -- (string join ' ' $path $word) ${paths.join(' ')}
            set path $path $word
        end
    end
    string join ' ' $path
end
function __dbdump_at
    set -l path (__dbdump_path)
    test "$path" = "$argv[1]"
end
complete -c dbdump -f
${lines.map((line) => `complete -c dbdump ${line}`).join('\n')}
complete -c database-dump -w dbdump
`;
}

function at(path: string): string {
  return `-n ${quoted(`__dbdump_at "${path}"`)}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

function commandLines({ path, commands }: CommandWords): string[] {
  return commands.map(({ name, description }) => `${at(path)} -a ${name} -d ${quoted(description)}`);
}

function optionLines({ path, options }: CommandWords): string[] {
  return options.map(
    (option) => `${at(path)} ${flagsOf(option)}${valueWords(option)} -d ${quoted(option.description)}`,
  );
}

function flagsOf({ flags }: OptionWords): string {
  return flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ');
}

function valueWords(option: OptionWords): string {
  if (!option.takesValue) return '';
  if (option.kind === 'file') return ' -r -F';
  return ` -x${wordsFor(option)}`;
}

function wordsFor({ choices, kind }: Slot): string {
  if (kind !== undefined) return ` -a '(dbdump __names ${kind} 2>/dev/null)'`;
  return choices.length === 0 ? '' : ` -a ${quoted(choices.join(' '))}`;
}

function argumentLines({ path, arguments: slots }: CommandWords): string[] {
  return slots.flatMap((slot) => {
    const words = slot.kind === 'file' ? ' -F' : wordsFor(slot);
    return words === '' ? [] : [`${at(path)}${words}`];
  });
}
