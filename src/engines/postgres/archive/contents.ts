import { createHash } from 'node:crypto';
import type { TableFacts } from '../../../domain/inventory.ts';
import { largeObjectLine } from '../inventory/content.ts';
import { LARGE_OBJECTS, sequenceValueName } from '../inventory/tables.ts';
import { shownQualified } from '../names.ts';
import { rowDigest } from '../row-digest.ts';
import { CopyLines } from './copy-lines.ts';
import { cutShort } from './fields.ts';
import type { ArchiveListener } from './scanner.ts';
import type { TocEntry } from './toc.ts';

/** What an archive holds beside definitions: rows, large objects, values of sequences. */
export interface ArchiveContents {
  readonly listener: ArchiveListener;
  readonly tables: Record<string, TableFacts>;
  readonly values: Record<string, string>;
}

/** Collects counts, and digests where asked, while an archive is read. Rows of a compressed archive are not seen. */
export function collectContents(digests: boolean): ArchiveContents {
  const tables: Record<string, TableFacts> = {};
  const values: Record<string, string> = {};
  let reordered = new Set<string>();
  let compressed = false;
  let rows: RowCollector | undefined;
  const objects = largeObjectCollector(digests);
  const listener: ArchiveListener = {
    contents(head, entries) {
      compressed = head.compression !== 'none';
      reordered = childrenByInherits(entries);
      readSequenceValues(entries, values);
    },
    begin(entry) {
      if (entry.kind === 'TABLE DATA' && !compressed) rows = rowCollector(entry, digests, reordered);
    },
    largeObject: (id) => objects.begin(id),
    piece: (bytes, start, end) => {
      if (rows === undefined) objects.add(bytes.subarray(start, end));
      else rows.add(bytes, start, end);
    },
    largeObjectEnd: () => objects.end(),
    finish(entry) {
      if (rows !== undefined) tables[shownQualified(entry.schema, entry.tag)] = rows.end();
      rows = undefined;
      const facts = objects.facts();
      if (facts.rows > 0 && !compressed) tables[LARGE_OBJECTS] = facts;
    },
  };
  return { listener, tables, values };
}

interface RowCollector {
  add(bytes: Buffer, start: number, end: number): void;
  end(): TableFacts;
}

function rowCollector(entry: TocEntry, digests: boolean, reordered: ReadonlySet<string>): RowCollector {
  const digest = digests ? rowDigest() : undefined;
  const order = reordered.has(shownQualified(entry.schema, entry.tag)) ? sortedOrder(entry.copy) : undefined;
  const take = order === undefined ? digest?.add : (line: Buffer) => digest?.add(inOrder(line, order));
  const lines = new CopyLines(digest === undefined ? undefined : take);
  return {
    add: (bytes, start, end) => lines.push(bytes, start, end),
    end() {
      if (!lines.ended) throw cutShort(`the rows of ${entry.tag} have no end mark`);
      return digest === undefined ? { rows: lines.lines } : { rows: lines.lines, digest: digest.hex() };
    },
  };
}

function largeObjectCollector(digests: boolean) {
  const digest = rowDigest();
  let rows = 0;
  let current: { id: number; hash: ReturnType<typeof createHash> } | undefined;
  return {
    begin(id: number) {
      rows += 1;
      current = digests ? { id, hash: createHash('sha256') } : undefined;
    },
    add: (bytes: Buffer) => void current?.hash.update(bytes),
    end() {
      if (current !== undefined) digest.add(largeObjectLine(current.id, current.hash.digest('hex')));
      current = undefined;
    },
    facts: (): TableFacts => (digests ? { rows, digest: digest.hex() } : { rows }),
  };
}

/** Tables whose columns come in another order in a copy; see `Table.reordered`. */
function childrenByInherits(entries: readonly TocEntry[]): Set<string> {
  const children = entries.filter(({ kind, definition }) => kind === 'TABLE' && /\)\s*INHERITS \(/.test(definition));
  return new Set(children.map(({ schema, tag }) => shownQualified(schema, tag)));
}

/** For each column in the order of names: its place in the rows. */
export function sortedOrder(copy: string): number[] {
  // `COPY schema.table (a, "b c") FROM stdin;`: a table's name may hold brackets too, in quotes.
  const names = columnNames(/ \((?!.* \()(.*)\) FROM stdin;\s*$/s.exec(copy)?.[1] ?? '');
  const sorted = [...names].sort();
  return sorted.map((name) => names.indexOf(name));
}

/** Names of a list as SQL writes it: `a, "b c"`. */
export function columnNames(list: string): string[] {
  return [...list.matchAll(/"((?:[^"]|"")*)"|([^",\s]+)/gs)].map(([, inQuotes, bare]) =>
    inQuotes === undefined ? (bare ?? '') : inQuotes.replaceAll('""', '"'),
  );
}

function inOrder(line: Buffer, order: readonly number[]): Buffer {
  const fields = line.toString('latin1').split('\t');
  return Buffer.from(order.map((place) => fields[place]).join('\t'), 'latin1');
}

const SET_VALUE = /^SELECT pg_catalog\.setval\('(?:[^']|'')*', (-?\d+), (true|false)\);\s*$/s;

function readSequenceValues(entries: readonly TocEntry[], values: Record<string, string>): void {
  for (const entry of entries) {
    const match = entry.kind === 'SEQUENCE SET' ? SET_VALUE.exec(entry.definition) : null;
    if (match !== null) values[sequenceValueName(entry.schema, entry.tag)] = `${match[1]},${match[2]}`;
  }
}
