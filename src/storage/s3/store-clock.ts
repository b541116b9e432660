const GRAIN_MS = 2_000;

/** The store's clock as its `Date` headers show it (F34). They count whole seconds: half of one is added. */
export class StoreClock {
  readonly #now: () => number;
  #offsetMs: number | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Notes the `Date` of an answer whose request left at `sentAt`. */
  note(date: string | undefined, sentAt: number): void {
    const theirs = date === undefined ? Number.NaN : Date.parse(date);
    if (Number.isNaN(theirs)) return;
    this.#offsetMs = Math.round(theirs + 500 - (sentAt + this.#now()) / 2);
  }

  /** Store time minus our time; 0 before the first answer. */
  get offsetMs(): number {
    return this.#offsetMs ?? 0;
  }

  get known(): boolean {
    return this.#offsetMs !== undefined;
  }

  /** The store's time, in milliseconds since 1970. */
  now(): number {
    return this.#now() + this.offsetMs;
  }

  /** The time to judge sessions by: ours, unless it is wrong by more than `Date` headers can be. */
  sessionNow(): number {
    return Math.abs(this.offsetMs) > GRAIN_MS ? this.now() : this.#now();
  }

  ours(): number {
    return this.#now();
  }
}
