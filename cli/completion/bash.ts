import type { CommandWords, Slot } from './words.ts';

/** A bash function that knows the whole tree; only names of the service's own things are asked for. */
export function bashScript(tree: readonly CommandWords[]): string {
  const valued = new Set(
    tree.flatMap(({ options }) => options.filter(({ takesValue }) => takesValue)).flatMap(({ flags }) => flags),
  );
  return `# Completion of dbdump for bash. Generated: dbdump completion bash
_dbdump() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" prev="\${COMP_WORDS[COMP_CWORD-1]}" program="\${COMP_WORDS[0]}"
  local path='' at=0 skip='' i word words='' kind='' IFS=$' \\t\\n'
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    if [[ -n $skip ]]; then skip=''; continue; fi
    case "$word" in
      ${[...valued].join('|')}) skip=1; continue ;;
      -*) continue ;;
    esac
    case "$path $word" in
      ${tree
        .filter(({ path }) => path !== '')
        .map(({ path }) => quoted(path.includes(' ') ? path : ` ${path}`))
        .join('|')}) path="\${path:+$path }$word"; at=0 ;;
      *) at=$((at + 1)) ;;
    esac
  done
  if [[ -n $skip ]]; then
    case "$path $prev" in
${tree.flatMap(valuesOf).join('\n')}
    esac
  elif [[ $cur == -* ]]; then
    case "$path" in
${tree.map(({ path, options }) => `      ${quoted(path)}) words=${quoted(options.flatMap(({ flags }) => flags).join(' '))} ;;`).join('\n')}
    esac
  else
    case "$path $at" in
${tree.flatMap(argumentsOf).join('\n')}
    esac
  fi
  case "$kind" in
    '') COMPREPLY=($(compgen -W "$words" -- "$cur")) ;;
    file) compopt -o filenames 2>/dev/null; IFS=$'\\n'; COMPREPLY=($(compgen -f -- "$cur")) ;;
    *)
      IFS=$'\\n'
      for word in $("$program" __names "$kind" 2>/dev/null); do
        if [[ $word == "\${cur//\\\\/}"* ]]; then COMPREPLY+=("$(printf '%q' "$word")"); fi
      done ;;
  esac
}
complete -F _dbdump dbdump database-dump
`;
}

function quoted(text: string): string {
  return `'${text}'`;
}

function slot({ choices, kind }: Slot): string {
  return kind === undefined ? `words=${quoted(choices.join(' '))}` : `kind=${kind}`;
}

function valuesOf({ path, options }: CommandWords): string[] {
  return options
    .filter(({ takesValue, choices, kind }) => takesValue && (choices.length > 0 || kind !== undefined))
    .map((option) => `      ${option.flags.map((flag) => quoted(`${path} ${flag}`)).join('|')}) ${slot(option)} ;;`);
}

function argumentsOf({ path, commands, arguments: slots }: CommandWords): string[] {
  if (commands.length > 0)
    return [`      ${quoted(`${path} 0`)}) words=${quoted(commands.map(({ name }) => name).join(' '))} ;;`];
  return slots.flatMap((one, at) =>
    one.kind === undefined && one.choices.length === 0 ? [] : [`      ${quoted(`${path} ${at}`)}) ${slot(one)} ;;`],
  );
}
