/** A fixed number of equal buffers; each is made when first needed, so that a small dump touches one. */
export class BufferPool {
  readonly #bytes: number;
  readonly #free: Buffer[] = [];
  #unmade: number;
  #wake: (() => void) | undefined;

  constructor(bytes: number, count: number) {
    this.#bytes = bytes;
    this.#unmade = count;
  }

  /** A buffer that nobody uses; undefined when all are in use. */
  take(): Buffer | undefined {
    const buffer = this.#free.pop();
    if (buffer !== undefined || this.#unmade === 0) return buffer;
    this.#unmade -= 1;
    return Buffer.allocUnsafeSlow(this.#bytes);
  }

  give(buffer: Buffer): void {
    this.#free.push(buffer);
    this.#wake?.();
    this.#wake = undefined;
  }

  /** Resolves once a buffer can be taken. One waiter at a time. */
  freed(): Promise<void> {
    if (this.#free.length > 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}
