import type { Plain } from '../../engine.ts';
import { cutShort } from './fields.ts';
import { requireArchive } from './parse.ts';
import { ArchiveScanner, headBytes } from './scanner.ts';
import { type ArchiveHead, entryBytes, type TocEntry } from './toc.ts';

export interface ArchiveIndex {
  readonly head: ArchiveHead;
  readonly entries: readonly TocEntry[];
}

/** An archive's table of contents. Reads no further than it must. */
export async function readIndex(plain: Plain): Promise<ArchiveIndex> {
  const scanner = new ArchiveScanner({});
  let first = true;
  for await (const chunk of plain.bytes()) {
    if (first) requireArchive(chunk);
    first = false;
    scanner.push(chunk);
    if (scanner.hasContents && scanner.head !== undefined) return { head: scanner.head, entries: scanner.entries };
  }
  throw cutShort('its table of contents is not whole');
}

/** The archive with another table of contents; data follow as they are, and readers skip those that nothing names. */
export async function* withEntries(plain: Plain, entries: readonly TocEntry[]): AsyncGenerator<Uint8Array> {
  const scanner = new ArchiveScanner({});
  let gathered = Buffer.alloc(0);
  let ahead = true;
  for await (const chunk of plain.bytes()) {
    if (!ahead) {
      yield chunk;
      continue;
    }
    gathered = Buffer.concat([gathered, chunk]);
    scanner.push(chunk);
    if (!scanner.hasContents || scanner.head === undefined) continue;
    const head = scanner.head;
    yield headBytes(gathered.subarray(0, scanner.headLength), head, entries.length);
    for (const entry of entries) yield entryBytes(entry, head);
    yield gathered.subarray(scanner.contentsLength);
    ahead = false;
  }
  if (ahead) throw cutShort('its table of contents is not whole');
}
