import type { TableFacts } from '../domain/inventory.ts';
import type { Origin, Plain } from '../engines/engine.ts';
import { inventoryOf } from './compare.ts';
import { originOf, storedPlain } from './decode.ts';
import type { Needs, TrustedManifest } from './pipeline.ts';

/** What is restored, and how to know beforehand that it is whole. */
export interface RestoreSource {
  readonly plain: Plain;
  readonly origin: Origin;
  readonly plainBytes: number | undefined;
  /** age recipients of the original: a safety copy of the target is encrypted to them too. */
  readonly recipients: readonly string[];
  /**
   * Reads all of it before a byte reaches the target (F70); returns the rows that must be there afterwards, where known.
   */
  check(): Promise<Readonly<Record<string, TableFacts>>>;
}

/** A sealed backup: whole when its bytes hash and decode to what was sealed. */
export function storedSource(needs: Needs, manifest: TrustedManifest): RestoreSource {
  const { body } = manifest;
  const totalBytes = body.stored.bytes;
  const onBytes = (bytes: number) => needs.progress({ phase: 'fetch', storedBytes: bytes, totalBytes });
  return {
    plain: storedPlain(needs, manifest),
    origin: originOf(manifest),
    plainBytes: body.plain.bytes,
    recipients: body.encryption?.recipients ?? [],
    check: async () => {
      await storedPlain(needs, manifest, { onBytes }).check();
      return inventoryOf(body).tables;
    },
  };
}

/** A foreign dump: whole when its engine's own reader gets to its end. */
export function foreignSource(needs: Needs, plain: Plain, origin: Origin): RestoreSource {
  return {
    plain,
    origin,
    plainBytes: undefined,
    recipients: [],
    check: async () => {
      needs.progress({ phase: 'decode' });
      return (await needs.engine.parse(needs.bench, plain, origin)).tables;
    },
  };
}
