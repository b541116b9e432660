/** Hands chunks from one writer to one reader, one at a time: the writer waits for the reader (F23). */
export class Channel implements AsyncIterable<Uint8Array> {
  #waiting: { chunk: Uint8Array | undefined; error?: unknown; taken: () => void } | undefined;
  #wake: (() => void) | undefined;
  #gone = false;

  /** Resolves when the reader has finished with the chunk, or is gone. The chunk may be reused then. */
  write(chunk: Uint8Array): Promise<void> {
    return this.#offer({ chunk });
  }

  /** The reader sees the end. */
  end(): Promise<void> {
    return this.#offer({ chunk: undefined });
  }

  /** The reader's next step throws this. */
  fail(error: unknown): void {
    this.#waiting?.taken();
    this.#waiting = { chunk: undefined, error, taken: () => undefined };
    this.#wake?.();
  }

  /** Nobody will read on: what is written from now on is dropped. */
  leave(): void {
    this.#gone = true;
    this.#waiting?.taken();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    try {
      while (true) {
        const { chunk, error, taken } = await this.#next();
        if (error !== undefined) throw error;
        if (chunk !== undefined) yield chunk;
        this.#waiting = undefined;
        taken();
        if (chunk === undefined) return;
      }
    } finally {
      this.leave();
    }
  }

  #offer(item: { chunk: Uint8Array | undefined }): Promise<void> {
    if (this.#gone) return Promise.resolve();
    return new Promise((resolve) => {
      this.#waiting = { ...item, taken: resolve };
      this.#wake?.();
    });
  }

  async #next() {
    while (this.#waiting === undefined) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#waiting;
  }
}
