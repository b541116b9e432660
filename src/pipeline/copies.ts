import type { Storage } from '../storage/storage.ts';
import type { TrustedManifest } from './pipeline.ts';
import type { StoredBytes, VolumeWriter } from './volume-writer.ts';

/** What became of one dump in one of its stores. */
export type CopyOutcome =
  | { readonly storage: Storage; readonly manifest: TrustedManifest }
  | { readonly storage: Storage; readonly failure: unknown };

/** What a dump is written into. */
export interface DumpWriter {
  /** A promise means: wait before the next write. Throws when there is nobody left to write to. */
  write(chunk: Uint8Array): Promise<void> | undefined;
  finish(): Promise<StoredBytes>;
}

export interface Copy {
  readonly storage: Storage;
  readonly writer: VolumeWriter;
  failed?: { readonly error: unknown };
}

/**
 * One dump on its way into several stores. A store that fails drops out with its own failure and the others go on, at the
 * pace of the slowest; the dump ends when none is left.
 */
export class Copies implements DumpWriter {
  readonly all: readonly Copy[];

  constructor(copies: readonly Copy[]) {
    this.all = copies;
  }

  live(): readonly Copy[] {
    return this.all.filter(({ failed }) => failed === undefined);
  }

  /** Whether this failure is a store's own and no store is left, so that each can be asked for its own. */
  ended(by: unknown): boolean {
    return this.live().length === 0 && this.all.some(({ failed }) => failed?.error === by);
  }

  write(chunk: Uint8Array): Promise<void> | undefined {
    const waits: Promise<void>[] = [];
    for (const copy of this.live()) {
      const wait = this.#writeTo(copy, chunk);
      if (wait !== undefined) waits.push(wait);
    }
    this.#demandOne();
    if (waits.length === 0) return undefined;
    return Promise.all(waits).then(() => this.#demandOne());
  }

  async finish(): Promise<StoredBytes> {
    const ends = await Promise.all(this.live().map((copy) => this.#unlessFailed(copy, () => copy.writer.finish())));
    this.#demandOne();
    const stored = ends.find((end) => end !== undefined);
    if (stored === undefined) throw new Error('no copy was finished');
    return stored;
  }

  #writeTo(copy: Copy, chunk: Uint8Array): Promise<void> | undefined {
    try {
      const wait = copy.writer.write(chunk);
      if (wait === undefined) return undefined;
      return wait.catch((error: unknown) => {
        copy.failed = { error };
      });
    } catch (error) {
      copy.failed = { error };
      return undefined;
    }
  }

  async #unlessFailed<T>(copy: Copy, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      copy.failed = { error };
      return undefined;
    }
  }

  #demandOne(): void {
    const [first] = this.all;
    if (first?.failed !== undefined && this.live().length === 0) throw first.failed.error;
  }
}
