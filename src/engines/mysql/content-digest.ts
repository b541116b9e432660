import type { TableFacts } from '../../domain/inventory.ts';

/** Sums are kept as doubles and folded long before they lose a bit. */
const FOLD_EVERY = 1_000_000;
const LANES = 8;

/**
 * Counts rows and sums their hashes, lane by lane modulo 2^32: the same for the same rows in any order, and different when
 * a row is there twice. Hex of 32 bytes. Without digests rows are counted only.
 */
export function contentTally(digests = true) {
  const sums = new Float64Array(LANES);
  let rows = 0;

  /** Takes a SHA-256 with one character a byte: that is the cheapest form to get from Node. */
  function add(digest: string): void {
    for (let lane = 0; lane < LANES; lane += 1) sums[lane] = (sums[lane] ?? 0) + laneOf(digest, lane * 4);
    rows += 1;
    if (rows % FOLD_EVERY === 0) fold();
  }

  function count(): void {
    rows += 1;
  }

  function fold(): void {
    for (let lane = 0; lane < LANES; lane += 1) sums[lane] = (sums[lane] ?? 0) % 2 ** 32;
  }

  function facts(): TableFacts {
    if (!digests) return { rows };
    fold();
    const bytes = Buffer.alloc(LANES * 4);
    sums.forEach((sum, lane) => {
      bytes.writeUInt32LE(sum, lane * 4);
    });
    return { rows, digest: bytes.toString('hex') };
  }

  return { add, count, facts };
}

function laneOf(digest: string, at: number): number {
  const high = (digest.charCodeAt(at) << 24) | (digest.charCodeAt(at + 1) << 16);
  return (high | (digest.charCodeAt(at + 2) << 8) | digest.charCodeAt(at + 3)) >>> 0;
}

export type ContentTally = ReturnType<typeof contentTally>;
