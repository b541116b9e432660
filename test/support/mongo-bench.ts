import { Secret } from '../../src/domain/secret.ts';
import type { Connection, DumpRequest, Origin, Plain, RestoreRequest, Workbench } from '../../src/engines/engine.ts';
import { mongodb } from '../../src/engines/mongodb/index.ts';
import { endedWell, requireGood, run } from '../../src/process/run.ts';
import { readConfig } from '../../src/runtime/config.ts';
import { openWorkshop } from '../../src/runtime/workshop.ts';
import type { MongoServer } from './mongo-server/mongo-server.ts';

export interface MongoBench extends Workbench {
  /** What was noted for the person watching. */
  readonly notes: string[];
  close(): void;
}

/** A workbench of this machine, as a real run has it: other user for children where we are root. */
export async function openMongoBench(runId = 'run-1', signal = new AbortController().signal): Promise<MongoBench> {
  const workshop = await openWorkshop(readConfig());
  const notes: string[] = [];
  const { tools, runner, folder, close } = workshop;
  return {
    tools,
    runner,
    folder: folder(runId),
    signal,
    runId,
    notes,
    note: (sentence) => void notes.push(sentence),
    close,
  };
}

export function mongoConnection(
  server: Pick<MongoServer, 'host' | 'port'>,
  changes: Partial<Connection> = {},
): Connection {
  return {
    engine: 'mongodb',
    host: server.host,
    port: server.port,
    user: '',
    password: undefined,
    database: 'shop',
    tls: { mode: 'disable' },
    options: {},
    ...changes,
  };
}

export function login(user: string, password: string): Pick<Connection, 'user' | 'password'> {
  return { user, password: new Secret(password) };
}

export const FULL: DumpRequest = {
  type: 'full',
  include: [],
  exclude: [],
  lockWaitMs: 0,
  blockLimitMs: 0,
  sourceDigest: false,
  passwordHashes: false,
};

export interface Dumped {
  readonly bytes: Buffer;
  readonly origin: Origin;
  readonly stderr: string;
}

/** A whole dump in memory. Throws what the session explains, as the pipeline does. */
export async function dumpAll(bench: Workbench, source: Connection, request: DumpRequest = FULL): Promise<Dumped> {
  const session = await mongodb.openDump(bench, source, request);
  try {
    const chunks: Buffer[] = [];
    const exit = await run(bench.runner, session.command, {
      onOutput: (chunk) => void chunks.push(chunk),
      signal: bench.signal,
    });
    if (!endedWell(exit)) throw session.explain(exit.stderr) ?? new Error(exit.stderr);
    const { flavour, serverVersion, toolVersion, inventory } = session;
    const origin: Origin = {
      type: request.type,
      flavour,
      serverVersion,
      toolVersion,
      database: source.database,
      inventory,
    };
    return { bytes: Buffer.concat(chunks), origin, stderr: exit.stderr };
  } finally {
    await session.close();
  }
}

/** A dump that is already decoded. */
export function plainOf(bench: Workbench, bytes: Buffer): Plain {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
  }
  return {
    bytes: chunks,
    into: async (command) => {
      const exit = await run(bench.runner, command, { input: chunks(), signal: bench.signal });
      requireGood(exit, 'restore_failed');
      return { stderr: exit.stderr };
    },
  };
}

export function restoreRequest(target: Connection, changes: Partial<RestoreRequest> = {}): RestoreRequest {
  return { target, type: 'full', inPlace: false, only: [], owners: true, acls: true, roles: {}, ...changes };
}
