/** A name as SQL writes it: bare where that means the same in every version, else in double quotes. For messages and inventories. */
export function shownName(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : quoted(name);
}

/** `schema.table`, each part as `shownName` writes it. */
export function shownQualified(schema: string, name: string): string {
  return `${shownName(schema)}.${shownName(name)}`;
}

/** A name that SQL takes literally, whatever it is. */
export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text literal that means the same with standard_conforming_strings on and off. */
export function literal(text: string): string {
  const body = text.replaceAll("'", "''");
  return text.includes('\\') ? ` E'${body.replaceAll('\\', '\\\\')}'` : `'${body}'`;
}

/** A name in ASCII alone, so that it can be sent whatever the session's encoding is. */
export function quotedAscii(name: string): string {
  let escaped = '';
  for (const character of name) escaped += escapeCharacter(character);
  return escaped === name ? quoted(name) : `U&"${escaped.replaceAll('"', '""')}"`;
}

function escapeCharacter(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (character === '\\') return '\\\\';
  return code < 128 ? character : `\\+${code.toString(16).padStart(6, '0')}`;
}
