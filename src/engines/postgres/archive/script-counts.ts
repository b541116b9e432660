import type { TableFacts } from '../../../domain/inventory.ts';
import { requireGood, run } from '../../../process/run.ts';
import type { Tool } from '../../../process/tools.ts';
import type { ParseReport, Plain, Workbench } from '../../engine.ts';
import { scriptCommand } from '../commands.ts';
import { shownQualified } from '../names.ts';
import { rowDigest } from '../row-digest.ts';
import { columnNames } from './contents.ts';

interface Wish {
  readonly tool: Tool;
  readonly digests: boolean;
  readonly values: Readonly<Record<string, string>>;
}

const NEWLINE = 10;
const COPY_LINE = /^COPY (.+?) (?:\((.*)\) )?FROM stdin;$/s;

/**
 * Counts the rows of an archive whose data only pg_restore can unpack, in the SQL it makes of the data alone: no
 * definition is in there that could look like rows.
 */
export async function countByScript(bench: Workbench, plain: Plain, wish: Wish): Promise<ParseReport> {
  const reader = scriptReader(wish.digests);
  const exit = await run(bench.runner, scriptCommand(wish.tool, { flags: ['--data-only'] }), {
    input: plain.bytes(),
    onOutput: (chunk) => reader.push(chunk),
    signal: bench.signal,
  });
  requireGood(exit, 'backup_damaged', 'Use another backup.');
  const warnings = reader.largeObjects()
    ? ['Large objects of a compressed archive are not counted before a restore.']
    : [];
  return { tables: reader.tables, values: wish.values, warnings };
}

interface Open {
  readonly name: string;
  rows: number;
  readonly digest: ReturnType<typeof rowDigest>;
}

function scriptReader(digests: boolean) {
  const tables: Record<string, TableFacts> = {};
  let carry: Buffer[] = [];
  let open: Open | undefined;
  let statement = '';
  let objects = false;

  function line(bytes: Buffer): void {
    if (open === undefined) outside(bytes.toString('utf8'));
    else if (bytes.length === 2 && bytes.toString('latin1') === '\\.') close(open);
    else {
      open.rows += 1;
      if (digests) open.digest.add(bytes);
    }
  }

  function close(table: Open): void {
    tables[table.name] = digests ? { rows: table.rows, digest: table.digest.hex() } : { rows: table.rows };
    open = undefined;
  }

  /** Names may hold line ends: a statement goes on until it is one. */
  function outside(text: string): void {
    objects ||= text.includes('pg_catalog.lo_open');
    if (statement === '' && !text.startsWith('COPY ')) return;
    statement = statement === '' ? text : `${statement}\n${text}`;
    const match = COPY_LINE.exec(statement);
    if (match === null) return;
    const [schema = '', name = ''] = columnNames(match[1]?.replace('.', ',') ?? '');
    open = { name: shownQualified(schema, name), rows: 0, digest: rowDigest() };
    statement = '';
  }

  return {
    tables,
    largeObjects: () => objects,
    push(chunk: Buffer): void {
      let start = 0;
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, start)) {
        const piece = chunk.subarray(start, end);
        line(carry.length === 0 ? piece : Buffer.concat([...carry, piece]));
        carry = [];
        start = end + 1;
      }
      if (start < chunk.length) carry.push(Buffer.from(chunk.subarray(start)));
    },
  };
}
