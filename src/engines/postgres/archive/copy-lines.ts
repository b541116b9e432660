const NEWLINE = 10;
const BACKSLASH = 92;
const DOT = 46;

/** Cuts COPY text into lines, whatever pieces it comes in, up to the line `\.` that ends it. */
export class CopyLines {
  readonly #onLine: ((line: Buffer) => void) | undefined;
  #carry: Buffer[] = [];
  #ended = false;
  lines = 0;

  /** Without `onLine` the lines are counted only. */
  constructor(onLine?: (line: Buffer) => void) {
    this.#onLine = onLine;
  }

  /** Whether the end of the rows was seen, and nothing but empty lines after it. */
  get ended(): boolean {
    return this.#ended && this.#carry.length === 0;
  }

  push(piece: Buffer): void {
    let start = 0;
    for (;;) {
      const end = piece.indexOf(NEWLINE, start);
      if (end < 0) break;
      this.#line(piece.subarray(start, end));
      start = end + 1;
    }
    // The piece's memory is reused.
    if (start < piece.length) this.#carry.push(Buffer.from(piece.subarray(start)));
  }

  #line(end: Buffer): void {
    const line = this.#carry.length === 0 ? end : Buffer.concat([...this.#carry, end]);
    this.#carry = [];
    if (this.#ended) {
      if (line.length > 0) this.#ended = false;
      return;
    }
    if (line.length === 2 && line[0] === BACKSLASH && line[1] === DOT) {
      this.#ended = true;
      return;
    }
    this.lines += 1;
    this.#onLine?.(line);
  }
}
