/**
 * Rows for the benchmarks, the same for every run: prose with a natural word distribution and repeated phrases, e-mail
 * addresses, JSON, UUIDs, timestamps, decimals. Text in PostgreSQL's COPY format, which LOAD DATA reads too.
 */
export type Kind = 'articles' | 'events' | 'users';

const SYLLABLES =
  'an ar be ca co de di do en er es fi ga ge ha he in is ka la le li lo ma me mi mo na ne ni no on or pa pe po ra re ri ro sa se si so sta ta te ti to tra un va ve vi wa wo za'.split(
    ' ',
  );
const VOCABULARY = 20_000;
const DAY = 86_400_000;
const EPOCH = Date.UTC(2022, 0, 1);

/** A seeded 32-bit generator (mulberry32). */
function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

class Writer {
  readonly #next: () => number;
  readonly #words: string[] = [];
  readonly #ranks = new Uint16Array(1 << 16);
  readonly #follow = new Uint16Array(VOCABULARY * 4);
  #last = 0;

  constructor(seed: number) {
    this.#next = generator(seed);
    for (let n = 0; n < VOCABULARY; n += 1) this.#words.push(this.#coin());
    this.#fillRanks();
    for (let n = 0; n < this.#follow.length; n += 1) this.#follow[n] = this.#ranks[this.#next() >>> 16] ?? 0;
  }

  int(limit: number): number {
    return this.#next() % limit;
  }

  hex(digits: number): string {
    return this.#next().toString(16).padStart(8, '0').slice(0, digits);
  }

  uuid(): string {
    return `${this.hex(8)}-${this.hex(4)}-4${this.hex(3)}-a${this.hex(3)}-${this.hex(8)}${this.hex(4)}`;
  }

  /** Follows the last word's habits one time in three, as prose does. */
  word(): string {
    const habit = this.int(100) < 35;
    this.#last = (habit ? this.#follow[this.#last * 4 + this.int(4)] : this.#ranks[this.#next() >>> 16]) ?? 0;
    return this.#words[this.#last] ?? 'x';
  }

  sentence(length: number): string {
    const words = Array.from({ length }, () => this.word());
    return `${words.join(' ')}.`;
  }

  prose(length: number): string {
    let text = '';
    while (text.length < length) text += `${this.sentence(6 + this.int(14))} `;
    return text;
  }

  email(): string {
    return `${this.word()}.${this.word()}${this.int(999)}@${['gmail.com', 'example.org', 'proton.me'][this.int(3)]}`;
  }

  #coin(): string {
    return Array.from({ length: 1 + this.int(4) }, () => SYLLABLES[this.int(SYLLABLES.length)]).join('');
  }

  /** Zipf–Mandelbrot: the n-th word is used in proportion to 1 / (n + 2.7). */
  #fillRanks(): void {
    let total = 0;
    const upTo = Array.from({ length: VOCABULARY }, (_, n) => {
      total += 1 / (n + 2.7);
      return total;
    });
    let rank = 0;
    for (let n = 0; n < this.#ranks.length; n += 1) {
      while ((upTo[rank] ?? total) / total < (n + 0.5) / this.#ranks.length) rank += 1;
      this.#ranks[n] = rank;
    }
  }
}

function instant(offset: number): string {
  return new Date(EPOCH + offset).toISOString().slice(0, 23).replace('T', ' ');
}

const ROWS: Record<Kind, (w: Writer, id: number) => (string | number)[]> = {
  articles: (w, id) => [
    id,
    w.uuid(),
    w.email(),
    w.sentence(4 + w.int(7)),
    w.prose(w.int(100) < 15 ? 2200 + w.int(4000) : 150 + w.int(1100)),
    JSON.stringify({
      tags: [w.word(), w.word(), w.word()],
      lang: 'en',
      score: w.int(10_000) / 100,
      source: `https://${w.word()}.example.com/${w.word()}`,
    }),
    instant(id * 190_000),
    instant(id * 190_000 + w.int(9 * DAY)),
  ],
  events: (w, id) => [
    id,
    w.uuid(),
    1 + w.int(300_000),
    ['page_view', 'click', 'checkout', 'purchase', 'login'][w.int(5)] ?? '',
    JSON.stringify({
      path: `/${w.word()}/${w.word()}`,
      session: w.hex(8) + w.hex(8),
      items: [{ sku: `SKU-${w.int(50_000)}`, qty: 1 + w.int(4), price: w.int(30_000) / 100 }],
      ms: w.int(4000),
    }),
    (w.int(90_000) / 100).toFixed(2),
    instant(id * 60_000),
  ],
  users: (w, id) => [
    id,
    w.uuid(),
    `${id}.${w.email()}`,
    `${w.word()} ${w.word()}`,
    `$2b$12$${w.hex(8)}${w.hex(8)}${w.hex(8)}${w.hex(8)}`,
    JSON.stringify({
      theme: w.int(2) ? 'dark' : 'light',
      address: { street: `${w.int(400)} ${w.word()} street`, city: w.word(), zip: 10_000 + w.int(89_999) },
    }),
    instant(id * 300_000),
  ],
};

/** `count` rows in chunks of about 1 MiB. */
export function* rows(kind: Kind, count: number): Generator<string> {
  const writer = new Writer(kind.length * 7919);
  const row = ROWS[kind];
  let chunk = '';
  for (let id = 1; id <= count; id += 1) {
    chunk += `${row(writer, id).join('\t')}\n`;
    if (chunk.length > 1 << 20) {
      yield chunk;
      chunk = '';
    }
  }
  if (chunk !== '') yield chunk;
}

export const POSTGRES_TABLES = `
  CREATE TABLE articles (id bigint, uid uuid, author_email text, title text, body text, meta jsonb, created_at timestamptz, updated_at timestamptz);
  CREATE TABLE events (id bigint, uid uuid, user_id int, type text, payload jsonb, amount numeric(12,2), ts timestamptz);
  CREATE TABLE users (id bigint, uid uuid, email text, name text, pwhash text, profile jsonb, created_at timestamptz);`;

export const POSTGRES_INDEXES = `
  ALTER TABLE articles ADD PRIMARY KEY (id); CREATE UNIQUE INDEX ON articles (uid); CREATE INDEX ON articles (created_at);
  CREATE INDEX ON articles USING gin (meta jsonb_path_ops);
  ALTER TABLE events ADD PRIMARY KEY (id); CREATE INDEX ON events (user_id, ts); CREATE INDEX ON events (type);
  ALTER TABLE users ADD PRIMARY KEY (id); CREATE UNIQUE INDEX ON users (email);`;

export const MYSQL_TABLES = `
  CREATE TABLE articles (id bigint PRIMARY KEY, uid char(36), author_email varchar(120), title varchar(200), body mediumtext, meta json,
    created_at datetime(6), updated_at datetime(6), UNIQUE (uid), KEY (created_at)) ENGINE=InnoDB;
  CREATE TABLE events (id bigint PRIMARY KEY, uid char(36), user_id int, type varchar(20), payload json, amount decimal(12,2), ts datetime(6), KEY (user_id, ts)) ENGINE=InnoDB;
  CREATE TABLE users (id bigint PRIMARY KEY, uid char(36), email varchar(120), name varchar(80), pwhash varchar(80), profile json, created_at datetime(6), UNIQUE (email)) ENGINE=InnoDB;`;
