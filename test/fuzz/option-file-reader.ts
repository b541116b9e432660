/**
 * Option files as the programs of MySQL and MariaDB read them: sections, comments, quotes, and the escapes of quoted
 * values. Written from their manuals, not from our writer.
 */
export function readOptionFile(text: string): Record<string, Record<string, string>> {
  const sections: Record<string, Record<string, string>> = {};
  let current: Record<string, string> | undefined;
  for (const line of text.split('\n').map((one) => one.trim())) {
    if (line === '' || line.startsWith('#') || line.startsWith(';')) continue;
    const section = /^\[([^\]]*)\]$/.exec(line)?.[1];
    if (section !== undefined) {
      sections[section] ??= {};
      current = sections[section];
      continue;
    }
    if (line.startsWith('!')) throw new Error('an include');
    const equals = line.indexOf('=');
    const name = equals < 0 ? line : line.slice(0, equals).trim();
    if (current === undefined) throw new Error('an option outside sections');
    current[name] = equals < 0 ? '' : readValue(line.slice(equals + 1).trim());
  }
  return sections;
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  r: '\r',
  t: '\t',
  b: '\b',
  s: ' ',
  '"': '"',
  "'": "'",
  '\\': '\\',
};

function readValue(written: string): string {
  const quote = written[0];
  const quoted = written.length > 1 && (quote === '"' || quote === "'") && written.endsWith(quote);
  const inner = quoted ? written.slice(1, -1) : written.replace(/\s#.*$/, '');
  return inner.replace(/\\(.)/gs, (whole, letter: string) => ESCAPES[letter] ?? whole);
}
