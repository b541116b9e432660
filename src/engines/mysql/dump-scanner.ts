import { Failure } from '../../domain/failure.ts';
import { type RowReader, rowReader } from './row-reader.ts';
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
  /** SHA-256 of one row's text, one character a byte. */
  onRow(digest: string): void;
}

/** Reads a dump as its client does, and refuses what client and server might read differently. */
export interface DumpScanner {
  push(chunk: Uint8Array): Piece[];
  /** The last pieces. Throws `dump_incomplete` unless the dump ends with its own end marker, whole (F4). */
  finish(): Piece[];
}

/** A statement that is no INSERT is held whole: definitions, not rows. */
const LONGEST_STATEMENT = 64 * 1024 * 1024;
/** Bytes that must be in sight to tell what begins here: `/*!`, `-- `, a delimiter, the sandbox line. */
const LOOK_AHEAD = 48;
const LONGEST_COMMENT = 200;
const END_MARKER = /^-- Dump completed(?: on \d{4}-\d\d-\d\d +\d{1,2}:\d\d:\d\d)?\r?$/;
const DELIMITER = /^(?:;{1,4}|\${1,4}|\/\/|\|{1,2})$/;
/** A switch of MariaDB's client at which MySQL's and old ones stop: left out, since ours gets it as an option (F17). */
const SANDBOX_LINE = /^\/\*M?!999999\\- enable the sandbox mode \*\//;

type State = 'code' | 'text' | 'line-comment' | 'block-comment' | 'delimiter-line' | 'rows';

export function dumpScanner(events: ScannerEvents): DumpScanner {
  const mode = modeTracker();
  let state: State = 'code';
  let bytes: Buffer = Buffer.alloc(0);
  let offset = 0;
  let delimiter = ';';
  let quote = 0;
  /** Where the statement's text not yet in `parts` begins in `bytes`; -1 before a statement. */
  let mark = -1;
  let parts: Buffer[] = [];
  let partBytes = 0;
  let firstWord = '';
  let word = '';
  let depth = 0;
  let comment = '';
  let complete = false;
  let rows: RowReader | undefined;
  let pieces: Piece[] = [];

  function push(chunk: Uint8Array): Piece[] {
    bytes = bytes.length === 0 ? toBuffer(chunk) : Buffer.concat([bytes, chunk]);
    return consume(LOOK_AHEAD);
  }

  function finish(): Piece[] {
    const last = consume(0);
    if (state !== 'code' || mark >= 0 || word !== '' || bytes.length > 0 || !complete) throw incomplete(offset);
    return last;
  }

  /** Reads as far as it can be told what it is; the rest waits for the next chunk. */
  function consume(lookAhead: number): Piece[] {
    pieces = [];
    let at = 0;
    while (at < bytes.length && (state === 'rows' || at < bytes.length - lookAhead)) {
      const next = step(at);
      if (next === at && state !== 'rows') break;
      at = next;
    }
    holdBack(at);
    return pieces;
  }

  function holdBack(at: number): void {
    if (mark >= 0) {
      parts.push(Buffer.from(bytes.subarray(mark, at)));
      partBytes += at - mark;
      mark = 0;
      if (partBytes > LONGEST_STATEMENT) throw damaged(offset, 'a statement never ends');
    }
    offset += at;
    bytes = Buffer.from(bytes.subarray(at));
  }

  function step(at: number): number {
    switch (state) {
      case 'rows':
        return readRows(at);
      case 'code':
        return readCode(at);
      case 'text':
        return readText(at);
      case 'block-comment':
        return readBlockComment(at);
      default:
        return readLine(at);
    }
  }

  function readRows(at: number): number {
    const end = rows?.read(bytes, at) ?? -1;
    const until = end < 0 ? bytes.length : end;
    pieces.push({ kind: 'rows', bytes: bytes.subarray(at, until) });
    if (end >= 0) {
      rows = undefined;
      state = 'code';
    }
    return until;
  }

  function readCode(at: number): number {
    const byte = bytes[at] ?? 0;
    if (WORD[byte] === 1) {
      begin(at);
      word += String.fromCharCode(byte);
      return at + 1;
    }
    if (word !== '') {
      endWord(at, byte);
      // Not code any more: the word was DELIMITER or VALUES.
      if (state !== 'code') return at === bytes.length ? at : step(at);
    }
    return readToken(at, byte);
  }

  function readToken(at: number, byte: number): number {
    if (startsWith(bytes, at, delimiter)) return endStatement(at);
    const kind = TOKENS[byte];
    if (kind === 'quote') {
      begin(at);
      quote = byte;
      state = 'text';
      return at + 1;
    }
    if (kind === 'comment') return readMaybeComment(at, byte);
    if (kind === 'backslash') throw clientCommand(offset + at);
    if (byte === 0x28) depth += 1;
    else if (byte === 0x29) depth -= 1;
    // White space before a statement belongs to none.
    if (byte > 0x20) begin(at);
    return at + 1;
  }

  /** Conditional comments and hints are code: what is in them is read like the rest. */
  function readMaybeComment(at: number, byte: number): number {
    const start = bytes.toString('latin1', at, at + LOOK_AHEAD);
    if (mark < 0 && SANDBOX_LINE.test(start)) return at + start.indexOf('*/') + 2;
    if (/^(?:#|--(?:[\0-\x20]|$))/.test(start)) return startComment('line-comment', at);
    if (/^\/\*(?!M?!|\+)/.test(start)) return startComment('block-comment', at);
    begin(at);
    if (byte !== 0x2f || start[1] !== '*') return at + 1;
    return at + (start[2] === 'M' ? 4 : 3);
  }

  function startComment(kind: 'line-comment' | 'block-comment', at: number): number {
    state = kind;
    comment = '';
    return kind === 'block-comment' ? at + 2 : step(at);
  }

  function readLine(at: number): number {
    const end = bytes.indexOf(0x0a, at);
    const until = end < 0 ? bytes.length : end;
    if (comment.length < LONGEST_COMMENT) comment += bytes.toString('latin1', at, Math.min(until, at + LONGEST_COMMENT));
    if (end < 0) return until;
    if (state === 'delimiter-line') changeDelimiter(comment.trim());
    else if (mark < 0) complete = END_MARKER.test(comment);
    state = 'code';
    return until + 1;
  }

  function readBlockComment(at: number): number {
    const end = bytes.indexOf('*/', at);
    if (mark < 0) complete = false;
    if (end < 0) return Math.max(at, bytes.length - 1);
    state = 'code';
    return end + 2;
  }

  /** Backslashes mean nothing inside backticks, and in text only while sql_mode says so. */
  function readText(at: number): number {
    const escapes = quote !== 0x60 && mode.backslashEscapes();
    for (let here = at; here < bytes.length; here += 1) {
      const byte = bytes[here];
      if (byte === quote) {
        state = 'code';
        return here + 1;
      }
      if (byte !== 0x5c || !escapes) continue;
      // At the very end it waits for what it escapes.
      if (here + 1 === bytes.length) return here;
      here += 1;
    }
    return bytes.length;
  }

  function begin(at: number): void {
    if (mark >= 0) return;
    mark = at;
    complete = false;
  }

  function endWord(at: number, byte: number): void {
    const ended = word.toUpperCase();
    word = '';
    if (firstWord === '') {
      firstWord = ended;
      if (ended !== 'DELIMITER' || byte > 0x20) return;
      takeText(at);
      comment = '';
      state = 'delimiter-line';
      return;
    }
    const isInsert = firstWord === 'INSERT' || firstWord === 'REPLACE';
    if (isInsert && ended === 'VALUES' && depth === 0 && delimiter === ';') startRows(at);
  }

  function startRows(at: number): void {
    const text = takeText(at);
    events.onInsert(text);
    pieces.push({ kind: 'insert', text });
    const base = offset;
    const refuse = (where: number) => damaged(base + where, 'a row holds something that is no literal');
    rows = rowReader({ onRow: events.onRow, refuse, backslashEscapes: mode.backslashEscapes() });
    state = 'rows';
  }

  function endStatement(at: number): number {
    if (mark >= 0) {
      const text = takeText(at);
      mode.follow(text);
      pieces.push({ kind: 'statement', text });
    }
    return at + delimiter.length;
  }

  function takeText(at: number): string {
    const text = Buffer.concat([...parts, bytes.subarray(mark, at)]).toString('latin1');
    parts = [];
    partBytes = 0;
    mark = -1;
    firstWord = '';
    word = '';
    depth = 0;
    return text;
  }

  function changeDelimiter(chosen: string): void {
    if (!DELIMITER.test(chosen)) throw damaged(offset, `${JSON.stringify(chosen)} is no delimiter that dumps use`);
    delimiter = chosen;
    complete = false;
    pieces.push({ kind: 'delimiter', delimiter });
  }

  return { push, finish };
}

/** Letters, digits, `_`, `$` and all that is not ASCII. */
const WORD = Uint8Array.from({ length: 256 }, (_, byte) => (byte >= 0x80 || /[\w$]/.test(String.fromCharCode(byte)) ? 1 : 0));

const TOKENS: Readonly<Record<number, 'quote' | 'comment' | 'backslash'>> = {
  0x22: 'quote',
  0x27: 'quote',
  0x60: 'quote',
  0x23: 'comment',
  0x2d: 'comment',
  0x2f: 'comment',
  0x5c: 'backslash',
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

function incomplete(offset: number): Failure {
  return new Failure('dump_incomplete', `The dump stops after ${offset} bytes without its end marker.`, {
    remedy: 'Take another backup; this one was cut short where it was made.',
    details: { offset },
  });
}

function damaged(offset: number, why: string): Failure {
  return new Failure('backup_damaged', `The dump cannot be read as one: near byte ${offset} ${why}.`, {
    remedy: 'Use another backup, or a dump written by mysqldump or mariadb-dump.',
    details: { offset },
  });
}

function clientCommand(offset: number): Failure {
  return new Failure('restore_refused', `The dump holds a command for the client program near byte ${offset}.`, {
    remedy: 'Do not restore it: no dump tool writes such commands.',
    details: { offset },
  });
}
