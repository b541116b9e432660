import type { MongoClient } from 'mongodb';
import { Failure } from '../../domain/failure.ts';
import type { Inventory } from '../../domain/inventory.ts';
import type { Connection, DumpRequest, DumpSession, Workbench } from '../engine.ts';
import { dataName, tableKey } from './canonical.ts';
import { dumpCommand } from './commands.ts';
import { planConsistency } from './consistency.ts';
import { withClient } from './dial.ts';
import { explainTool } from './failures.ts';
import { openGlobals } from './globals.ts';
import { type Listed, listAll, qualified, readObjects, readTables, SYSTEM_DATABASES } from './inventory.ts';
import { canReadOplog, findObstacles, findWarnings, readServer } from './probe.ts';
import { choose } from './selection.ts';
import { requireTool } from './tools.ts';

/**
 * See Engine.openDump. Without an oplog there is no snapshot to count in: rows come from the decoded dump, and the source
 * is counted and digested only where that was asked for.
 */
export async function openDump(bench: Workbench, source: Connection, request: DumpRequest): Promise<DumpSession> {
  if (request.type === 'globals') return openGlobals(bench, source, request);
  checkRequest(source, request);
  const tool = requireTool(bench.tools, 'mongodump');
  const facts = await withClient(bench, source, (client) => inspect(client, source, request));
  const { server, plan, chosen, exclude } = facts;
  let finish = (): void => undefined;
  const watch = new Promise<void>((resolve) => {
    finish = resolve;
  });
  return {
    command: dumpCommand(tool.path, source, { exclude, oplog: plan.oplog }),
    flavour: 'MongoDB',
    serverVersion: server.version,
    toolVersion: tool.version,
    consistency: plan.consistency,
    warnings: facts.warnings,
    snapshotAt: server.time,
    snapshotId: undefined,
    inventory: facts.inventory,
    uncounted: request.sourceDigest ? [] : tablesOf(source, chosen),
    watch,
    explain: (stderr) => explainTool('mongodump', stderr),
    close: async () => finish(),
  };
}

async function inspect(client: MongoClient, source: Connection, request: DumpRequest) {
  const server = await readServer(client);
  const listed = await listAll(client, source.database);
  const chosen = select(source, request, listed);
  const [obstacle] = await findObstacles(client, source, chosen);
  if (obstacle !== undefined)
    throw new Failure('dump_incomplete', obstacle, { remedy: 'Do what the sentence says, then run again.' });
  const left = new Set(chosen);
  const exclude = listed.filter((collection) => !left.has(collection)).map(({ name }) => name);
  const whole = source.database === '' && exclude.length === 0;
  const oplogReadable = await canReadOplog(client, server.deployment);
  const plan = planConsistency({ deployment: server.deployment, whole, oplogReadable });
  const warnings = [...plan.warnings, ...(await findWarnings(client, source))];
  const inventory = await readInventory(client, source, { request, chosen });
  return { server, plan, chosen, exclude, warnings, inventory };
}

async function readInventory(
  client: MongoClient,
  source: Connection,
  { request, chosen }: { request: DumpRequest; chosen: readonly Listed[] },
): Promise<Inventory> {
  return {
    objects: request.type === 'data' ? {} : await readObjects(client, source, chosen),
    tables: request.sourceDigest ? await readTables(client, source, { listed: chosen, content: 'digests' }) : {},
    values: {},
    facts: {},
  };
}

/** A dump of data leaves views out: they hold none, and would come back as empty collections. */
function select(source: Connection, request: DumpRequest, listed: readonly Listed[]): Listed[] {
  const names = listed.map((collection) => qualified(source, collection));
  const chosen = new Set(choose(names, request.include, request.exclude));
  return listed.filter((collection) => {
    const isLeftOut = request.type === 'data' && collection.type === 'view' && source.database !== '';
    return chosen.has(qualified(source, collection)) && !isLeftOut;
  });
}

function tablesOf(source: Connection, chosen: readonly Listed[]): string[] {
  const holders = chosen.filter(({ type }) => type !== 'view');
  return holders.map(({ database, name, type }) =>
    tableKey(qualified(source, { database, name: dataName(name, type) })),
  );
}

function checkRequest(source: Connection, request: DumpRequest): void {
  if (request.type !== 'full' && request.type !== 'data') {
    throw new Failure('usage', `MongoDB has no ${request.type} backup.`, {
      remedy: 'Choose full (data and indexes) or data.',
    });
  }
  if (SYSTEM_DATABASES.includes(source.database)) {
    throw new Failure('usage', `${JSON.stringify(source.database)} is a database of the server itself.`, {
      remedy: 'Name a database of yours, or none to back up the whole server with its users and roles.',
    });
  }
  if (source.database === '' && request.include.length + request.exclude.length > 0) {
    throw new Failure('usage', 'mongodump cannot choose collections while it dumps all databases.', {
      remedy: 'Back up one database, or leave out include and exclude.',
    });
  }
}
