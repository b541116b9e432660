import type { MongoClient } from 'mongodb';
import type { Origin, PlanItem, RestoreRequest, Workbench } from '../engine.ts';
import { withClient } from './dial.ts';
import { isDirty, readServer, type ServerFacts } from './probe.ts';
import { requireTool } from './tools.ts';

const fine = (name: string, detail = ''): PlanItem => ({ name, ok: true, detail, blocks: false });
const blocked = (name: string, detail: string): PlanItem => ({ name, ok: false, detail, blocks: true });

/** See Engine.plan. */
export async function plan(bench: Workbench, origin: Origin, request: RestoreRequest): Promise<readonly PlanItem[]> {
  return withClient(bench, request.target, async (client) => {
    const server = await readServer(client);
    return [
      toolItem(bench),
      typeItem(request),
      versionItem(origin, server),
      server.writable
        ? fine('role', 'the server takes writes')
        : blocked('role', 'The server is not the primary: give the address of the primary.'),
      await targetItem(client, request),
      ...ownerItems(request),
    ];
  });
}

function toolItem(bench: Workbench): PlanItem {
  try {
    return fine('tool', `mongorestore ${requireTool(bench.tools, 'mongorestore').version}`);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return blocked('tool', error.message);
  }
}

function typeItem({ type }: RestoreRequest): PlanItem {
  if (type !== 'schema') return fine('type', type);
  return blocked('type', 'MongoDB cannot restore a schema without documents: choose full or data.');
}

function versionItem(origin: Origin, server: ServerFacts): PlanItem {
  const [from, to] = [origin.serverVersion, server.version].map((version) => Number.parseInt(version, 10));
  if (from === undefined || to === undefined || Number.isNaN(from)) return fine('version', `MongoDB ${server.version}`);
  if (to >= from) return fine('version', `MongoDB ${origin.serverVersion} into ${server.version}`);
  const detail = `The dump is of MongoDB ${origin.serverVersion}, the server is older (${server.version}): use one of ${from} or newer.`;
  return blocked('version', detail);
}

async function targetItem(client: MongoClient, { target, inPlace }: RestoreRequest): Promise<PlanItem> {
  if (target.database === '') return fine('target', 'every database under its own name');
  const db = client.db(target.database);
  const shown = JSON.stringify(target.database);
  if (await isDirty(db)) {
    const detail = `A restore into ${shown} was never finished.`;
    return inPlace
      ? fine('target', `${detail} It is done again.`)
      : blocked('target', `${detail} Restore in place, or drop it.`);
  }
  const names = await db.listCollections({}, { nameOnly: true }).toArray();
  if (names.length === 0) return fine('target', `${shown} is empty`);
  if (inPlace) return fine('target', `${names.length} collections of ${shown} are replaced`);
  return blocked('target', `${shown} has ${names.length} collections: restore under a new name.`);
}

function ownerItems({ roles }: RestoreRequest): PlanItem[] {
  if (Object.keys(roles).length === 0) return [];
  return [
    {
      name: 'roles',
      ok: false,
      detail: 'MongoDB collections have no owner: the role map changes nothing.',
      blocks: false,
    },
  ];
}
