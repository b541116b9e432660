import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cellsOf, HEADINGS, type Row } from './row.ts';

const FILE = join(import.meta.dirname, '..', '..', 'docs', 'compatibility.md');
const BEGIN = '<!-- matrix: written by `npm run test:matrix -- --write` -->';
const END = '<!-- end of matrix -->';

const INTRODUCTION = `# Compatibility

Which servers were backed up, verified at level 3 and restored, with which tools, and what came out. The hostile database of
each product holds at least one of everything that product can keep. The table is written by the run itself.

- **backup**: the consistency that was promised. **level 3**: restored into a throwaway server and compared, content digests
  both ways. **restore**: into a new database beside the source; \`identical\` means schema, rows, content, values and facts.
- \`A → B\`: a backup of A restored on B. Upwards must work. PostgreSQL downwards must be refused, with nothing left behind.
  MariaDB ↔ MySQL must be refused in the plan. MariaDB downwards may be refused, but must not lose anything without saying so.
- A real MongoDB server is part of the table only where its row says so: the wire server of the tests keeps what it is given byte
  for byte, and the real mongodump and mongorestore talk to it. \`npm run test:matrix -- --url mongodb://HOST/\` runs the same on yours.
`;

export interface Written {
  readonly rows: readonly Row[];
  readonly date: Date;
  /** Tools below their security floor that were used all the same. */
  readonly warnings: readonly string[];
  readonly passed: string;
}

/** Puts the table into docs/compatibility.md; what people wrote around it stays. */
export function writeDocument(written: Written): string {
  const block = blockOf(written);
  const old = readOld();
  const begin = old.indexOf(BEGIN);
  const end = old.indexOf(END);
  const text =
    begin < 0 || end < begin
      ? `${INTRODUCTION}\n${block}\n`
      : `${old.slice(0, begin)}${block}${old.slice(end + END.length)}`;
  writeFileSync(FILE, text);
  return FILE;
}

function readOld(): string {
  try {
    return readFileSync(FILE, 'utf8');
  } catch {
    return '';
  }
}

function blockOf({ rows, date, warnings, passed }: Written): string {
  const head = `| ${HEADINGS.join(' | ')} |\n|${HEADINGS.map(() => ' --- |').join('')}`;
  const lines = rows.map((row) => `| ${cellsOf(row).map(escaped).join(' | ')} |`);
  const notes = warnings.map((warning) => `- ${warning}`);
  const stamp = `${date.toISOString().slice(0, 10)}, ${process.platform} ${process.arch}, Node ${process.version}: ${passed}.`;
  return [BEGIN, '', stamp, '', head, ...lines, '', ...notes, ...(notes.length > 0 ? [''] : []), END].join('\n');
}

function escaped(cell: string): string {
  return cell.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;');
}
