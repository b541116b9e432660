/** BSON without decoding values: documents are cut into elements and put together again, every byte kept as it came. */
import { serialize } from 'bson';

export interface RawElement {
  readonly name: string;
  /** BSON type byte, e.g. 0x02 for a string. */
  readonly type: number;
  /** The value's bytes alone. */
  readonly value: Buffer;
  /** Type byte, name and value: what stands in the document. */
  readonly whole: Buffer;
}

const FIXED_SIZES = new Map([
  [0x01, 8],
  [0x06, 0],
  [0x07, 12],
  [0x08, 1],
  [0x09, 8],
  [0x0a, 0],
  [0x10, 4],
  [0x11, 8],
  [0x12, 8],
  [0x13, 16],
  [0x7f, 0],
  [0xff, 0],
]);

function cstringEnd(bytes: Buffer, from: number): number {
  const end = bytes.indexOf(0, from);
  if (end < 0) throw new Error('a name without its end');
  return end;
}

function valueEnd(bytes: Buffer, type: number, at: number): number {
  const fixed = FIXED_SIZES.get(type);
  if (fixed !== undefined) return at + fixed;
  switch (type) {
    case 0x02:
    case 0x0d:
    case 0x0e:
      return at + 4 + bytes.readInt32LE(at);
    case 0x03:
    case 0x04:
    case 0x0f:
      return at + bytes.readInt32LE(at);
    case 0x05:
      return at + 5 + bytes.readInt32LE(at);
    case 0x0b:
      return cstringEnd(bytes, cstringEnd(bytes, at) + 1) + 1;
    case 0x0c:
      return at + 4 + bytes.readInt32LE(at) + 12;
    default:
      throw new Error(`BSON type 0x${type.toString(16)} does not exist`);
  }
}

/** The elements of a document (or array) in order; throws where the bytes are not BSON. */
export function elementsOf(document: Buffer): RawElement[] {
  if (document.length < 5 || document.readInt32LE(0) !== document.length || document.at(-1) !== 0) {
    throw new Error('not a BSON document');
  }
  const elements: RawElement[] = [];
  let at = 4;
  while (at < document.length - 1) {
    const type = document.readUInt8(at);
    const nameEnd = cstringEnd(document, at + 1);
    const end = valueEnd(document, type, nameEnd + 1);
    if (end > document.length - 1) throw new Error('a value runs past its document');
    elements.push({
      name: document.toString('utf8', at + 1, nameEnd),
      type,
      value: document.subarray(nameEnd + 1, end),
      whole: document.subarray(at, end),
    });
    at = end;
  }
  return elements;
}

export function elementNamed(document: Buffer, name: string): RawElement | undefined {
  return elementsOf(document).find((element) => element.name === name);
}

/** Puts elements together; each is either a raw element or its whole bytes. */
export function documentOf(elements: readonly (RawElement | Buffer)[]): Buffer {
  const parts = elements.map((element) => (Buffer.isBuffer(element) ? element : element.whole));
  const length = 5 + parts.reduce((sum, part) => sum + part.length, 0);
  const head = Buffer.alloc(4);
  head.writeInt32LE(length);
  return Buffer.concat([head, ...parts, Buffer.from([0])], length);
}

/** An element's whole bytes from its parts. */
export function element(name: string, type: number, value: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type]), Buffer.from(`${name}\0`, 'utf8'), value]);
}

export function embedded(name: string, document: Buffer): Buffer {
  return element(name, 0x03, document);
}

export function embeddedArray(name: string, documents: readonly Buffer[]): Buffer {
  const items = documents.map((document, index) => embedded(String(index), document));
  return element(name, 0x04, documentOf(items));
}

/** Plain values as element bytes, in order. */
export function plain(values: Record<string, unknown>): Buffer[] {
  return elementsOf(Buffer.from(serialize(values, { ignoreUndefined: true }))).map(({ whole }) => whole);
}

/** The documents of an array element; throws when an item is no document. */
export function documentsIn(array: RawElement): Buffer[] {
  if (array.type !== 0x04) throw new Error(`${array.name} must be an array`);
  return elementsOf(array.value).map((item) => {
    if (item.type !== 0x03) throw new Error(`${array.name} must hold documents`);
    return item.value;
  });
}
