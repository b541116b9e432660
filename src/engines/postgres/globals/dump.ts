import type { Connection, DumpRequest, DumpSession, Workbench } from '../../engine.ts';
import { authorityFile } from '../authority-file.ts';
import { globalsCommand } from '../commands.ts';
import { explainDump } from '../explain.ts';
import { clientFor } from '../programs.ts';
import { readVersion } from '../server-version.ts';
import { applicationName, type Session, withSession } from '../session.ts';
import { readObjects } from './read-objects.ts';

/** Roles, memberships and tablespaces of the server; pg_dumpall writes them as SQL. */
export async function openGlobals(bench: Workbench, server: Connection, request: DumpRequest): Promise<DumpSession> {
  const source = { ...server, database: server.database === '' ? 'postgres' : server.database };
  const name = applicationName(bench, ' look');
  const look = await withSession(source, { applicationName: name, signal: bench.signal }, readGlobals);
  const tool = clientFor(bench.tools, 'pg_dumpall', look.major);
  const command = globalsCommand(tool, source, {
    lockWaitMs: request.lockWaitMs,
    passwordHashes: request.passwordHashes,
    applicationName: applicationName(bench, ''),
    serverOptions: look.serverOptions,
    caFile: await authorityFile(bench, source),
  });
  let finish: () => void = () => undefined;
  const watch = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return {
    command,
    flavour: 'PostgreSQL',
    serverVersion: look.version,
    toolVersion: tool.version,
    consistency: 'fuzzy',
    warnings: [
      'Roles and globals are read one after the other, not in one snapshot.',
      ...(request.passwordHashes ? [] : ['Password hashes of roles are left out; set passwords after a restore.']),
    ],
    snapshotAt: look.at,
    snapshotId: undefined,
    inventory: { objects: look.objects, tables: {}, values: {}, facts: {} },
    uncounted: [],
    watch,
    explain: (stderr) => explainDump(stderr, { source, lockWaitMs: request.lockWaitMs, blocker: undefined }),
    close: async () => finish(),
  };
}

async function readGlobals(session: Session) {
  const objects = await readObjects(session);
  const [row] = await session.rows('select clock_timestamp()::text as at');
  const { version, major } = await readVersion(session);
  return { objects, version, major, at: new Date(row?.at ?? Number.NaN), serverOptions: session.serverOptions };
}
