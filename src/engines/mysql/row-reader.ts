import { createHash, type Hash, hash } from 'node:crypto';

/** Reads the rows of one INSERT after its VALUES, in pieces of any size. */
export interface RowReader {
  /** Index of the byte after the statement's end, or -1 when it goes on in the next piece. */
  read(bytes: Buffer, from: number): number;
}

export interface RowRules {
  /** SHA-256 of each row's text, exactly as written between its parentheses; one character a byte. */
  onRow(digest: string): void;
  /** Thrown where a row holds anything but literals. `at` is the index in the piece. */
  refuse(at: number, byte: number): Error;
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
for (const character of '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_+-.,: \t\r\n') {
  LITERAL[character.charCodeAt(0)] = 1;
}

const BETWEEN = 0;
const IN_ROW = 1;
const IN_TEXT = 2;

export function rowReader(rules: RowRules): RowReader {
  let state = BETWEEN;
  /** The byte before was a backslash inside text, and the piece ended there. */
  let escaped = false;
  let rowStart = 0;
  let begun: Hash | undefined;
  let dashAt = -2;

  function read(bytes: Buffer, from: number): number {
    let at = from;
    rowStart = from;
    dashAt = -2;
    while (at < bytes.length) {
      if (state === IN_TEXT) at = readText(bytes, at);
      else if (state === IN_ROW) at = readValues(bytes, at);
      else if (bytes[at] === SEMICOLON) return at + 1;
      else at = readBetween(bytes, at);
    }
    if (state !== BETWEEN) keepBegun(bytes);
    return -1;
  }

  function readBetween(bytes: Buffer, at: number): number {
    const byte = bytes[at] ?? 0;
    if (byte === OPEN) {
      state = IN_ROW;
      rowStart = at + 1;
    } else if (byte !== COMMA && SPACE[byte] === 0) throw rules.refuse(at, byte);
    return at + 1;
  }

  /** Until the row ends or text begins. */
  function readValues(bytes: Buffer, from: number): number {
    let at = from;
    for (; at < bytes.length; at += 1) {
      const byte = bytes[at] ?? 0;
      if (byte === QUOTE) {
        state = IN_TEXT;
        return at + 1;
      }
      if (byte === CLOSE) return endRow(bytes, at);
      // Two dashes would be a comment to the server.
      if (LITERAL[byte] === 0 || (byte === DASH && isSecondDash(at))) throw rules.refuse(at, byte);
    }
    return at;
  }

  function isSecondDash(at: number): boolean {
    const second = dashAt === at - 1;
    dashAt = at;
    return second;
  }

  /** Until the closing quote. A doubled quote closes and opens again, which comes to the same. */
  function readText(bytes: Buffer, from: number): number {
    let at = from;
    if (escaped) {
      escaped = false;
      at += 1;
    }
    for (; at < bytes.length; at += 1) {
      const byte = bytes[at];
      if (byte === QUOTE) {
        state = IN_ROW;
        return at + 1;
      }
      if (byte === BACKSLASH && rules.backslashEscapes) at += 1;
    }
    if (at > bytes.length) escaped = true;
    return bytes.length;
  }

  function endRow(bytes: Buffer, at: number): number {
    const rest = bytes.subarray(rowStart, at);
    if (begun === undefined) rules.onRow(hash('sha256', rest, 'binary'));
    else {
      rules.onRow(begun.update(rest).digest('binary'));
      begun = undefined;
    }
    state = BETWEEN;
    return at + 1;
  }

  function keepBegun(bytes: Buffer): void {
    begun ??= createHash('sha256');
    begun.update(bytes.subarray(rowStart));
  }

  return { read };
}
