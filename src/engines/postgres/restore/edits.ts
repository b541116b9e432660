import type { TocEntry } from '../archive/toc.ts';
import { Naming, words } from './object-kinds.ts';

/** What is to be restored of an archive, and an account of everything that is not restored as it was. */
export interface Edits {
  /** Entries in the archive's order; changed ones are other objects than those that were read. */
  readonly entries: readonly TocEntry[];
  /** Whether the archive's table of contents must be written anew, not only chosen from. */
  readonly changed: boolean;
  readonly flags: readonly string[];
  readonly notices: readonly string[];
  readonly accounted: readonly string[];
  /** Why the restore must not be tried, one sentence each. */
  readonly blocked: readonly string[];
}

/** Collects edits; whoever makes one says why. */
export class EditList {
  #entries: readonly TocEntry[];
  readonly #originals: ReadonlySet<TocEntry>;
  readonly #notices = new Set<string>();
  readonly #accounted = new Set<string>();
  readonly #flags = new Set<string>();
  readonly #blocked: string[] = [];
  readonly naming: Naming;

  constructor(entries: readonly TocEntry[]) {
    this.#entries = entries;
    this.#originals = new Set(entries);
    this.naming = new Naming(entries);
  }

  get entries(): readonly TocEntry[] {
    return this.#entries;
  }

  note(notice: string, accounted: readonly string[] = []): void {
    this.#notices.add(notice);
    for (const name of accounted) this.#accounted.add(name);
  }

  flag(flag: string): void {
    this.#flags.add(flag);
  }

  block(sentence: string): void {
    this.#blocked.push(sentence);
  }

  /** Changes entries one by one; undefined leaves one out. */
  map(change: (entry: TocEntry) => TocEntry | undefined): void {
    this.#entries = this.#entries.flatMap((entry) => change(entry) ?? []);
  }

  prepend(entry: TocEntry): void {
    this.#entries = [entry, ...this.#entries];
  }

  /**
   * Leaves out entries that cannot be made here, and all that hangs on them. Where a table hangs on them the restore is
   * blocked: nobody means to lose rows.
   */
  leaveOut(reasons: ReadonlyMap<number, string>): void {
    const gone = new Map(reasons);
    for (const entry of this.#entries) {
      const cause = entry.dependsOn.find((id) => gone.has(id));
      if (cause !== undefined && !gone.has(entry.id)) gone.set(entry.id, 'what it depends on is not restored');
    }
    this.map((entry) => {
      const reason = gone.get(entry.id);
      if (reason === undefined) return entry;
      this.#leftOut(entry, reason);
      return undefined;
    });
  }

  #leftOut(entry: TocEntry, reason: string): void {
    if (entry.kind === 'TABLE') this.block(`The ${words(entry)} cannot be restored here: ${reason}.`);
    if (entry.kind === 'ACL' || entry.kind === 'COMMENT') {
      const object = this.naming.object(entry);
      const names = object === undefined ? [] : this.naming.part(object, `${entry.kind.toLowerCase()} `);
      this.note(`The ${words(entry)} is not restored: ${reason}.`, names);
      return;
    }
    this.note(`The ${words(entry)} is not restored: ${reason}.`, this.naming.everything(entry));
  }

  result(): Edits {
    return {
      entries: this.#entries,
      changed: this.#entries.some((entry) => !this.#originals.has(entry)),
      flags: [...this.#flags],
      notices: [...this.#notices],
      accounted: [...this.#accounted],
      blocked: this.#blocked,
    };
  }
}
