import type { Kind } from './data.ts';
import type { Size } from './options.ts';

/** How much of everything there is at each size. */
export interface Scale {
  readonly rows: Readonly<Record<Kind, number>>;
  /** pgbench's own scale: 100,000 accounts each. */
  readonly pgbench: number;
  readonly mysqlRows: Readonly<Record<Kind, number>>;
  /** Of about 1.4 kB. */
  readonly mongoDocuments: number;
  readonly uploadMegabytes: number;
  /** Of each pgbench run beside a backup. */
  readonly limitSeconds: number;
  readonly limitRounds: number;
  /** Kills of each victim, at moments spread over the dump. */
  readonly kills: number;
}

const FULL_ROWS = { articles: 260_000, events: 1_200_000, users: 250_000 };

/** Rows of a database of `1 / part` of the full one. */
function rowsOf(part: number): Record<Kind, number> {
  const { articles, events, users } = FULL_ROWS;
  return {
    articles: Math.round(articles / part),
    events: Math.round(events / part),
    users: Math.round(users / part),
  };
}

/** The second, smaller PostgreSQL database of the full size: for restores, and to see what memory depends on. */
export const FIFTH = { rows: rowsOf(5), pgbench: 12 };

export const SCALES: Readonly<Record<Size, Scale>> = {
  quick: {
    rows: rowsOf(40),
    pgbench: 2,
    mysqlRows: rowsOf(40),
    mongoDocuments: 10_000,
    uploadMegabytes: 128,
    limitSeconds: 2,
    limitRounds: 1,
    kills: 1,
  },
  small: {
    rows: FIFTH.rows,
    pgbench: FIFTH.pgbench,
    mysqlRows: rowsOf(5),
    mongoDocuments: 100_000,
    uploadMegabytes: 512,
    limitSeconds: 8,
    limitRounds: 2,
    kills: 3,
  },
  full: {
    rows: FULL_ROWS,
    pgbench: 60,
    mysqlRows: FULL_ROWS,
    mongoDocuments: 300_000,
    uploadMegabytes: 2048,
    limitSeconds: 15,
    limitRounds: 3,
    kills: 5,
  },
};
