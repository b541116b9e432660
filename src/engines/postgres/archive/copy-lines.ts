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

  /** Takes the bytes from `from` up to `until`. */
  push(bytes: Buffer, from = 0, until = bytes.length): void {
    // Dumps come a row to a piece: the search must not run on through what follows.
    const within = bytes[until - 1] === NEWLINE || until === bytes.length ? bytes : bytes.subarray(0, until);
    let start = from;
    while (start < until) {
      const end = within.indexOf(NEWLINE, start);
      if (end < 0) break;
      if (this.#carry.length === 0) this.#line(within, start, end);
      else this.#carried(within.subarray(start, end));
      start = end + 1;
    }
    // The memory is reused.
    if (start < until) this.#carry.push(Buffer.from(within.subarray(start, until)));
  }

  #carried(rest: Buffer): void {
    const line = Buffer.concat([...this.#carry, rest]);
    this.#carry = [];
    this.#line(line, 0, line.length);
  }

  #line(bytes: Buffer, start: number, end: number): void {
    if (this.#ended) {
      if (end > start) this.#ended = false;
      return;
    }
    if (end - start === 2 && bytes[start] === BACKSLASH && bytes[start + 1] === DOT) {
      this.#ended = true;
      return;
    }
    this.lines += 1;
    // Most often nobody wants it: no object for it then.
    if (this.#onLine !== undefined) this.#onLine(bytes.subarray(start, end));
  }
}
