/** How MongoDB orders and equates values, as far as this server needs it. Decimal128 is compared as a double. */
import { Decimal128 } from 'bson';
import { elementsOf, type RawElement } from './raw.ts';

export interface RawValue {
  readonly type: number;
  readonly value: Buffer;
}

/** MongoDB's order of types: MinKey first, MaxKey last, all numbers together. */
const RANKS = new Map([
  [0xff, 0],
  [0x06, 1],
  [0x0a, 2],
  [0x01, 3],
  [0x10, 3],
  [0x12, 3],
  [0x13, 3],
  [0x02, 4],
  [0x0e, 4],
  [0x03, 5],
  [0x04, 6],
  [0x05, 7],
  [0x07, 8],
  [0x08, 9],
  [0x09, 10],
  [0x11, 11],
  [0x0b, 12],
  [0x0c, 13],
  [0x0d, 14],
  [0x0f, 15],
  [0x7f, 16],
]);

export function rank({ type }: RawValue): number {
  return RANKS.get(type) ?? 17;
}

export function numberOf({ type, value }: RawValue): number | bigint {
  if (type === 0x10) return value.readInt32LE(0);
  if (type === 0x12) return value.readBigInt64LE(0);
  if (type === 0x01) return value.readDoubleLE(0);
  return Number(new Decimal128(Uint8Array.from(value)).toString());
}

/** Negative, zero or positive, like a sort function. NaN stands below all numbers. */
export function compareValues(a: RawValue, b: RawValue): number {
  const byType = rank(a) - rank(b);
  if (byType !== 0) return byType;
  switch (rank(a)) {
    case 3:
      return compareNumbers(numberOf(a), numberOf(b));
    case 5:
    case 6:
      return compareDocuments(a.value, b.value);
    case 9:
      return a.value.readUInt8(0) - b.value.readUInt8(0);
    case 10:
      return compareNumbers(a.value.readBigInt64LE(0), b.value.readBigInt64LE(0));
    case 11:
      return compareNumbers(a.value.readBigUInt64LE(0), b.value.readBigUInt64LE(0));
    case 4:
      return Buffer.compare(a.value.subarray(4), b.value.subarray(4));
    default:
      return Buffer.compare(a.value, b.value);
  }
}

function compareNumbers(a: number | bigint, b: number | bigint): number {
  if (a < b) return -1;
  if (a > b) return 1;
  const nanA = Number.isNaN(a) ? 1 : 0;
  const nanB = Number.isNaN(b) ? 1 : 0;
  return nanB - nanA;
}

function compareDocuments(a: Buffer, b: Buffer): number {
  const left = elementsOf(a);
  const right = elementsOf(b);
  for (const [index, element] of left.entries()) {
    const other = right[index];
    if (other === undefined) return 1;
    const order =
      rank(element) - rank(other) ||
      Buffer.compare(Buffer.from(element.name), Buffer.from(other.name)) ||
      compareValues(element, other);
    if (order !== 0) return order;
  }
  return left.length - right.length;
}

/** Two values with the same key are the same value to a unique index: 1, 1.0 and NumberLong(1) collide. */
export function keyOf(value: RawValue): string {
  switch (rank(value)) {
    case 3: {
      const number = numberOf(value);
      const integral = typeof number === 'number' && Number.isInteger(number) ? BigInt(number) : number;
      return `number ${integral}`;
    }
    case 4:
      return `string ${value.value.toString('hex')}`;
    case 5:
    case 6:
      return `${value.type} [${elementsOf(value.value).map((item) => `${item.name}\0${keyOf(item)}`)}]`;
    default:
      return `${value.type} ${value.value.toString('hex')}`;
  }
}

/** The value at a dotted path through documents (not through arrays). */
export function valueAt(document: Buffer, path: string): RawElement | undefined {
  const elements = elementsOf(document);
  const whole = elements.find(({ name }) => name === path);
  if (whole !== undefined) return whole;
  const dot = path.indexOf('.');
  if (dot < 0) return undefined;
  const inner = elements.find(({ name }) => name === path.slice(0, dot));
  return inner?.type === 0x03 ? valueAt(inner.value, path.slice(dot + 1)) : undefined;
}
