import { createHash, type Hash, hash } from 'node:crypto';

export interface RowRules {
  /** SHA-256 of each row's text, exactly as written between its parentheses; one character a byte. */
  readonly onRow?: ((digest: string) => void) | undefined;
  /** Hears of each row where no digest is asked for: hashing costs more than reading. */
  readonly onCount?: (() => void) | undefined;
  /** Thrown where a row holds anything but literals. `at` is the index in the piece. */
  refuse(at: number): Error;
  /** In sql_mode NO_BACKSLASH_ESCAPES a backslash is a character like any other. */
  readonly backslashEscapes: boolean;
}

const QUOTE = 0x27;
const BACKSLASH = 0x5c;
const OPEN = 0x28;
const CLOSE = 0x29;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const DASH = 0x2d;

/** Bytes of numbers, NULL, 0x…, _binary and white space: all that literals are made of outside quotes. */
const LITERAL = new Uint8Array(256);
const SPACE = new Uint8Array(256);
for (const character of ' \t\r\n') {
  SPACE[character.charCodeAt(0)] = 1;
}
for (const character of '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_+.,: \t\r\n') {
  LITERAL[character.charCodeAt(0)] = 1;
}

/** Text this long without quote or backslash is searched from here on: a search costs as much as so many single looks. */
const NEAR = 32;

const BETWEEN = 0;
const IN_ROW = 1;
const IN_TEXT = 2;

/** Reads the rows of one INSERT after its VALUES, in pieces of any size. */
export class RowReader {
  readonly #rules: RowRules;
  #state = BETWEEN;
  /** The byte before was a backslash inside text, and the piece ended there. */
  #escaped = false;
  #rowStart = 0;
  #begun: Hash | undefined;
  #dashAt = -2;
  /** Where in the piece the next of each is, as far as it was searched. */
  #quoteAt = -1;
  #backslashAt = -1;

  constructor(rules: RowRules) {
    this.#rules = rules;
  }

  /** Index of the byte after the statement's end, or -1 when it goes on in the next piece. */
  read(bytes: Buffer, from: number): number {
    this.#rowStart = from;
    this.#dashAt = -2;
    this.#quoteAt = -1;
    this.#backslashAt = -1;
    let at = from;
    while (at < bytes.length) {
      if (this.#state === BETWEEN && bytes[at] === SEMICOLON) return at + 1;
      at = this.#step(bytes, at);
    }
    if (this.#state !== BETWEEN) this.#keepBegun(bytes);
    return -1;
  }

  #step(bytes: Buffer, at: number): number {
    if (this.#state === IN_TEXT) return this.#readText(bytes, at);
    return this.#state === IN_ROW ? this.#readValues(bytes, at) : this.#readBetween(bytes, at);
  }

  #readBetween(bytes: Buffer, at: number): number {
    const byte = bytes[at] ?? 0;
    if (byte === OPEN) {
      this.#state = IN_ROW;
      this.#rowStart = at + 1;
    } else if (byte !== COMMA && SPACE[byte] === 0) throw this.#rules.refuse(at);
    return at + 1;
  }

  /** Until the row ends or text begins. */
  #readValues(bytes: Buffer, from: number): number {
    let at = from;
    while (LITERAL[bytes[at] ?? 0] === 1) at += 1;
    if (at >= bytes.length) return at;
    const byte = bytes[at];
    if (byte === QUOTE) this.#state = IN_TEXT;
    else if (byte === CLOSE) this.#endRow(bytes, at);
    // Two dashes would be a comment to the server.
    else if (byte !== DASH || this.#dashAt === at - 1) throw this.#rules.refuse(at);
    else this.#dashAt = at;
    return at + 1;
  }

  /** Until the closing quote. A doubled quote closes and opens again, which comes to the same. */
  #readText(bytes: Buffer, from: number): number {
    const step = this.#rules.backslashEscapes ? 2 : 1;
    let at = this.#escaped ? from + 1 : from;
    this.#escaped = false;
    while (at < bytes.length) {
      at = endOfNear(bytes, at, step);
      if (bytes[at] === QUOTE) {
        this.#state = IN_ROW;
        return at + 1;
      }
      at = this.#skipPlain(bytes, at);
    }
    this.#escaped = at > bytes.length;
    return bytes.length;
  }

  /** The next quote or backslash, or the end: what lies before means nothing in text. */
  #skipPlain(bytes: Buffer, at: number): number {
    if (at >= bytes.length) return at;
    if (this.#quoteAt < at) this.#quoteAt = nextOf(bytes, QUOTE, at);
    if (!this.#rules.backslashEscapes) return this.#quoteAt;
    if (this.#backslashAt < at) this.#backslashAt = nextOf(bytes, BACKSLASH, at);
    return Math.min(this.#quoteAt, this.#backslashAt);
  }

  #endRow(bytes: Buffer, at: number): void {
    this.#state = BETWEEN;
    this.#rules.onCount?.();
    if (this.#rules.onRow === undefined) return;
    const rest = bytes.subarray(this.#rowStart, at);
    const digest =
      this.#begun === undefined ? hash('sha256', rest, 'binary') : this.#begun.update(rest).digest('binary');
    this.#rules.onRow(digest);
    this.#begun = undefined;
  }

  #keepBegun(bytes: Buffer): void {
    if (this.#rules.onRow === undefined) return;
    this.#begun ??= createHash('sha256');
    this.#begun.update(bytes.subarray(this.#rowStart));
  }
}

function nextOf(bytes: Buffer, byte: number, from: number): number {
  const at = bytes.indexOf(byte, from);
  return at < 0 ? bytes.length : at;
}

/** Where the text ends within the next few bytes, or the byte after them; escaped ones are passed over. */
function endOfNear(bytes: Buffer, from: number, step: number): number {
  const near = Math.min(from + NEAR, bytes.length);
  let at = from;
  while (at < near && bytes[at] !== QUOTE) at += bytes[at] === BACKSLASH ? step : 1;
  return at;
}
