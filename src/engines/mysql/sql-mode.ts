/** Follows the sql_mode that a dump's own SET statements put in force, as far as it changes how text is read. */
export interface ModeTracker {
  backslashEscapes(): boolean;
  /** Takes every statement; only SET matters. */
  follow(statement: string): void;
}

const ASSIGNMENT = /(@@?(?:session\.)?\w+|\b\w+)\s*:?=\s*('[^']*'|@@?(?:session\.)?\w+)/gi;

export function modeTracker(): ModeTracker {
  let mode = '';
  const variables = new Map<string, string>();

  function follow(statement: string): void {
    if (statement.length > 1_000 || !/\bSET\b/i.test(statement) || !/sql_mode/i.test(statement)) return;
    for (const [, name = '', value = ''] of statement.matchAll(ASSIGNMENT)) assign(plain(name), value);
  }

  function assign(name: string, value: string): void {
    const read = value.startsWith("'") ? value.slice(1, -1).toUpperCase() : known(plain(value));
    if (name === 'sql_mode') mode = read;
    else if (name.startsWith('@')) variables.set(name, read);
  }

  function known(name: string): string {
    return name === 'sql_mode' ? mode : (variables.get(name) ?? '');
  }

  return { backslashEscapes: () => !mode.includes('NO_BACKSLASH_ESCAPES'), follow };
}

/** `@@SESSION.sql_mode` and `SQL_MODE` are one thing, `@saved` another. */
function plain(name: string): string {
  return name.toLowerCase().replace(/^@@(?:session\.)?/, '');
}
