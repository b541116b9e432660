import type { TocEntry } from '../archive/toc.ts';
import type { Edits } from './edits.ts';

/** The numbers of the entries to restore, for pg_restore's list; undefined where that is all of them. */
export function entriesList(edits: Edits, entries: readonly TocEntry[]): readonly number[] | undefined {
  if (edits.changed) return undefined;
  return edits.entries.length === entries.length ? undefined : edits.entries.map(({ id }) => id);
}
