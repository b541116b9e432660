import { createHash } from 'node:crypto';
import type { TableFacts } from '../../../domain/inventory.ts';
import { quotedAscii } from '../names.ts';
import { rowDigest } from '../row-digest.ts';
import type { Session } from '../session.ts';
import { type SequenceName, sequenceValueName, type Table } from './tables.ts';

const LARGE_OBJECT_PIECE = 1024 * 1024;
const SEQUENCES_AT_ONCE = 100;

/** `schema.table` in ASCII alone, whatever the session's encoding. */
function tableText(table: { readonly schema: string; readonly name: string }): string {
  return `${quotedAscii(table.schema)}.${quotedAscii(table.name)}`;
}

export async function countRows(session: Session, table: Table): Promise<number> {
  const [row] = await session.rows(`select count(*)::text as rows from only ${tableText(table)} ${table.condition}`);
  return Number(row?.rows);
}

/** Rows and digest of a table, from the same text that a dump carries. */
export async function digestRows(session: Session, table: Table): Promise<TableFacts> {
  const digest = rowDigest();
  const names = table.reordered ? [...table.columns].sort() : table.columns;
  const rows = await session.copy(copyStatement(table, names), digest.add);
  return { rows, digest: digest.hex() };
}

function copyStatement(table: Table, names: readonly string[]): string {
  const columns = names.map(quotedAscii).join(', ');
  if (table.condition === '') return `copy ${tableText(table)} ${columns === '' ? '' : `(${columns})`} to stdout`;
  return `copy (select ${columns} from ${tableText(table)} ${table.condition}) to stdout`;
}

/** Large objects as rows of number and content. */
export async function digestLargeObjects(session: Session): Promise<TableFacts> {
  const digest = rowDigest();
  const ids = await session.rows('select oid::text as id from pg_largeobject_metadata order by oid');
  for (const { id } of ids) {
    const content = createHash('sha256');
    for (let offset = 0; ; offset += LARGE_OBJECT_PIECE) {
      const [row] = await session.rows(
        `select encode(lo_get(${id}, ${offset}, ${LARGE_OBJECT_PIECE}), 'hex') as piece`,
      );
      const piece = Buffer.from(row?.piece ?? '', 'hex');
      content.update(piece);
      if (piece.length < LARGE_OBJECT_PIECE) break;
    }
    digest.add(largeObjectLine(Number(id), content.digest('hex')));
  }
  return { rows: ids.length, digest: digest.hex() };
}

/** The line that stands for a large object: the same here and in a decoded dump. */
export function largeObjectLine(id: number, sha256: string): Buffer {
  return Buffer.from(`${id}\t${sha256}`);
}

export async function countLargeObjects(session: Session): Promise<number> {
  const [row] = await session.rows('select count(*)::text as rows from pg_largeobject_metadata');
  return Number(row?.rows);
}

/** `41,true`: the last value, and whether it was given out. */
export async function readSequenceValues(
  session: Session,
  sequences: readonly SequenceName[],
): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  for (let start = 0; start < sequences.length; start += SEQUENCES_AT_ONCE) {
    const batch = sequences.slice(start, start + SEQUENCES_AT_ONCE);
    const selects = batch.map(
      (s, n) => `select ${n} as n, last_value || ',' || is_called as value from ${tableText(s)}`,
    );
    for (const row of await session.rows(selects.join(' union all '))) {
      const sequence = batch[Number(row.n)];
      if (sequence !== undefined) values[sequenceValueName(sequence.schema, sequence.name)] = row.value ?? '';
    }
  }
  return values;
}
