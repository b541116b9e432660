import { Secret } from '../../../domain/secret.ts';
import type { Connection, DumpRequest, DumpSession, Workbench } from '../../engine.ts';
import { requireSupported } from '../probe.ts';
import { openServer, type Server } from '../server.ts';
import { readAccounts } from './accounts.ts';
import { accountObjects, writeScript } from './script.ts';

/** On every system that has a shell. */
const COPY = '/bin/cat';

/**
 * Accounts, roles and grants of the server. They are read here, as the server words them: the dump tools of both families
 * know them with their hashes alone, or not at all. What is read travels through a private file like any secret.
 */
export async function openGlobals(bench: Workbench, source: Connection, request: DumpRequest): Promise<DumpSession> {
  const server = await openServer({ ...source, database: '' }, bench.signal);
  try {
    requireSupported(server);
    return await session(server, request);
  } finally {
    await server.close();
  }
}

async function session(server: Server, { passwordHashes }: DumpRequest): Promise<DumpSession> {
  const { flavour, version } = server;
  const [row] = await server.rows('SELECT UNIX_TIMESTAMP(NOW(3)) * 1000 AS now');
  const { accounts, warnings } = await readAccounts(server, passwordHashes);
  let finish: () => void = () => undefined;
  const watch = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const text = writeScript(accounts, `${flavour} ${version}`);
  return {
    command: { program: COPY, args: [{ file: 'accounts.sql' }], files: { 'accounts.sql': new Secret(text) } },
    flavour,
    serverVersion: version,
    // The words are the server's own.
    toolVersion: version,
    consistency: 'fuzzy',
    warnings: [
      'Accounts are read one after the other, not in one snapshot.',
      ...(passwordHashes ? [] : [HASHES_LEFT_OUT]),
      ...warnings,
    ],
    snapshotAt: new Date(Math.floor(Number(row?.now ?? Date.now()))),
    snapshotId: undefined,
    inventory: { objects: accountObjects(accounts), tables: {}, values: {}, facts: {} },
    uncounted: [],
    watch,
    explain: () => undefined,
    close: async () => finish(),
  };
}

const HASHES_LEFT_OUT =
  'Password hashes are left out: an account that logs in by password is restored locked, until it gets a new one.';
