/** Makes inputs that are almost right: samples with a few changes, which get deeper into a reader than noise does. */
export class Mutator {
  readonly #samples: readonly Buffer[];
  readonly #words: readonly Buffer[];
  readonly #random: () => number;

  /** `words` are what the format itself is made of; they are put in where they do not belong. */
  constructor(samples: readonly Buffer[], words: readonly string[], random: () => number) {
    this.#samples = samples;
    this.#words = words.map((word) => Buffer.from(word));
    this.#random = random;
  }

  next(): Buffer {
    let bytes: Buffer = Buffer.from(this.#pick(this.#samples));
    const changes = this.#below(6);
    for (let n = 0; n < changes; n += 1) bytes = this.#change(bytes);
    return bytes;
  }

  /** A number below `limit`. */
  below(limit: number): number {
    return this.#below(limit);
  }

  #change(bytes: Buffer): Buffer {
    const at = this.#below(bytes.length + 1);
    const kind = this.#below(8);
    if (kind === 0) return this.#flipped(bytes, at);
    if (kind === 1) return bytes.subarray(0, at);
    if (kind === 2) return spliced(bytes, at, this.#below(20), Buffer.alloc(0));
    if (kind === 3) return spliced(bytes, at, 0, this.#noise());
    if (kind === 4) return spliced(bytes, at, this.#below(8), this.#pick(this.#words));
    if (kind === 5) return spliced(bytes, at, 0, bytes.subarray(at, at + this.#below(60)));
    if (kind === 6) return spliced(bytes, at, bytes.length, this.#pick(this.#samples).subarray(at));
    return spliced(bytes, at, 4, this.#number());
  }

  #flipped(bytes: Buffer, at: number): Buffer {
    if (bytes.length === 0) return bytes;
    const changed = Buffer.from(bytes);
    const place = at % bytes.length;
    changed[place] = (changed[place] ?? 0) ^ (1 << this.#below(8));
    return changed;
  }

  /** Lengths that readers tend to believe. */
  #number(): Buffer {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(this.#pick([0, -1, 1, 5, 0x7fffffff, -0x80000000, 0x00ffffff, 65_536]));
    return this.#below(2) === 0 ? bytes : bytes.reverse();
  }

  #noise(): Buffer {
    return Buffer.from(Array.from({ length: 1 + this.#below(12) }, () => this.#below(256)));
  }

  #pick<T>(list: readonly T[]): T {
    const found = list[this.#below(list.length)];
    if (found === undefined) throw new Error('nothing to choose from');
    return found;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }
}

function spliced(bytes: Buffer, at: number, removed: number, put: Buffer): Buffer {
  return Buffer.concat([bytes.subarray(0, at), put, bytes.subarray(Math.min(bytes.length, at + removed))]);
}
