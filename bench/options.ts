import { parseArgs } from 'node:util';

/** Parts of the benchmark, in the order they run. */
export const PARTS = ['pg', 'restore', 'mysql', 'mongo', 'upload', 'kill', 'limit', 'service', 'api'] as const;
export type PartName = (typeof PARTS)[number];

export type Size = 'quick' | 'small' | 'full';

export interface Options {
  readonly size: Size;
  readonly only: readonly PartName[];
  /** Counted rounds of each comparison; slow ways take part in fewer. */
  readonly rounds: number;
}

export const USAGE = `npm run bench -- [--quick] [--size small|full] [--rounds N] [--only ${PARTS.join('|')}]…
  --quick   small data, one round, CI floors only, under a minute
  --size    small: about 0.3 GB, full (default): about 1.5 GB of PostgreSQL`;

const ROUNDS: Readonly<Record<Size, number>> = { quick: 1, small: 5, full: 5 };

/** Throws an Error with one sentence for what it does not understand. */
export function readOptions(argv: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      quick: { type: 'boolean', default: false },
      size: { type: 'string', default: 'full' },
      rounds: { type: 'string' },
      only: { type: 'string', multiple: true, default: [] },
    },
  });
  const size = values.quick ? 'quick' : values.size;
  if (size !== 'quick' && size !== 'small' && size !== 'full') throw new Error(`--size is not small or full: ${size}`);
  const rounds = values.rounds === undefined ? ROUNDS[size] : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error('--rounds is not a whole number from 1 on');
  const wanted = values.only.flatMap((text) => text.split(','));
  const unknown = wanted.find((name) => !PARTS.some((part) => part === name));
  if (unknown !== undefined) throw new Error(`--only names no part: ${unknown}; parts are ${PARTS.join(', ')}`);
  return { size, rounds, only: PARTS.filter((part) => wanted.length === 0 || wanted.includes(part)) };
}
