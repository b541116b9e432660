import { createHash, type Hash } from 'node:crypto';
import { makeThrottle, type Throttle } from './throttle.ts';

export interface GateOptions {
  readonly hash: boolean;
  /** Bytes per second; undefined = as fast as they come. */
  readonly rateLimit: number | undefined;
  readonly signal: AbortSignal;
}

const BATCH = 1024 * 1024;
/** With a limit, a chunk may not be worth more than this many seconds of it. */
const CHUNK_SECONDS = 0.05;

/** Counts, paces and hashes plain bytes where they pass through this process. */
export class PlainGate {
  readonly #hash: Hash | undefined;
  readonly #throttle: Throttle | undefined;
  readonly #piece: number;
  bytes = 0;
  #error: unknown;

  constructor({ hash, rateLimit, signal }: GateOptions) {
    this.#hash = hash ? createHash('sha256') : undefined;
    this.#throttle = rateLimit === undefined ? undefined : makeThrottle(rateLimit, signal);
    this.#piece = rateLimit === undefined ? BATCH : Math.max(1, Math.floor(rateLimit * CHUNK_SECONDS));
  }

  /** Throws why the source could not be read to its end. A consumer that went away is no reason: its exit says why. */
  check(): void {
    if (this.#error !== undefined) throw this.#error;
  }

  sha256(): string | undefined {
    return this.#hash?.copy().digest('hex');
  }

  async *through(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      yield* this.#pieces(source);
    } catch (error) {
      this.#error = error;
      throw error;
    }
  }

  async *#pieces(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of source) {
      for (let start = 0; start < chunk.length; start += this.#piece) {
        const piece = chunk.subarray(start, start + this.#piece);
        await this.#throttle?.(piece.length);
        this.bytes += piece.length;
        this.#hash?.update(piece);
        yield piece;
      }
    }
  }
}

/** Gathers chunks into 1 MiB: each call into zlib has a fixed price. */
export async function* batched(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let gathered: Buffer[] = [];
  let size = 0;
  for await (const chunk of source) {
    gathered.push(chunk);
    size += chunk.length;
    if (size < BATCH) continue;
    yield Buffer.concat(gathered);
    gathered = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(gathered);
}
