import { crc32 } from 'node:zlib';

/**
 * CRC-64/NVME and the joining of CRCs, written apart from the product's own code so that one mistake cannot hide in both.
 * Check value: CRC-64/NVME of "123456789" is ae8b14860a799888.
 */
const POLY_32 = 0xedb88320n;
const POLY_64 = 0x9a6c9329ac4bc9b5n;

// Eight tables of 256 entries, each split in halves: JavaScript is fast on 32-bit integers only.
const LOW = new Int32Array(8 * 256);
const HIGH = new Int32Array(8 * 256);

function fillTables(): void {
  const first: bigint[] = [];
  for (let byte = 0n; byte < 256n; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1n ? (crc >> 1n) ^ POLY_64 : crc >> 1n;
    first.push(crc);
  }
  let row = first;
  for (let table = 0; table < 8; table++) {
    for (const [byte, crc] of row.entries()) {
      LOW[table * 256 + byte] = Number(BigInt.asIntN(32, crc));
      HIGH[table * 256 + byte] = Number(BigInt.asIntN(32, crc >> 32n));
    }
    row = row.map((crc) => (crc >> 8n) ^ (first[Number(crc & 255n)] as bigint));
  }
}
fillTables();

/** A running CRC-64/NVME. */
export class Crc64Nvme {
  #low = -1;
  #high = -1;

  update(data: Uint8Array): void {
    let low = this.#low;
    let high = this.#high;
    const whole = data.length - (data.length % 8);
    let i = 0;
    for (; i < whole; i += 8) {
      const a = 1792 + ((low & 255) ^ (data[i] as number));
      const b = 1536 + (((low >>> 8) & 255) ^ (data[i + 1] as number));
      const c = 1280 + (((low >>> 16) & 255) ^ (data[i + 2] as number));
      const d = 1024 + ((low >>> 24) ^ (data[i + 3] as number));
      const e = 768 + ((high & 255) ^ (data[i + 4] as number));
      const f = 512 + (((high >>> 8) & 255) ^ (data[i + 5] as number));
      const g = 256 + (((high >>> 16) & 255) ^ (data[i + 6] as number));
      const h = (high >>> 24) ^ (data[i + 7] as number);
      low = at(LOW, a) ^ at(LOW, b) ^ at(LOW, c) ^ at(LOW, d) ^ at(LOW, e) ^ at(LOW, f) ^ at(LOW, g) ^ at(LOW, h);
      high =
        at(HIGH, a) ^ at(HIGH, b) ^ at(HIGH, c) ^ at(HIGH, d) ^ at(HIGH, e) ^ at(HIGH, f) ^ at(HIGH, g) ^ at(HIGH, h);
    }
    for (; i < data.length; i++) {
      const index = (low ^ (data[i] as number)) & 255;
      low = (((low >>> 8) | (high << 24)) ^ at(LOW, index)) | 0;
      high = (high >>> 8) ^ at(HIGH, index);
    }
    this.#low = low;
    this.#high = high;
  }

  digest(): bigint {
    return (BigInt(~this.#high >>> 0) << 32n) | BigInt(~this.#low >>> 0);
  }
}

function at(table: Int32Array, index: number): number {
  return table[index] as number;
}

/** A running CRC-32 (the one of zlib and gzip). */
export class Crc32 {
  #value = 0;

  update(data: Uint8Array): void {
    this.#value = crc32(data, this.#value);
  }

  digest(): bigint {
    return BigInt(this.#value);
  }
}

export interface CrcPiece {
  readonly crc: bigint;
  readonly length: number;
}

/** The CRC of the pieces laid end to end, without reading them again. `width` is 32 or 64. */
export function joinCrcs(width: 32 | 64, pieces: readonly CrcPiece[]): bigint {
  const shifts = new Map<number, bigint>();
  let joined = 0n;
  for (const { crc, length } of pieces) {
    let shift = shifts.get(length);
    if (shift === undefined) {
      shift = powerOfX(width, 8n * BigInt(length));
      shifts.set(length, shift);
    }
    joined = multiply(width, shift, joined) ^ crc;
  }
  return joined;
}

/** x to the power n modulo the polynomial, reflected: the highest bit stands for 1. */
function powerOfX(width: 32 | 64, n: bigint): bigint {
  let result = 1n << BigInt(width - 1);
  let square = 1n << BigInt(width - 2);
  for (let rest = n; rest > 0n; rest >>= 1n) {
    if (rest & 1n) result = multiply(width, result, square);
    square = multiply(width, square, square);
  }
  return result;
}

function multiply(width: 32 | 64, a: bigint, b: bigint): bigint {
  const poly = width === 32 ? POLY_32 : POLY_64;
  let product = 0n;
  let factor = b;
  for (let mask = 1n << BigInt(width - 1); mask > 0n; mask >>= 1n) {
    if (a & mask) product ^= factor;
    factor = factor & 1n ? (factor >> 1n) ^ poly : factor >> 1n;
  }
  return product;
}
