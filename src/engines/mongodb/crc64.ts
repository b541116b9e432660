/** CRC-64 of ECMA-182, reflected, as Go's `crc64.ECMA` and xz compute it: what mongodump writes at each collection's end. */

const POLYNOMIAL = 0xc96c5795d7870f42n;
const SLICES = 8;

interface Tables {
  readonly low: Uint32Array;
  readonly high: Uint32Array;
}

/** Slice k, byte b stands at k * 256 + b: the remainder of b followed by k zero bytes, in two halves. */
function buildTables(): Tables {
  const low = new Uint32Array(SLICES * 256);
  const high = new Uint32Array(SLICES * 256);
  const first: bigint[] = [];
  for (let byte = 0n; byte < 256n; byte += 1n) first.push(remainder(byte));
  let current = [...first];
  for (let slice = 0; slice < SLICES; slice += 1) {
    for (const [byte, value] of current.entries()) {
      low[slice * 256 + byte] = Number(value & 0xffffffffn);
      high[slice * 256 + byte] = Number(value >> 32n);
    }
    current = current.map((value) => (first[Number(value & 0xffn)] ?? 0n) ^ (value >> 8n));
  }
  return { low, high };
}

function remainder(byte: bigint): bigint {
  let value = byte;
  for (let bit = 0; bit < 8; bit += 1) value = value & 1n ? (value >> 1n) ^ POLYNOMIAL : value >> 1n;
  return value;
}

const TABLES = buildTables();

/** A running checksum over any number of pieces. */
export class Crc64 {
  #low = 0xffffffff;
  #high = 0xffffffff;

  update(bytes: Uint8Array): void {
    const whole = bytes.length - (bytes.length % SLICES);
    this.#eights(bytes, whole);
    this.#singles(bytes.subarray(whole));
  }

  /** As an unsigned 64-bit number. */
  value(): bigint {
    return (BigInt(~this.#high >>> 0) << 32n) | BigInt(~this.#low >>> 0);
  }

  #singles(bytes: Uint8Array): void {
    const { low, high } = TABLES;
    for (const byte of bytes) {
      const index = (this.#low ^ byte) & 0xff;
      this.#low = ((this.#low >>> 8) | (this.#high << 24)) ^ (low[index] as number);
      this.#high = (this.#high >>> 8) ^ (high[index] as number);
    }
  }

  /** Eight bytes a step; written out because this loop sees every byte of a backup. */
  #eights(bytes: Uint8Array, end: number): void {
    const { low, high } = TABLES;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    let l = this.#low;
    let h = this.#high;
    for (let at = 0; at < end; at += SLICES) {
      const a = l ^ view.getUint32(at, true);
      const b = h ^ view.getUint32(at + 4, true);
      const i0 = 1792 + (a & 0xff);
      const i1 = 1536 + ((a >>> 8) & 0xff);
      const i2 = 1280 + ((a >>> 16) & 0xff);
      const i3 = 1024 + (a >>> 24);
      const i4 = 768 + (b & 0xff);
      const i5 = 512 + ((b >>> 8) & 0xff);
      const i6 = 256 + ((b >>> 16) & 0xff);
      const i7 = b >>> 24;
      l =
        (low[i0] as number) ^
        (low[i1] as number) ^
        (low[i2] as number) ^
        (low[i3] as number) ^
        (low[i4] as number) ^
        (low[i5] as number) ^
        (low[i6] as number) ^
        (low[i7] as number);
      h =
        (high[i0] as number) ^
        (high[i1] as number) ^
        (high[i2] as number) ^
        (high[i3] as number) ^
        (high[i4] as number) ^
        (high[i5] as number) ^
        (high[i6] as number) ^
        (high[i7] as number);
    }
    this.#low = l;
    this.#high = h;
  }
}
