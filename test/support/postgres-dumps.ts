import type { Inventory } from '../../src/domain/inventory.ts';
import { type Difference, differences } from '../../src/domain/inventory.ts';
import type {
  Connection,
  DumpRequest,
  DumpSession,
  Origin,
  Plain,
  RestoreReport,
  RestoreRequest,
  Workbench,
} from '../../src/engines/engine.ts';
import { postgres } from '../../src/engines/postgres/index.ts';
import type { Exit } from '../../src/process/child.ts';
import { requireGood, run } from '../../src/process/run.ts';

/** Programs that the suites need; `describeWith` says what to install. */
export const POSTGRES_PROGRAMS = ['initdb', 'postgres', 'pg_dump', 'pg_restore', 'pg_dumpall', 'psql'] as const;

export const FULL: DumpRequest = {
  type: 'full',
  include: [],
  exclude: [],
  lockWaitMs: 10_000,
  blockLimitMs: 0,
  sourceDigest: false,
  passwordHashes: false,
};

export interface Dump {
  readonly exit: Exit;
  readonly bytes: Buffer;
  readonly session: DumpSession;
  readonly origin: Origin;
}

/** A dump of bytes that lie in memory. */
export function plainOf(bench: Workbench, bytes: Buffer, pieceBytes = 65_536): Plain {
  async function* pieces() {
    for (let start = 0; start < bytes.length; start += pieceBytes) yield bytes.subarray(start, start + pieceBytes);
  }
  return {
    bytes: pieces,
    async into(command) {
      const exit = await run(bench.runner, command, { input: pieces(), signal: bench.signal });
      requireGood(exit, 'restore_failed');
      return { stderr: exit.stderr };
    },
  };
}

/** Opens a dump, runs its command to the end and closes it. */
export async function dumpOf(bench: Workbench, source: Connection, request: Partial<DumpRequest> = {}): Promise<Dump> {
  const wish = { ...FULL, ...request };
  const session = await postgres.openDump(bench, source, wish);
  const chunks: Buffer[] = [];
  try {
    const exit = await run(bench.runner, session.command, { onOutput: (chunk) => chunks.push(Buffer.from(chunk)) });
    const { flavour, serverVersion, toolVersion, inventory } = session;
    const origin = { type: wish.type, flavour, serverVersion, toolVersion, database: source.database, inventory };
    return { exit, bytes: Buffer.concat(chunks), session, origin };
  } finally {
    await session.close();
  }
}

export function restoreRequest(target: Connection, wish: Partial<RestoreRequest> = {}): RestoreRequest {
  return { target, type: 'full', inPlace: false, only: [], owners: true, acls: true, roles: {}, ...wish };
}

/** Restores and returns the copy's inventory with the report. */
export async function restored(bench: Workbench, dump: Dump, request: RestoreRequest) {
  const report = await postgres.restore(bench, plainOf(bench, dump.bytes), { origin: dump.origin, request });
  const inventory = await postgres.inventory(bench, request.target, 'digests');
  return { report, inventory };
}

/** Differences that no notice accounts for, as the product counts them. */
export function unaccounted(expected: Inventory, found: Inventory, { accounted }: RestoreReport): Difference[] {
  return differences(expected, found).filter(({ what }) => !accounted.some((entry) => covers(entry, what)));
}

function covers(entry: string, what: string): boolean {
  const names = [what, what.replace(/^(?:value|fact|rows|content) /, '')];
  return entry.endsWith(' *') ? names.some((name) => name.startsWith(entry.slice(0, -1))) : names.includes(entry);
}
