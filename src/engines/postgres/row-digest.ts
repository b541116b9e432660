import { hash } from 'node:crypto';

const LANES = 8;

/** Digest of a set of rows whatever their order: the sum of each row's SHA-256, in eight lanes of 32 bits. */
export function rowDigest() {
  const sum = new Uint32Array(LANES);
  return {
    /** One row as COPY writes it, without the end of line. */
    add(line: Uint8Array): void {
      const digest = hash('sha256', line, 'buffer');
      for (let lane = 0; lane < LANES; lane += 1) {
        sum[lane] = (sum[lane] ?? 0) + digest.readUInt32LE(lane * 4);
      }
    },
    hex(): string {
      return Buffer.from(sum.buffer).toString('hex');
    },
  };
}
