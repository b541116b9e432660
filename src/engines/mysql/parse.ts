import { Failure } from '../../domain/failure.ts';
import type { Inventory, TableFacts } from '../../domain/inventory.ts';
import type { Origin, ParseReport, Plain, Workbench } from '../engine.ts';
import { type ContentTally, contentTally } from './content-digest.ts';
import { DumpScanner, type Piece } from './dump-scanner.ts';
import { parseAccounts } from './globals/script.ts';
import type { Family } from './option-file.ts';
import { type Meaning, meaningOf } from './statement.ts';

const AUTO_INCREMENT = /\bAUTO_INCREMENT=(\d+)\b/;
/** Kinds whose every object a dump of the schema must create. */
const MUST_BE_THERE = /^(?:table|view|sequence|trigger|procedure|function|event|package|package body) /;
const SHOWN = 5;

/**
 * Reads a dump to its end: counts every table's rows, digests them where that is asked for, and misses every object that the inventory names.
 * Throws `dump_incomplete` where it was cut or lacks something, `backup_damaged` where it is no dump.
 */
export async function parseDump(bench: Workbench, plain: Plain, origin: Origin): Promise<ParseReport> {
  if (origin.type === 'globals') return parseAccounts(plain, origin);
  const reader = dumpReader(familyOfOrigin(origin), origin.digests !== false);
  for await (const chunk of plain.bytes()) {
    bench.signal.throwIfAborted();
    reader.push(chunk);
  }
  const { created, ...report } = reader.finish();
  if (origin.inventory !== undefined && origin.type !== 'data') requireObjects(origin.inventory, created);
  return report;
}

export function familyOfOrigin(origin: Origin): Family {
  return origin.flavour === 'MySQL' ? 'MySQL' : 'MariaDB';
}

/** The same reading for a stream that is pushed: a dump of a copy, on its way. */
export function dumpReader(family: Family, digests = true) {
  const tallies = new Map<string, ContentTally>();
  const created = new Set<string>();
  const values: Record<string, string> = {};
  const warnings: string[] = [];
  let current = contentTally(digests);
  const scanner = new DumpScanner({
    onInsert: (head) => {
      const meaning = meaningOf(head, family);
      current = tallyOf(meaning.does === 'insert' ? meaning.name : head);
    },
    ...(digests ? { onRow: (digest: string) => current.add(digest) } : { onCount: () => current.count() }),
  });

  function tallyOf(table: string): ContentTally {
    const known = tallies.get(table) ?? contentTally(digests);
    tallies.set(table, known);
    return known;
  }

  function take(pieces: readonly Piece[]): void {
    for (const piece of pieces) {
      if (piece.kind === 'statement') note(meaningOf(piece.text, family), piece.text);
    }
  }

  function note(meaning: Meaning, text: string): void {
    if (meaning.does === 'set-sequence') values[`sequence ${meaning.name}`] = meaning.value;
    else if (meaning.does === 'unknown')
      warnings.push(`The dump holds a statement that no dump tool writes: ${meaning.head}`);
    else if (meaning.does === 'create') noteCreated(meaning.kind, meaning.name, text);
  }

  function noteCreated(kind: string, name: string, text: string): void {
    created.add(`${kind} ${name}`);
    if (kind === 'view') forget(name);
    if (kind !== 'table') return;
    tallyOf(name);
    const next = AUTO_INCREMENT.exec(text.slice(text.lastIndexOf('\n)')))?.[1];
    if (next !== undefined) values[`auto_increment ${name}`] = next;
  }

  /** Old tools write a table in place of each view first. */
  function forget(view: string): void {
    tallies.delete(view);
    created.delete(`table ${view}`);
  }

  function finish() {
    take(scanner.finish());
    const tables: Record<string, TableFacts> = Object.fromEntries(
      [...tallies].map(([name, tally]) => [name, tally.facts()]),
    );
    return { tables, values, warnings, created };
  }

  return { push: (chunk: Uint8Array) => take(scanner.push(chunk)), finish };
}

function requireObjects(inventory: Inventory, created: ReadonlySet<string>): void {
  const wanted = Object.keys(inventory.objects).filter((name) => MUST_BE_THERE.test(name));
  const missing = wanted.filter((name) => !created.has(name));
  if (missing.length === 0) return;
  const shown = missing.slice(0, SHOWN).map((name) => JSON.stringify(name));
  const more = missing.length > SHOWN ? ` and ${missing.length - SHOWN} more` : '';
  throw new Failure('dump_incomplete', `The dump does not create ${shown.join(', ')}${more}.`, {
    remedy: 'Check that the backup user may read them (dbdump doctor), then take another backup.',
    details: { missing: missing.slice(0, 100) },
  });
}
