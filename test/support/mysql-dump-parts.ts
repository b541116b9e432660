import type { DumpParts } from '../../src/engines/mysql/commands.ts';

/** A dump of schema and rows, whole, for tests that start the tool themselves. */
export const PARTS: DumpParts = {
  schema: true,
  rows: true,
  only: undefined,
  history: false,
  lockWaitMs: 1_000,
  mark: undefined,
};
