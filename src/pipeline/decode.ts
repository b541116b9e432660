import { createHash } from 'node:crypto';
import type { Origin, Plain, Workbench } from '../engines/engine.ts';
import type { Command } from '../process/child.ts';
import { requireGood, run } from '../process/run.ts';
import { inventoryOf } from './compare.ts';
import { countDecoded, decoded, decodedInto } from './decoder.ts';
import { decrypted } from './encrypt.ts';
import type { Needs, TrustedManifest } from './pipeline.ts';
import { damaged, storedBytes } from './stored-bytes.ts';

export type DecodeNeeds = Pick<Needs, 'storage' | 'bench' | 'identities'>;

export interface DecodeOptions {
  /** Told of stored bytes read so far, in each pass. */
  readonly onBytes?: (bytes: number) => void;
}

export interface StoredPlain extends Plain {
  /** A whole pass that keeps nothing: resolves only for a backup that is undamaged to its last byte. */
  check(): Promise<void>;
  /** SHA-256 of the plain bytes of the last pass of `bytes`; undefined before one has ended. */
  sha256(): string | undefined;
}

/**
 * A stored backup, decoded. Each pass reads the stored bytes anew and succeeds only when they hash to what was sealed
 * and decode to exactly as many plain bytes as were sealed, never more (F70, F72).
 */
export function storedPlain(needs: DecodeNeeds, manifest: TrustedManifest, options: DecodeOptions = {}): StoredPlain {
  const { bench } = needs;
  const { algorithm } = manifest.body.compression;
  const source = () => compressedBytes(needs, manifest, options);
  let sha256: string | undefined;
  async function* bytes() {
    const hash = createHash('sha256');
    yield* exactly(manifest, decoded(bench, source(), algorithm), (chunk) => hash.update(chunk));
    sha256 = hash.digest('hex');
    requireSameContent(manifest, sha256);
  }
  return {
    bytes,
    sha256: () => sha256,
    async into(command: Command) {
      const { stderr, plainBytes } = await decodedInto(bench, source(), { algorithm, command });
      if (plainBytes !== manifest.body.plain.bytes) throw wrongLength(manifest, plainBytes);
      return { stderr };
    },
    async check() {
      const counted =
        manifest.body.plain.sha256 === undefined ? await countDecoded(bench, source(), algorithm) : undefined;
      if (counted === undefined) for await (const _ of bytes()) bench.signal.throwIfAborted();
      else if (counted !== manifest.body.plain.bytes) throw wrongLength(manifest, counted);
    },
  };
}

function requireSameContent({ body }: TrustedManifest, sha256: string): void {
  if ((body.plain.sha256 ?? sha256) !== sha256) throw damaged('its content', 'is not what was dumped');
}

/** The same dump, every byte of which is hashed, also where a command reads it. */
export function hashedPlain(bench: Workbench, plain: StoredPlain): Plain {
  return {
    bytes: () => plain.bytes(),
    async into(command) {
      const exit = await run(bench.runner, command, { input: plain.bytes(), signal: bench.signal });
      requireGood(exit, 'restore_failed');
      return { stderr: exit.stderr };
    },
  };
}

/** What a manifest says of its dump's origin. */
export function originOf({ body }: TrustedManifest): Origin {
  return {
    type: body.type,
    flavour: body.server.flavour,
    serverVersion: body.server.version,
    toolVersion: body.tool.version,
    database: body.database.name,
    inventory: inventoryOf(body),
  };
}

/** The stored bytes with our encryption taken off. */
export function compressedBytes(
  needs: DecodeNeeds,
  manifest: TrustedManifest,
  { onBytes }: DecodeOptions = {},
): AsyncIterable<Uint8Array> {
  const { storage, bench, identities } = needs;
  const stored = storedBytes({
    storage,
    manifest,
    signal: bench.signal,
    ...(onBytes === undefined ? {} : { onBytes }),
  });
  return manifest.body.encryption === undefined ? stored : decrypted(stored, identities);
}

async function* exactly(
  manifest: TrustedManifest,
  source: AsyncIterable<Uint8Array>,
  see: (chunk: Uint8Array) => unknown,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of source) {
    bytes += chunk.length;
    if (bytes > manifest.body.plain.bytes) throw wrongLength(manifest, bytes);
    see(chunk);
    yield chunk;
  }
  if (bytes !== manifest.body.plain.bytes) throw wrongLength(manifest, bytes);
}

function wrongLength({ body }: TrustedManifest, found: number | undefined) {
  const what = found === undefined ? 'an unknown number of' : found;
  return damaged('its content', `decodes to ${what} bytes instead of ${body.plain.bytes}`);
}
