import { clientCommand, damaged, incomplete } from './dump-failures.ts';
import { RowReader } from './row-reader.ts';
import { modeTracker } from './sql-mode.ts';

/** What a dump is made of, in order. Text has one character a byte. */
export type Piece =
  | { readonly kind: 'statement'; readonly text: string }
  /** From here on statements end with this. */
  | { readonly kind: 'delimiter'; readonly delimiter: string }
  /** The head of an INSERT up to and with VALUES; its rows follow. */
  | { readonly kind: 'insert'; readonly text: string }
  /** Rows of that INSERT as they stand, cut anywhere, with the final semicolon. */
  | { readonly kind: 'rows'; readonly bytes: Buffer };

export interface ScannerEvents {
  /** Called before the rows of an INSERT are read. */
  onInsert(head: string): void;
  /** SHA-256 of one row's text, one character a byte; rows are hashed only where this is given. */
  readonly onRow?: (digest: string) => void;
  /** One row was read. */
  readonly onCount?: () => void;
}

/** A statement that is no INSERT is held whole: definitions, not rows. */
const LONGEST_STATEMENT = 64 * 1024 * 1024;
/** Bytes that must be in sight to tell what begins here: `/*!`, `-- `, a delimiter, the sandbox line. */
const LOOK_AHEAD = 48;
const LONGEST_COMMENT = 200;
const END_MARKER = /^-- Dump completed(?: on \d{4}-\d\d-\d\d +\d{1,2}:\d\d:\d\d)?\r?$/;
const DELIMITER = /^(?:;{1,4}|\${1,4}|\/\/|\|{1,2})$/;
/** A switch of MariaDB's client at which MySQL's and old ones stop: left out, since ours gets it as an option (F17). */
const SANDBOX_TEXT = '/*M!999999\\- enable the sandbox mode */';
const SANDBOX_LINE = /^\/\*M?!999999\\- enable the sandbox mode \*\//;

type State = 'code' | 'text' | 'line-comment' | 'block-comment' | 'delimiter-line' | 'rows';

/** Reads a dump as its client does, and refuses what client and server might read differently. */
export class DumpScanner {
  readonly #events: ScannerEvents;
  readonly #mode = modeTracker();
  #state: State = 'code';
  #bytes: Buffer = Buffer.alloc(0);
  #offset = 0;
  #delimiter = ';';
  #quote = 0;
  /** Where the statement's text not yet in `parts` begins in `bytes`; -1 before a statement. */
  #mark = -1;
  #parts: Buffer[] = [];
  #partBytes = 0;
  #firstWord = '';
  #word = '';
  #depth = 0;
  #comment = '';
  #complete = false;
  #rows: RowReader | undefined;
  #pieces: Piece[] = [];

  constructor(events: ScannerEvents) {
    this.#events = events;
  }

  push(chunk: Uint8Array): Piece[] {
    this.#bytes = this.#bytes.length === 0 ? toBuffer(chunk) : Buffer.concat([this.#bytes, chunk]);
    return this.#consume(LOOK_AHEAD);
  }

  /** The last pieces. Throws `dump_incomplete` unless the dump ends with its own end marker, whole (F4). */
  finish(): Piece[] {
    const last = this.#consume(0);
    // A statement begun after the marker has taken it back.
    if (this.#state !== 'code' || this.#bytes.length > 0 || !this.#complete) throw incomplete(this.#offset);
    return last;
  }

  /** Reads as far as it can be told what it is; the rest waits for the next chunk. */
  #consume(lookAhead: number): Piece[] {
    this.#pieces = [];
    let at = 0;
    for (let next = 0; ; at = next) {
      const end = this.#state === 'rows' ? this.#bytes.length : this.#bytes.length - lookAhead;
      if (at >= end) break;
      next = this.#step(at);
      if (next === at) break;
    }
    this.#holdBack(at);
    return this.#pieces;
  }

  #holdBack(at: number): void {
    if (this.#mark >= 0) {
      this.#parts.push(Buffer.from(this.#bytes.subarray(this.#mark, at)));
      this.#partBytes += at - this.#mark;
      this.#mark = 0;
      if (this.#partBytes > LONGEST_STATEMENT) throw damaged(this.#offset, 'a statement never ends');
    }
    this.#offset += at;
    this.#bytes = Buffer.from(this.#bytes.subarray(at));
  }

  #step(at: number): number {
    switch (this.#state) {
      case 'rows':
        return this.#readRows(at);
      case 'code':
        return this.#readCode(at);
      case 'text':
        return this.#readText(at);
      case 'block-comment':
        return this.#readBlockComment(at);
      default:
        return this.#readLine(at);
    }
  }

  #readRows(at: number): number {
    const end = this.#rows?.read(this.#bytes, at) ?? -1;
    const until = end < 0 ? this.#bytes.length : end;
    this.#pieces.push({ kind: 'rows', bytes: this.#bytes.subarray(at, until) });
    if (end >= 0) {
      this.#rows = undefined;
      this.#state = 'code';
    }
    return until;
  }

  #readCode(at: number): number {
    const byte = this.#bytes[at] ?? 0;
    if (WORD[byte] === 1) {
      this.#begin(at);
      this.#word += String.fromCharCode(byte);
      return at + 1;
    }
    if (this.#word !== '') {
      this.#endWord(at, byte);
      // Not code any more: the word was DELIMITER or VALUES.
      if (this.#state !== 'code') return this.#step(at);
    }
    return this.#readToken(at, byte);
  }

  #readToken(at: number, byte: number): number {
    if (startsWith(this.#bytes, at, this.#delimiter)) return this.#endStatement(at);
    const kind = TOKENS[byte];
    if (kind === 'quote') {
      this.#begin(at);
      this.#quote = byte;
      this.#state = 'text';
      return at + 1;
    }
    if (kind === 'comment') return this.#readMaybeComment(at, byte);
    if (kind === 'backslash') throw clientCommand(this.#offset + at);
    if (byte === 0x28) this.#depth += 1;
    else if (byte === 0x29) this.#depth -= 1;
    // White space before a statement belongs to none.
    if (byte > 0x20) this.#begin(at);
    return at + 1;
  }

  /** Conditional comments and hints are code: what is in them is read like the rest. */
  #readMaybeComment(at: number, byte: number): number {
    const start = this.#bytes.toString('latin1', at, at + LOOK_AHEAD);
    if (this.#mark < 0 && SANDBOX_LINE.test(start)) return at + start.indexOf('*/') + 2;
    if (start.includes('\\') && SANDBOX_TEXT.startsWith(start)) throw incomplete(this.#offset + at);
    if (/^(?:#|--(?:[\0-\x20]|$))/.test(start)) return this.#startComment('line-comment', at);
    if (/^\/\*(?!M?!|\+)/.test(start)) return this.#startComment('block-comment', at);
    this.#begin(at);
    if (byte !== 0x2f || start[1] !== '*') return at + 1;
    return at + (start[2] === 'M' ? 4 : 3);
  }

  #startComment(kind: 'line-comment' | 'block-comment', at: number): number {
    this.#state = kind;
    this.#comment = '';
    return kind === 'block-comment' ? at + 2 : this.#step(at);
  }

  #readLine(at: number): number {
    const end = this.#bytes.indexOf(0x0a, at);
    const until = end < 0 ? this.#bytes.length : end;
    if (this.#comment.length < LONGEST_COMMENT)
      this.#comment += this.#bytes.toString('latin1', at, Math.min(until, at + LONGEST_COMMENT));
    if (end < 0) return until;
    if (this.#state === 'delimiter-line') this.#changeDelimiter(this.#comment.trim());
    else if (this.#mark < 0) this.#complete = END_MARKER.test(this.#comment);
    this.#state = 'code';
    return until + 1;
  }

  #readBlockComment(at: number): number {
    const end = this.#bytes.indexOf('*/', at);
    if (this.#mark < 0) this.#complete = false;
    if (end < 0) return Math.max(at, this.#bytes.length - 1);
    this.#state = 'code';
    return end + 2;
  }

  /** Backslashes mean nothing inside backticks, and in text only while sql_mode says so. */
  #readText(at: number): number {
    const escapes = this.#quote !== 0x60 && this.#mode.backslashEscapes();
    for (let here = at; here < this.#bytes.length; here += 1) {
      const byte = this.#bytes[here];
      if (byte === this.#quote) {
        this.#state = 'code';
        return here + 1;
      }
      if (byte !== 0x5c || !escapes) continue;
      // At the very end it waits for what it escapes.
      if (here + 1 === this.#bytes.length) return here;
      here += 1;
    }
    return this.#bytes.length;
  }

  #begin(at: number): void {
    if (this.#mark >= 0) return;
    this.#mark = at;
    this.#complete = false;
  }

  #endWord(at: number, byte: number): void {
    const ended = this.#word.toUpperCase();
    this.#word = '';
    if (this.#firstWord === '') {
      this.#firstWord = ended;
      if (ended !== 'DELIMITER' || byte > 0x20) return;
      this.#takeText(at);
      this.#comment = '';
      this.#state = 'delimiter-line';
      return;
    }
    const isInsert = this.#firstWord === 'INSERT' || this.#firstWord === 'REPLACE';
    if (isInsert && ended === 'VALUES' && this.#depth === 0 && this.#delimiter === ';') this.#startRows(at);
  }

  #startRows(at: number): void {
    const text = this.#takeText(at);
    this.#events.onInsert(text);
    this.#pieces.push({ kind: 'insert', text });
    const base = this.#offset;
    const refuse = (where: number) => damaged(base + where, 'a row holds something that is no literal');
    const { onRow, onCount } = this.#events;
    this.#rows = new RowReader({ onRow, onCount, refuse, backslashEscapes: this.#mode.backslashEscapes() });
    this.#state = 'rows';
  }

  #endStatement(at: number): number {
    if (this.#mark >= 0) {
      const text = this.#takeText(at);
      this.#mode.follow(text);
      this.#pieces.push({ kind: 'statement', text });
    }
    return at + this.#delimiter.length;
  }

  #takeText(at: number): string {
    const text = Buffer.concat([...this.#parts, this.#bytes.subarray(this.#mark, at)]).toString('latin1');
    this.#parts = [];
    this.#partBytes = 0;
    this.#mark = -1;
    this.#firstWord = '';
    this.#word = '';
    this.#depth = 0;
    return text;
  }

  #changeDelimiter(chosen: string): void {
    if (!DELIMITER.test(chosen))
      throw damaged(this.#offset, `${JSON.stringify(chosen)} is no delimiter that dumps use`);
    this.#delimiter = chosen;
    this.#complete = false;
    this.#pieces.push({ kind: 'delimiter', delimiter: chosen });
  }
}

/** Letters, digits, `_`, `$` and all that is not ASCII. */
const WORD = Uint8Array.from({ length: 256 }, (_, byte) =>
  byte >= 0x80 || /[\w$]/.test(String.fromCharCode(byte)) ? 1 : 0,
);

const TOKENS: Readonly<Record<number, 'quote' | 'comment' | 'backslash'>> = {
  34: 'quote',
  39: 'quote',
  96: 'quote',
  35: 'comment',
  45: 'comment',
  47: 'comment',
  92: 'backslash',
};

function startsWith(bytes: Buffer, at: number, text: string): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (bytes[at + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

function toBuffer(chunk: Uint8Array): Buffer {
  return Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
}
